"""Figures for Prometheus, and whether the page is well."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from capture.library.coverage import Freshness
from capture.members.roles import Action
from capture.web import shown
from capture.web.access import require
from capture.web.desk import Desk

router = APIRouter()


@router.get("/healthz")
def healthz(request: Request) -> dict[str, Any]:
    """That the page answers, and whether the service does; for who watches the watcher."""
    desk: Desk = request.app.state.desk
    told = desk.link.status()
    return {"ok": True, "service": told.status is not None and told.since is None}


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """What a farm's operators want graphs and alarms of. Give Prometheus a token with the scope watch."""
    require(request, Action.SEE_STATUS)
    desk: Desk = request.app.state.desk
    registry = CollectorRegistry()
    now = shown.now_of(desk)
    _gauge(registry, "service_up", "1 while the service answers", float(now.told.since is None))
    _gauge(registry, "page_faults", "mistakes of the page since it began", desk.faults)
    _gauge(registry, "sun_altitude_degrees", "the Sun above the horizon", now.sun_altitude_deg)
    guard = now.status.get("guard")
    if guard:
        _gauge(registry, "safe", "1 while it is safe to open", float(guard["safe"] is True))
        _gauge(registry, "roof_open", "1 while the roof is open", float(guard["roof"] == "open"))
        _gauge(registry, "roof_fault", "1 while a fault waits for a person", float(bool(guard["fault"])))
    _rigs(registry, now)
    sets = Gauge("nightcal_sets", "sets of the board by state", ["rig", "state"], registry=registry)
    for rig in desk.rigs:
        for state in Freshness:
            sets.labels(rig, state.value).set(0)
    for row in shown.board(desk):
        sets.labels(row.rig, row.freshness.value).inc()
    return Response(generate_latest(registry), media_type="text/plain; version=0.0.4; charset=utf-8")


def _rigs(registry: CollectorRegistry, now: shown.Now) -> None:
    gauges = {
        name: Gauge(f"nightcal_{name}", text, ["rig"], registry=registry)
        for name, text in (
            ("rig_running", "1 while a sequence runs"),
            ("rig_paused", "1 while somebody has paused it"),
            ("sensor_celsius", "the sensor's temperature"),
            ("run_frames_done", "frames of the run under way"),
            ("last_frame_timestamp_seconds", "when the last frame was told"),
        )
    }
    for rig in now.rigs:
        name, run, last = rig["rig"], rig.get("run"), rig.get("last_frame")
        gauges["rig_running"].labels(name).set(bool(run))
        gauges["rig_paused"].labels(name).set(bool(rig.get("paused")))
        gauges["run_frames_done"].labels(name).set(run["done"] if run else 0)
        if rig.get("temperature_c") is not None:
            gauges["sensor_celsius"].labels(name).set(rig["temperature_c"])
        if last:
            told = datetime.fromisoformat(last["time"]).timestamp()
            gauges["last_frame_timestamp_seconds"].labels(name).set(told)


def _gauge(registry: CollectorRegistry, name: str, text: str, value: float) -> None:
    Gauge(f"nightcal_{name}", text, registry=registry).set(value)
