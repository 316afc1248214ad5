"""Pages from templates: everything escaped, whatever a device, a filter or a person is called."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from capture.errors import StoreError
from capture.members.roles import Action
from capture.night.report.svg import clean
from capture.web import words
from capture.web.access import GUEST_COOKIE, Caller
from capture.web.desk import Desk
from capture.web.shown import NEWS_LASTS, ends_of


def _printable(value: object) -> object:
    return value if isinstance(value, Markup) else clean(str(value))


LOOKED_COOKIE = "nightcal_looked"
_PAGES = Environment(
    loader=PackageLoader("capture.web"),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=_printable,
    trim_blocks=True,
    lstrip_blocks=True,
)
_PAGES.filters |= words.ALL

# Address, name and right of what the head of every page leads to.
PLACES = (
    ("/", "Now", Action.SEE_STATUS),
    ("/tonight", "Tonight", Action.SEE_STATUS),
    ("/frames", "Frames", Action.SEE_STATUS),
    ("/flats", "Flats", Action.SEE_STATUS),
    ("/health", "Health", Action.SEE_STATUS),
    ("/coverage", "Coverage", Action.SEE_STATUS),
    ("/library", "Library", Action.SEE_LIBRARY),
    ("/requests", "Requests", Action.SEND_REQUEST),
    ("/points", "Points", Action.SEE_POINTS),
    ("/log", "Log", Action.SEE_LOG),
    ("/control", "Control", Action.STOP_RIG),
    ("/users", "Users", Action.MANAGE_ACCOUNTS),
)


def page(request: Request, name: str, status: int = 200, fault: str = "", **more: Any) -> HTMLResponse:
    """The template `name`, with what every page shows; `fault`: what was wrong with what was asked last."""
    desk: Desk = request.app.state.desk
    caller: Caller = request.state.caller
    text = _PAGES.get_template(name).render(
        desk=desk,
        me=caller,
        places=[place for place in PLACES if caller.may(place[2])],
        here=request.url.path,
        told=desk.notes.pop(caller.key, ""),
        news=partial(_news, request),
        fault=fault,
        Action=Action,
        **more,
    )
    answer = HTMLResponse(text, status)
    if caller.fresh:
        set_cookie(answer, desk, GUEST_COOKIE, caller.secret, None)
    return answer


def _news(request: Request) -> int:
    """How many of the caller's requests have ended since they looked; of the last week on a new browser."""
    desk: Desk = request.app.state.desk
    caller: Caller = request.state.caller
    if not caller.may(Action.SEND_REQUEST) or request.url.path == "/requests":
        return 0
    looked = datetime.min.replace(tzinfo=UTC)
    with suppress(ValueError, OverflowError, OSError):
        looked = datetime.fromtimestamp(float(request.cookies.get(LOOKED_COOKIE, "")), UTC)
    # A page that tells of the catalogue's absence needs none of it.
    with suppress(StoreError):
        return sum(time > looked for time in ends_of(desk, caller.actor))
    return 0


def has_looked(answer: Response, desk: Desk) -> None:
    """The browser remembers until when its person has seen what became of their requests."""
    now = desk.archive.clock.now().timestamp()
    set_cookie(answer, desk, LOOKED_COOKIE, f"{now:.3f}", int(NEWS_LASTS.total_seconds()))


def set_cookie(answer: Response, desk: Desk, name: str, value: str, lasts_s: int | None) -> None:
    """A cookie that no script and no other site gets; None: until the browser is shut."""
    answer.set_cookie(name, value, max_age=lasts_s, httponly=True, samesite="lax", secure=desk.web.is_secure)


def part(name: str, **more: Any) -> str:
    """A piece of a page alone."""
    return _PAGES.get_template(name).render(**more)
