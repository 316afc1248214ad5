"""A night: its timeline, frames, flats; and what masters tell of health."""

from __future__ import annotations

import math
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, StreamingResponse
from pydantic import BaseModel

from capture.errors import StoreError
from capture.members.roles import Action
from capture.night.report.flats import FlatPlots
from capture.night.report.timeline import NARROW, WIDE, Timeline
from capture.store.rows import FrameRow, MasterRow
from capture.web import shown
from capture.web.access import require
from capture.web.desk import Desk
from capture.web.pictures import confined
from capture.web.render import page
from capture.web.zipped import zipped

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


class Wanted(BaseModel):
    """Which frames; what is empty does not matter."""

    rig: str = ""
    kind: str = ""
    verdict: str = ""
    night: str = ""
    of_set: int | None = None
    of_request: int | None = None
    before: int | None = None

    def rows(self, desk: Desk) -> list[FrameRow]:
        """The newest of them first, a page of them. Raises BadInput, LookupError."""
        return desk.archive.catalogue.browse.frames(
            rig=shown.rig_named(desk, self.rig),
            kind=shown.kind_named(self.kind),
            night=shown.night_named(desk, self.night) if self.night else None,
            good={"good": True, "rejected": False}.get(self.verdict),
            of_set=shown.id_of(self.of_set),
            of_request=shown.id_of(self.of_request),
            before=shown.id_of(self.before),
            limit=FRAMES_A_PAGE,
        )

    def link(self, before: int | None) -> str:
        """The same question, from `before` on."""
        asked = self.model_dump(exclude_defaults=True) | ({"before": before} if before else {})
        return urlencode(asked)


@router.get("/frames")
def frames(request: Request, wanted: Annotated[Wanted, Query()]) -> HTMLResponse:
    """The last frames with their pictures and verdicts, the newest first."""
    require(request, Action.SEE_STATUS)
    found = wanted.rows(request.app.state.desk)
    return page(
        request, "frames.html", frames=found, asked=wanted, more=len(found) == FRAMES_A_PAGE,
        size_bytes=sum(2 * math.prod(row.shape) for row in found),
    )  # fmt: skip


@router.get("/frames.zip")
def frames_zip(request: Request, wanted: Annotated[Wanted, Query()]) -> Response:
    """The FITS files of the same frames, in one ZIP."""
    require(request, Action.SEE_STATUS)
    desk: Desk = request.app.state.desk
    files = [(confined(desk.archive, row), row.path) for row in wanted.rows(desk)]
    if not files:
        raise LookupError("there are no such frames")
    return StreamingResponse(
        zipped(files),
        media_type="application/zip",
        headers={"content-disposition": 'attachment; filename="frames.zip"'},
    )


@router.get("/frames/{number}")
def frame(request: Request, number: int) -> HTMLResponse:
    """All that is known of one frame."""
    require(request, Action.SEE_STATUS)
    return page(request, "frame.html", frame=shown.frame_of(request.app.state.desk, number))


@router.get("/frames/{number}/file")
def frame_file(request: Request, number: int) -> Response:
    """The FITS file itself."""
    require(request, Action.SEE_STATUS)
    desk: Desk = request.app.state.desk
    return file_answer(desk, shown.frame_of(desk, number))


@router.get("/frames/{number}/{size_px}.png")
def frame_picture(request: Request, number: int, size_px: int) -> Response:
    """Its stretched picture."""
    require(request, Action.SEE_STATUS)
    desk: Desk = request.app.state.desk
    return picture_answer(desk, shown.frame_of(desk, number), size_px)


def file_answer(desk: Desk, row: FrameRow | MasterRow) -> Response:
    """A file of the archive. Raises LookupError when it is gone, StoreError when it is not in the archive."""
    path = confined(desk.archive, row)
    return FileResponse(
        path, media_type="application/fits", filename=path.name, headers={"etag": f'"{row.sha256}"'}
    )


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
