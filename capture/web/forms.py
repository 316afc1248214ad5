"""Forms of pages, read into the same typed requests as the API's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, ValidationError

from capture.errors import BadInput
from capture.web.access import Caller, require_form

T = TypeVar("T", bound=BaseModel)


async def form_of(request: Request) -> dict[str, list[str]]:
    """The fields of a form of ours, each with all of its values. Raises NotAllowed for another's."""
    form = await request.form(max_files=0, max_fields=100)
    fields: dict[str, list[str]] = {}
    for name, value in form.multi_items():
        fields.setdefault(name, []).append(str(value))
    require_form(request, "".join(fields.pop("csrf", [])))
    return fields


def one(fields: dict[str, list[str]], name: str) -> str:
    """The one value of a field, or an empty text."""
    return fields.get(name, [""])[0].strip()


def parts(text: str) -> list[str]:
    """What stands between commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def checked(kind: type[T], /, **values: Any) -> T:
    """The typed request; what is empty is left out. Raises BadInput that says what to mend."""
    given = {name: value for name, value in values.items() if value not in ("", [], None)}
    try:
        return kind(**given)
    except ValidationError as error:
        faults = [(" ".join(map(str, one["loc"])), one["msg"]) for one in error.errors()]
        told = "; ".join(f"{where}: {what}".replace("_", " ") for where, what in faults)
        raise BadInput(told[:500]) from None


def again(request: Request, show: Callable[[int, str], HTMLResponse]) -> None:
    """Should what is asked be refused, `show` the form anew, with that status and what is wrong."""
    request.state.again = show


def back_to(request: Request, address: str, told: str) -> RedirectResponse:
    """Go on to a page, which says `told` on top."""
    caller: Caller = request.state.caller
    notes = request.app.state.desk.notes
    if len(notes) > 1000:
        notes.clear()
    notes[caller.key] = told
    return RedirectResponse(address, 303)
