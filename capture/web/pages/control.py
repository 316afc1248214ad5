"""What operators do: start, stop, pause, order, tell, set aside, release, reset."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse

from capture.errors import BadInput
from capture.members.roles import Action
from capture.night.dry_run import DryRun
from capture.night.needs import known_filters
from capture.store.events import EventKind
from capture.web import asks, words
from capture.web.access import require
from capture.web.desk import Desk
from capture.web.forms import again, back_to, checked, form_of, one, parts
from capture.web.render import page
from capture.web.shown import dry_run_of, now_of

router = APIRouter()
Fields = Annotated[dict[str, list[str]], Depends(form_of)]


@router.get("/control")
def control(request: Request) -> HTMLResponse:
    """Every form that an operator has."""
    require(request, Action.STOP_RIG)
    return _page(request)


def _page(
    request: Request,
    status: int = 200,
    fault: str = "",
    job: DryRun | None = None,
    asked: dict[str, str] | None = None,
) -> HTMLResponse:
    """`asked`: what stands in the form of runs."""
    desk: Desk = request.app.state.desk
    now = now_of(desk)
    catalogue, night = desk.archive.catalogue, desk.site.night_of(now.time)
    return page(
        request,
        "control.html",
        status,
        fault,
        now=now,
        silence=words.silence(now.told),
        job=job,
        asked=asked,
        kinds=list(EventKind),
        filters={rig.name: known_filters(rig, catalogue) for rig in desk.config.rig},
        orders={rig: catalogue.told.order(rig, night) for rig in desk.rigs},
        aside=catalogue.quarantine.latest(20),
        events=[event for rig in desk.rigs for event in catalogue.told.events(rig=rig)][-20:],
    )


@router.post("/control/run")
def run(request: Request, fields: Fields) -> Response:
    """Start a sequence, or show the job that it would be."""
    caller = require(request, Action.RUN_SEQUENCE)
    desk: Desk = request.app.state.desk
    given = {name: one(fields, name) for name in asks.RunAsk.model_fields}
    again(request, lambda status, fault: _page(request, status, fault, asked=given))
    try:
        exposures_s = [float(part) for part in parts(given["exposures_s"])]
    except ValueError:
        raise BadInput("exposures are seconds separated by commas, as 60, 300") from None
    lists = {"filters": parts(given["filters"]), "exposures_s": exposures_s}
    ask = checked(asks.RunAsk, **(given | lists))
    if one(fields, "do") == "dry":
        return _page(request, job=dry_run_of(desk, ask.rig, ask.hand_run()), asked=given)
    return back_to(request, "/control", asks.carried_out(desk, ask, str(caller.actor)))


@router.post("/control/{what}")
def act(request: Request, what: str, fields: Fields) -> Response:
    """Everything else that is asked of the service."""
    rig, why = one(fields, "rig"), one(fields, "why")
    if request.state.caller.may(Action.STOP_RIG):
        again(request, partial(_page, request))
    rigs = [rig] if rig else []
    match what:
        case "pause":
            ask: asks.Ask = _checked(request, asks.PauseAsk, rigs=rigs, why=why)
        case "resume":
            ask = _checked(request, asks.ResumeAsk, rigs=rigs, why=why)
        case "stop":
            ask = _checked(request, asks.StopAsk, why=why)
        case "order":
            ask = _checked(request, asks.OrderAsk, rig=rig, flats=one(fields, "flats"), why=why)
        case "event":
            given = {name: one(fields, name) for name in ("kind", "filters", "at")}
            ask = _checked(request, asks.EventAsk, rig=rig, why=why, **given)
        case "set-aside":
            kinds, since = fields.get("kinds", []), one(fields, "since")
            ask = _checked(request, asks.SetAsideAsk, rig=rig, kinds=kinds, since=since, why=why)
        case "release":
            ask = _checked(request, asks.ReleaseAsk, rig=rig, frames=one(fields, "frames"), why=why)
        case "reset-guard":
            ask = _checked(request, asks.ResetGuardAsk, why=why)
        case _:
            require(request, Action.STOP_RIG)
            raise LookupError(f"there is no {what[:40]!r} to do")
    desk: Desk = request.app.state.desk
    told = asks.carried_out(desk, ask, str(request.state.caller.actor))
    return back_to(request, "/control", told)


def _checked(request: Request, kind: type[asks.Ask], /, **values: object) -> asks.Ask:
    """First whether they may, then whether it makes sense."""
    require(request, kind.action)
    return checked(kind, **values)


@router.post("/demo/pace")
def pace(request: Request, fields: Fields) -> Response:
    """Hold, step, or cap the simulated time of the demonstration."""
    require(request, Action.STOP_RIG)
    hand = request.app.state.desk.pace
    if hand is None:
        raise LookupError("only a demonstration's time can be held")
    match one(fields, "do"):
        case "pause":
            hand.pause()
        case "go on":
            hand.go_on()
        case "step":
            hand.step(_number(one(fields, "seconds"), 1, 86_400))
        case "rate":
            hand.set_rate(_number(one(fields, "rate"), 0.1, 3600))
            hand.go_on()
        case other:
            raise BadInput(f"{other[:20]!r} is nothing to do with time")
    return back_to(request, "/", "")


def _number(text: str, least: float, most: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not least <= value <= most:
        raise BadInput(f"{text[:20]!r} is no number from {least:g} to {most:g}")
    return value
