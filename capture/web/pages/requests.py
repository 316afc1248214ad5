"""What members ask for, what it costs, and what operators give back."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse

from capture.errors import BadInput
from capture.members import asking, ledger, queue
from capture.members.roles import Action
from capture.web.access import Caller, require
from capture.web.asks import MemberAsk
from capture.web.desk import Desk
from capture.web.forms import again, back_to, checked, form_of, one
from capture.web.render import has_looked, page
from capture.web.shown import forget_ends, id_of

router = APIRouter()
Fields = Annotated[dict[str, list[str]], Depends(form_of)]


@router.get("/requests")
def requests(request: Request) -> HTMLResponse:
    """The queue, what was asked before, and the form to ask."""
    require(request, Action.SEND_REQUEST)
    answer = _page(request)
    has_looked(answer, request.app.state.desk)
    return answer


def _page(
    request: Request,
    status: int = 200,
    fault: str = "",
    quote: asking.Quote | None = None,
    asked: dict[str, str] | None = None,
) -> HTMLResponse:
    """`asked`: what stands in the form."""
    desk: Desk = request.app.state.desk
    caller: Caller = request.state.caller
    config, archive = desk.config, desk.archive
    return page(
        request, "requests.html", status, fault, quote=quote, asked=asked,
        queue=queue.queue(config, archive, caller.actor),
        cameras={name: limits for name in desk.rigs if (limits := archive.catalogue.cameras.limits(name))},
        past=queue.ended_requests(archive.catalogue, caller.actor),
    )  # fmt: skip


@router.post("/requests")
def ask(request: Request, fields: Fields) -> Response:
    """What it would cost and what there is of it already, or send it."""
    caller = require(request, Action.SEND_REQUEST)
    desk: Desk = request.app.state.desk
    given = {name: one(fields, name) for name in MemberAsk.model_fields}
    again(request, lambda status, fault: _page(request, status, fault, asked=given))
    wanted = checked(MemberAsk, **given)
    if one(fields, "do") != "send":
        quote = asking.quote(desk.config, desk.archive, caller.actor, wanted.ask())
        return _page(request, quote=quote, asked=given)
    row = asking.send(desk.config, desk.archive, caller.actor, wanted.ask())
    return back_to(
        request, "/requests", f"Request {row.id}, {row.count} x {row.spec} by {row.rig}, is queued."
    )


@router.post("/requests/{number}/{what}")
def end(request: Request, number: int, what: str, fields: Fields) -> Response:
    """Cancel one's own, or refuse a member's, with the reason."""
    caller: Caller = require(request, Action.REFUSE_REQUEST if what == "refuse" else Action.SEND_REQUEST)
    desk: Desk = request.app.state.desk
    again(request, partial(_page, request))
    does = {"cancel": queue.cancel, "refuse": queue.refuse}.get(what)
    if does is None:
        raise LookupError(f"there is no {what[:40]!r} to do")
    now = desk.archive.clock.now()
    row = does(desk.archive.catalogue, caller.actor, id_of(number) or 0, one(fields, "why"), now)
    forget_ends(desk, row.who)
    return back_to(request, "/requests", f"Request {row.id} is {row.state.value}; what was taken stays.")


@router.get("/points")
def points(request: Request, account: str = "") -> HTMLResponse:
    """A statement; one's own, or another's for operators."""
    return _points(request, account)


def _points(request: Request, account: str, status: int = 200, fault: str = "") -> HTMLResponse:
    of, told = _statement(request, account)
    desk: Desk = request.app.state.desk
    names = []
    if request.state.caller.may(Action.CHANGE_POINTS):
        names = [row.name for row in desk.archive.catalogue.accounts.all()]
    return page(request, "points.html", status, fault, of=of, statement=told, names=names)


@router.get("/points.csv")
def points_csv(request: Request, account: str = "") -> Response:
    """The same for spreadsheets."""
    of, told = _statement(request, account)
    headers = {"content-disposition": f'attachment; filename="points-{of}.csv"'}
    return Response(told.csv(), media_type="text/csv", headers=headers)


def _statement(request: Request, account: str) -> tuple[str, ledger.Statement]:
    caller: Caller = request.state.caller
    of = account or caller.name or ""
    require(request, Action.SEE_POINTS, of)
    desk: Desk = request.app.state.desk
    if desk.archive.catalogue.accounts.get(of[:100]) is None:
        raise LookupError("there is no such account")
    return of, ledger.statement(desk.archive.catalogue, caller.actor, of)


@router.post("/points")
def change_points(request: Request, fields: Fields) -> Response:
    """Give points back, or grant them, with the reason."""
    caller = require(request, Action.CHANGE_POINTS)
    desk: Desk = request.app.state.desk
    catalogue, now = desk.archive.catalogue, desk.archive.clock.now()
    account, why, number = (one(fields, name) for name in ("account", "why", "request"))
    again(request, lambda status, fault: _points(request, account, status, fault))
    try:
        amount = float(one(fields, "points"))
    except ValueError:
        raise BadInput("points are a number, as 12.5") from None
    if catalogue.accounts.get(account[:100]) is None:
        raise LookupError("there is no such account")
    if number and not (number.isdigit() and len(number) < 10):
        raise BadInput("say which request by its number, or leave it out")
    if one(fields, "do") == "grant":
        ledger.grant(catalogue, caller.actor, account, amount, why, now)
    else:
        ledger.refund(catalogue, caller.actor, account, amount, why, now, int(number) if number else None)
    return back_to(request, f"/points?account={account}", "It stands in the statement.")
