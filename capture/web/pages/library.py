"""The library: the coverage board, and masters with what they were made of, to look at and to fetch."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from capture.members.roles import Action
from capture.web import shown
from capture.web.access import require
from capture.web.desk import Desk
from capture.web.pages.night import file_answer, picture_answer
from capture.web.render import page, part
from capture.web.words import FRESHNESS

router = APIRouter()
MASTERS_A_PAGE = 60


@router.get("/coverage")
def coverage(request: Request, rig: str = "") -> HTMLResponse:
    """Of every set what is held and needed, how old it is, and when more comes."""
    require(request, Action.SEE_STATUS)
    desk: Desk = request.app.state.desk
    name = shown.rig_named(desk, rig)

    def table() -> Markup:
        rows = [row for row in shown.board(desk) if name in (None, row.rig)]
        return Markup(part("part_coverage.html", rows=rows, FRESHNESS=FRESHNESS)) if rows else Markup("")

    # A thousand rows take longer to write than all else of a page.
    board = desk.kept.get(("board", name), shown.CHEAP_S, table)
    return page(request, "coverage.html", board=board, asked={"rig": rig})


@router.get("/library")
def masters(request: Request, rig: str = "", kind: str = "", before: int | None = None) -> HTMLResponse:
    """Masters, the newest first."""
    require(request, Action.SEE_LIBRARY)
    desk: Desk = request.app.state.desk
    browse = desk.archive.catalogue.browse
    found = browse.masters(
        rig=shown.rig_named(desk, rig), kind=shown.kind_named(kind), before=shown.id_of(before),
        limit=MASTERS_A_PAGE,
    )  # fmt: skip
    asked, more = {"rig": rig, "kind": kind}, len(found) == MASTERS_A_PAGE
    return page(
        request, "library.html", masters=found, spoilt=browse.not_valid(found), asked=asked, more=more
    )


@router.get("/library/{number}")
def master(request: Request, number: int) -> HTMLResponse:
    """One master: its set, method, figures, and every frame that went into it."""
    require(request, Action.SEE_LIBRARY)
    desk: Desk = request.app.state.desk
    row, spoilt = shown.master_of(desk, number)
    return page(
        request, "master.html", master=row, spoilt=spoilt, inputs=desk.archive.catalogue.browse.inputs(number)
    )


@router.get("/library/{number}/file")
def master_file(request: Request, number: int) -> Response:
    """The FITS file itself."""
    require(request, Action.SEE_LIBRARY)
    desk: Desk = request.app.state.desk
    return file_answer(desk, shown.master_of(desk, number)[0])


@router.get("/library/{number}/{size_px}.png")
def master_picture(request: Request, number: int, size_px: int) -> Response:
    """Its stretched picture."""
    require(request, Action.SEE_LIBRARY)
    desk: Desk = request.app.state.desk
    return picture_answer(desk, shown.master_of(desk, number)[0], size_px)
