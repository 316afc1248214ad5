"""Pages from templates: everything escaped, whatever a device, a filter or a person is called."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from capture.night.report.svg import clean
from capture.web import words
from capture.web.access import Caller, Right
from capture.web.desk import Desk


def _printable(value: object) -> object:
    return value if isinstance(value, Markup) else clean(str(value))


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
    ("/", "Now", Right.WATCH),
    ("/tonight", "Tonight", Right.WATCH),
    ("/frames", "Frames", Right.WATCH),
    ("/flats", "Flats", Right.WATCH),
    ("/health", "Health", Right.WATCH),
    ("/coverage", "Coverage", Right.WATCH),
    ("/library", "Library", Right.LIBRARY),
    ("/log", "Log", Right.LOG),
    ("/control", "Control", Right.OPERATE),
)


def page(request: Request, name: str, status: int = 200, **more: Any) -> HTMLResponse:
    """The template `name`, with what every page shows."""
    desk: Desk = request.app.state.desk
    caller: Caller = request.state.caller
    text = _PAGES.get_template(name).render(
        desk=desk,
        caller=caller,
        places=[place for place in PLACES if caller.may(place[2])],
        here=request.url.path,
        told=desk.notes.pop(caller.key, "") if caller.key else "",
        Right=Right,
        FRESHNESS=words.FRESHNESS,
        **more,
    )
    return HTMLResponse(text, status)


def part(name: str, **more: Any) -> str:
    """A piece of a page alone."""
    return _PAGES.get_template(name).render(**more)
