"""The same as JSON, under /api/v1: what pages show, and what they ask."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field

from capture.errors import BadInput
from capture.members import asking, ledger, queue
from capture.members.roles import Action
from capture.night.board import told as board_told
from capture.night.report.facts import NightFacts
from capture.notices.own_address import set_own
from capture.web import asks, shown
from capture.web.access import Caller, require, require_form
from capture.web.desk import Desk
from capture.web.pages.night import file_answer, picture_answer
from capture.web.plain import frame_data, job_data, master_data, quote_data, request_data, step_data


class Problem(BaseModel):
    """What is wrong, in a sentence."""

    detail: str


class Told(BaseModel):
    """What came of it, in a sentence."""

    told: str


_WORDS = {
    400: "not understood", 401: "nobody has signed in", 403: "not allowed", 404: "not there",
    409: "not now", 413: "too large", 422: "the request says what to mend", 429: "too often",
    503: "the service or the catalogue is away",
}  # fmt: skip
PROBLEMS: dict[int | str, dict[str, Any]] = {
    code: {"model": Problem, "description": text} for code, text in _WORDS.items()
}


def from_our_page(
    request: Request, x_csrf_token: Annotated[str, Header(include_in_schema=False)] = ""
) -> None:
    """A session's cookie alone is not enough to change something."""
    if request.method not in ("GET", "HEAD"):
        require_form(request, x_csrf_token)


router = APIRouter(prefix="/api/v1", responses=PROBLEMS, dependencies=[Depends(from_our_page)])
Number = Annotated[int, Path(ge=1, lt=2**31)]
Before = Annotated[int | None, Query(ge=1, lt=2**31)]
Limit = Annotated[int, Query(ge=1, le=200)]


def _desk(request: Request, action: Action) -> Desk:
    require(request, action)
    desk: Desk = request.app.state.desk
    return desk


@router.get("/me")
def me(request: Request) -> dict[str, Any]:
    """Who you are, and what you may do."""
    caller: Caller = request.state.caller
    return {
        "name": caller.name,
        "role": caller.actor.role.word,
        "may": [action.value for action in Action if caller.may(action)],
    }


class AddressBody(BaseModel):
    """Where to tell you; an empty address: nowhere. `events`: of operators', by their names in `[notify]`."""

    address: Annotated[str, Field(max_length=500)] = ""
    events: Annotated[list[str], Field(max_length=20)] = []


@router.post("/me/address")
def set_address(request: Request, body: AddressBody) -> Told:
    """Be told there of your requests: a mail address, or a URL of Apprise of a service known to the page."""
    desk = _desk(request, Action.SEND_REQUEST)
    accounts = desk.archive.catalogue.accounts
    row = accounts.get(request.state.caller.name or "")
    if row is None:
        raise BadInput("you have no account here to be told of")
    return Told(told=set_own(accounts, row, desk.config.notify, body.address.strip(), body.events))


@router.get("/status")
def status(request: Request) -> dict[str, Any]:
    """Every rig now, as docs/service.md has it; `silent_since`: since then the service has not answered."""
    now = shown.now_of(_desk(request, Action.SEE_STATUS))
    silent = now.told.since.isoformat() if now.told.since else None
    return dict(now.status) | {
        "time": now.time.isoformat(), "sun_altitude_deg": now.sun_altitude_deg, "silent_since": silent,
    }  # fmt: skip


@router.get("/cameras")
def cameras(request: Request) -> list[dict[str, Any]]:
    """What may be asked of each rig, and its filters, as its devices said when they were connected last."""
    desk = _desk(request, Action.SEND_REQUEST)
    said = desk.archive.catalogue.cameras
    known = {name: said.limits(name) for name in desk.rigs}
    return [
        {"rig": name, "filters": said.filters(name)} | asdict(limits)
        for name, limits in known.items()
        if limits is not None
    ]


@router.get("/coverage")
def coverage(request: Request, rig: str = "") -> list[dict[str, Any]]:
    """Of every set what is held and needed, how old it is, and when more comes."""
    desk = _desk(request, Action.SEE_STATUS)
    name = shown.rig_named(desk, rig)
    return [board_told(row) for row in shown.board(desk) if name in (None, row.rig)]


@router.get("/nights/{night}")
def night(request: Request, night: date) -> dict[str, Any]:
    """The runs of a night, how many frames each set got, and why frames were rejected."""
    desk = _desk(request, Action.SEE_STATUS)
    facts: NightFacts = shown.night_facts(desk, shown.night_named(desk, night.isoformat()))
    return {
        "night": facts.night.isoformat(),
        "runs": [
            {
                "id": run.id, "rig": run.rig, "sequence": run.sequence, "started": run.started.isoformat(),
                "ended": run.ended.isoformat() if run.ended else None, "outcome": run.outcome,
            }
            for run in facts.runs
        ],
        "sets": [
            {"rig": one.rig, "set": str(one.spec), "taken": one.taken, "good": one.good} for one in facts.sets
        ],
        "rejected": dict(facts.causes),
    }  # fmt: skip


@router.get("/frames")
def frames(
    request: Request,
    rig: str = "",
    kind: str = "",
    good: bool | None = None,
    of_set: Before = None,
    of_request: Before = None,
    before: Before = None,
    limit: Limit = 50,
) -> list[dict[str, Any]]:
    """Frames, the newest first, also of a set or a request by its id; go on with `before` the last one's."""
    desk = _desk(request, Action.SEE_STATUS)
    found = desk.archive.catalogue.browse.frames(
        rig=shown.rig_named(desk, rig), kind=shown.kind_named(kind), good=good,
        of_set=of_set, of_request=of_request, before=before, limit=limit,
    )  # fmt: skip
    return [frame_data(row) for row in found]


@router.get("/frames/{number}")
def frame(request: Request, number: Number) -> dict[str, Any]:
    """One frame."""
    return frame_data(shown.frame_of(_desk(request, Action.SEE_STATUS), number))


@router.get(
    "/frames/{number}/file",
    responses={200: {"content": {"application/fits": {}}}},
    response_class=FileResponse,
)
def frame_file(request: Request, number: Number) -> Response:
    """The FITS file."""
    desk = _desk(request, Action.SEE_STATUS)
    return file_answer(desk, shown.frame_of(desk, number))


@router.get(
    "/frames/{number}/picture", responses={200: {"content": {"image/png": {}}}}, response_class=Response
)
def frame_picture(request: Request, number: Number) -> Response:
    """Its stretched picture, PNG."""
    desk = _desk(request, Action.SEE_STATUS)
    return picture_answer(desk, shown.frame_of(desk, number), 1000)


@router.get("/health")
def health(request: Request) -> dict[str, Any]:
    """What masters tell of cameras and optics over time."""
    found, wrong = shown.health(_desk(request, Action.SEE_STATUS))
    return {
        "alarms": wrong,
        "trends": [
            {
                "rig": one.rig, "set": one.set, "quantity": one.quantity.name, "unit": one.quantity.unit,
                "usual": one.usual, "limit": one.limit,
                "points": [{"time": p.time.isoformat(), "value": p.value, "out": p.out} for p in one.points],
            }
            for one in found
        ],
    }  # fmt: skip


@router.get("/masters")
def masters(
    request: Request, rig: str = "", kind: str = "", before: Before = None, limit: Limit = 50
) -> list[dict[str, Any]]:
    """Masters, the newest first. `worthless`: why it is not to be used any more, or null."""
    desk = _desk(request, Action.SEE_LIBRARY)
    browse = desk.archive.catalogue.browse
    found = browse.masters(
        rig=shown.rig_named(desk, rig), kind=shown.kind_named(kind), before=before, limit=limit
    )
    spoilt = browse.not_valid(found)
    return [master_data(row, spoilt.get(row.id)) for row in found]


@router.get("/masters/{number}")
def master(request: Request, number: Number) -> dict[str, Any]:
    """One master with every frame that went into it."""
    desk = _desk(request, Action.SEE_LIBRARY)
    row, spoilt = shown.master_of(desk, number)
    inputs = [vars(one) for one in desk.archive.catalogue.browse.inputs(number)]
    return master_data(row, spoilt or None) | {"inputs": inputs}


@router.get(
    "/masters/{number}/file",
    responses={200: {"content": {"application/fits": {}}}},
    response_class=FileResponse,
)
def master_file(request: Request, number: Number) -> Response:
    """The FITS file."""
    desk = _desk(request, Action.SEE_LIBRARY)
    return file_answer(desk, shown.master_of(desk, number)[0])


@router.get("/log")
def log(request: Request, limit: Limit = 100) -> list[dict[str, Any]]:
    """The newest entries of the journal, the newest last."""
    desk = _desk(request, Action.SEE_LOG)
    return shown.entries(desk, limit)[0]


def _carried_out(request: Request, ask: asks.Ask) -> Told:
    caller = require(request, ask.action)
    return Told(told=asks.carried_out(request.app.state.desk, ask, str(caller.actor)))


@router.post("/pause")
def pause(request: Request, ask: asks.PauseAsk) -> Told:
    """Rigs begin no new work; what runs ends in good order."""
    return _carried_out(request, ask)


@router.post("/resume")
def resume(request: Request, ask: asks.ResumeAsk) -> Told:
    """Rigs work again."""
    return _carried_out(request, ask)


@router.post("/stop")
def stop(request: Request, ask: asks.StopAsk) -> Told:
    """The whole service ends in good order."""
    return _carried_out(request, ask)


@router.post("/runs")
def run(request: Request, ask: asks.RunAsk) -> Told:
    """One sequence by hand."""
    return _carried_out(request, ask)


@router.post("/runs/dry")
def run_dry(request: Request, ask: asks.RunAsk) -> dict[str, Any]:
    """The job that it would be; nothing is started."""
    desk = _desk(request, Action.RUN_SEQUENCE)
    return job_data(shown.dry_run_of(desk, ask.rig, ask.hand_run()))


@router.post("/orders")
def order(request: Request, ask: asks.OrderAsk) -> Told:
    """Tonight's special flats."""
    return _carried_out(request, ask)


@router.post("/events")
def event(request: Request, ask: asks.EventAsk) -> Told:
    """What a hand did to a telescope."""
    return _carried_out(request, ask)


@router.post("/set-aside")
def set_aside(request: Request, ask: asks.SetAsideAsk) -> Told:
    """Frames that count no longer."""
    return _carried_out(request, ask)


@router.post("/release")
def release(request: Request, ask: asks.ReleaseAsk) -> Told:
    """Frames that were set aside and count again."""
    return _carried_out(request, ask)


@router.post("/guard/reset")
def reset_guard(request: Request, ask: asks.ResetGuardAsk) -> Told:
    """Forget the roof's fault."""
    return _carried_out(request, ask)


@router.get("/requests")
def requests(request: Request) -> list[dict[str, Any]]:
    """The open requests that you may see, by rig and turn, with place and expected end."""
    desk = _desk(request, Action.SEND_REQUEST)
    found = queue.queue(desk.config, desk.archive, request.state.caller.actor)
    return [request_data(one.row, one.expected) for one in found]


@router.get("/requests/ended")
def ended_requests(
    request: Request, limit: Annotated[int, Query(ge=1, le=1000)] = 50
) -> list[dict[str, Any]]:
    """The requests that are done, cancelled or refused, of those that you may see: the newest ends first."""
    desk = _desk(request, Action.SEND_REQUEST)
    rows = queue.ended_requests(desk.archive.catalogue, request.state.caller.actor, limit)
    return [request_data(row) for row in rows]


@router.get("/requests/{number}")
def one_request(request: Request, number: Number) -> dict[str, Any]:
    """A request, and its steps from the beginning on. Its frames: `/frames?of_request=`."""
    desk = _desk(request, Action.SEND_REQUEST)
    catalogue = desk.archive.catalogue
    try:
        row = queue.request_of(catalogue, request.state.caller.actor, number)
    except BadInput as missing:
        raise LookupError(str(missing)) from None
    steps = catalogue.requests.steps(number)
    return request_data(row) | {"steps": [step_data(step) for step in steps]}


@router.post("/requests/quote")
def quote(request: Request, ask: asks.MemberAsk) -> dict[str, Any]:
    """What there is of it already, what it would cost, when it would be ready; nothing is sent."""
    desk = _desk(request, Action.SEND_REQUEST)
    return quote_data(asking.quote(desk.config, desk.archive, request.state.caller.actor, ask.ask()))


@router.post("/requests", status_code=201)
def send(request: Request, ask: asks.MemberAsk) -> dict[str, Any]:
    """Queue it."""
    desk = _desk(request, Action.SEND_REQUEST)
    return request_data(asking.send(desk.config, desk.archive, request.state.caller.actor, ask.ask()))


class WhyBody(BaseModel):
    """The reason."""

    why: Annotated[str, Field(max_length=300)] = ""


@router.post("/requests/{number}/cancel")
def cancel(request: Request, number: Number, body: WhyBody) -> dict[str, Any]:
    """Take no more frames for it."""
    desk = _desk(request, Action.SEND_REQUEST)
    now = desk.archive.clock.now()
    return request_data(
        queue.cancel(desk.archive.catalogue, request.state.caller.actor, number, body.why, now)
    )


@router.post("/requests/{number}/refuse")
def refuse(request: Request, number: Number, body: WhyBody) -> dict[str, Any]:
    """An operator's no, with the reason."""
    desk = _desk(request, Action.REFUSE_REQUEST)
    now = desk.archive.clock.now()
    return request_data(
        queue.refuse(desk.archive.catalogue, request.state.caller.actor, number, body.why, now)
    )


@router.get("/points")
def points(request: Request, account: Annotated[str, Query(max_length=60)] = "") -> dict[str, Any]:
    """A statement, in thousandths of points; your own if no account is named."""
    caller: Caller = request.state.caller
    of = account or caller.name or ""
    require(request, Action.SEE_POINTS, of)
    told = ledger.statement(request.app.state.desk.archive.catalogue, caller.actor, of)
    return {
        "account": of,
        "balance_millipoints": told.balance_millipoints,
        "lines": [
            {
                "time": line.time.isoformat(), "kind": line.kind.value, "millipoints": line.millipoints,
                "balance_millipoints": line.balance_millipoints, "request": line.request, "who": line.who,
                "why": line.why,
            }
            for line in told.lines
        ],
    }  # fmt: skip


class RefundBody(BaseModel):
    """Points given back to an account, for a request or without."""

    account: Annotated[str, Field(max_length=60)]
    points: float
    why: asks.Why
    request: Annotated[int | None, Field(ge=1, lt=2**31)] = None


class GrantBody(BaseModel):
    """Points for an account; a negative number takes them."""

    account: Annotated[str, Field(max_length=60)]
    points: float
    why: asks.Why


@router.post("/points/grant")
def grant(request: Request, body: GrantBody) -> dict[str, Any]:
    """Give points, or take them, with the reason."""
    desk = _desk(request, Action.CHANGE_POINTS)
    catalogue, now = desk.archive.catalogue, desk.archive.clock.now()
    if catalogue.accounts.get(body.account) is None:
        raise BadInput("there is no such account")
    caller: Caller = request.state.caller
    balance = ledger.grant(catalogue, caller.actor, body.account, body.points, body.why, now)
    return {"account": body.account, "balance_millipoints": balance}


@router.post("/points/refund")
def refund(request: Request, body: RefundBody) -> dict[str, Any]:
    """Give points back, with the reason."""
    desk = _desk(request, Action.CHANGE_POINTS)
    catalogue, now = desk.archive.catalogue, desk.archive.clock.now()
    if catalogue.accounts.get(body.account) is None:
        raise BadInput("there is no such account")
    caller: Caller = request.state.caller
    balance = ledger.refund(catalogue, caller.actor, body.account, body.points, body.why, now, body.request)
    return {"account": body.account, "balance_millipoints": balance}
