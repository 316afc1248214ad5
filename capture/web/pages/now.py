"""What happens now, and the log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Header, Request
from fastapi.responses import HTMLResponse, StreamingResponse
from fastapi.sse import format_sse_event

from capture.members.roles import Action
from capture.web import words
from capture.web.access import require
from capture.web.desk import Desk
from capture.web.render import page, part
from capture.web.shown import entries, now_of

router = APIRouter()


@router.get("/")
def now_page(request: Request) -> HTMLResponse:
    """Every rig now; where only the library is open, that."""
    caller = request.state.caller
    if not caller.may(Action.SEE_STATUS) and caller.may(Action.SEE_LIBRARY):
        return page(request, "welcome.html")
    require(request, Action.SEE_STATUS)
    return page(request, "now.html", **_now(request))


@router.get("/now/part")
def now_part(request: Request) -> HTMLResponse:
    """The part of it that changes."""
    require(request, Action.SEE_STATUS)
    return page(request, "part_now.html", **_now(request))


def _now(request: Request) -> dict[str, Any]:
    desk: Desk = request.app.state.desk
    now = now_of(desk)
    newest = {rig: desk.archive.catalogue.browse.newest_frames(rig, 1) for rig in desk.rigs}
    return {"now": now, "silence": words.silence(now.told), "newest": newest}


@router.get("/log")
def log_page(request: Request) -> HTMLResponse:
    """The journal: what was, and what happens from now on."""
    require(request, Action.SEE_LOG)
    desk: Desk = request.app.state.desk
    found, number = entries(desk, 200)
    return page(request, "log.html", entries=found[::-1], number=number)


@router.get("/log/stream")
async def log_stream(request: Request, after: str = "", last_event_id: str = Header("")) -> StreamingResponse:
    """Lines of the log as they happen, as events of HTML; from number `after` on, or a lost stream's last."""
    require(request, Action.SEE_LOG)
    desk: Desk = request.app.state.desk

    start = (last_event_id or after)[:9]

    async def events() -> AsyncIterator[bytes]:
        yield format_sse_event(comment="the log from now on", retry=3000)
        async for line in desk.log.follow(int(start) if start.isdigit() else None):
            if line is None:
                yield format_sse_event(comment="still here")
            else:
                number, entry = line
                text = part("part_entry.html", entry=entry)
                yield format_sse_event(data_str=" ".join(text.split()), event="entry", id=str(number))

    return StreamingResponse(events(), media_type="text/event-stream", headers={"x-accel-buffering": "no"})
