"""A night: its timeline, frames, flats; and what masters tell of health."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from capture.errors import StoreError
from capture.members.roles import Action
from capture.night.report.flats import FlatPlots
from capture.night.report.timeline import NARROW, WIDE, Timeline
from capture.web import shown
from capture.web.access import require
from capture.web.desk import Desk
from capture.web.render import page

router = APIRouter()
FRAMES_A_PAGE = 40
# The band that plots of levels shade, as in the report.
_TOLERANCE = 0.25


@router.get("/tonight")
def tonight(request: Request, night: str = "") -> HTMLResponse:
    """The timeline of tonight, or of another night, and what is still planned."""
    require(request, Action.SEE_STATUS)
    desk: Desk = request.app.state.desk
    of = shown.night_named(desk, night)
    facts = shown.night_facts(desk, of)
    planned = shown.plans(desk, of) if of == shown.night_named(desk, "") else []
    timelines = [Timeline(facts, layout).draw() for layout in (WIDE, NARROW)]
    return page(request, "tonight.html", facts=facts, planned=planned, timelines=timelines)


@router.get("/frames")
def frames(
    request: Request,
    rig: str = "",
    kind: str = "",
    verdict: str = "",
    night: str = "",
    before: int | None = None,
) -> HTMLResponse:
    """The last frames with their pictures and verdicts, the newest first."""
    require(request, Action.SEE_STATUS)
    desk: Desk = request.app.state.desk
    found = desk.archive.catalogue.browse.frames(
        rig=shown.rig_named(desk, rig),
        kind=shown.kind_named(kind),
        night=shown.night_named(desk, night) if night else None,
        good={"good": True, "rejected": False}.get(verdict),
        before=shown.id_of(before),
        limit=FRAMES_A_PAGE,
    )
    asked = {"rig": rig, "kind": kind, "verdict": verdict, "night": night}
    return page(request, "frames.html", frames=found, asked=asked, more=len(found) == FRAMES_A_PAGE)


@router.get("/frames/{number}")
def frame(request: Request, number: int) -> HTMLResponse:
    """All that is known of one frame."""
    require(request, Action.SEE_STATUS)
    return page(request, "frame.html", frame=shown.frame_of(request.app.state.desk, number))


@router.get("/frames/{number}/{size_px}.png")
def frame_picture(request: Request, number: int, size_px: int) -> Response:
    """Its stretched picture."""
    require(request, Action.SEE_STATUS)
    desk: Desk = request.app.state.desk
    return picture_answer(desk, shown.frame_of(desk, number), size_px)


def picture_answer(desk: Desk, row: Any, size_px: int) -> Response:
    """A picture as PNG. Raises StoreError for a file that shows none."""
    made = desk.pictures.of(row, size_px)
    if made.fault:
        raise StoreError(made.fault)
    return Response(made.png, media_type="image/png", headers={"cache-control": "private, max-age=86400"})


@router.get("/flats")
def flats(request: Request, night: str = "") -> HTMLResponse:
    """Level and exposure of a night's flats against the Sun's altitude."""
    require(request, Action.SEE_STATUS)
    desk: Desk = request.app.state.desk
    facts = shown.night_facts(desk, shown.night_named(desk, night))
    plots = [one for one in (FlatPlots(facts, rig, _TOLERANCE) for rig in facts.rigs) if one.taken]
    return page(request, "flats.html", facts=facts, plots=plots)


@router.get("/health")
def health(request: Request) -> HTMLResponse:
    """What masters tell of cameras and optics over time."""
    require(request, Action.SEE_STATUS)
    found, wrong = shown.health(request.app.state.desk)
    return page(request, "health.html", trends=list(enumerate(found)), wrong=wrong)


@router.get("/health/{number}.json")
def health_points(request: Request, number: int) -> Response:
    """The points of one of its plots."""
    require(request, Action.SEE_STATUS)
    found, _ = shown.health(request.app.state.desk)
    if not 0 <= number < len(found):
        raise LookupError(f"there is no plot {number}")
    trend = found[number]
    return JSONResponse({
        "time_s": [point.time.timestamp() for point in trend.points],
        "value": [point.value for point in trend.points],
        "out": [bool(point.out) for point in trend.points],
        "usual": trend.usual, "limit": trend.limit,
        "unit": trend.quantity.unit, "words": trend.quantity.words,
    })  # fmt: skip
