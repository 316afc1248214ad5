"""What one rig of the service does now, as plain data: for `nightcal status`, and for a page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from capture.errors import NoWindow
from capture.guard.client import RoofState
from capture.night.farm import Farm
from capture.night.hand_runs import next_twilight
from capture.night.rig_life import RigLife
from capture.night.run import Progress
from capture.rig.patience import Activity
from capture.rig.rig import Rig


def rig_status(farm: Farm, life: RigLife, last_frame: Mapping[str, object] | None) -> dict[str, Any]:
    """Every field of docs/service.md, by what the workers have seen and set last.

    From any thread; asks no device and no database.
    """
    rig, now, progress = farm.rigs[life.name], farm.clock.now(), farm.runners[life.name].progress
    temperature, cooling, flats = rig.temperature, rig.cooling, _next_flats(rig, now)
    coming = life.coming
    return {
        "rig": life.name,
        "doing": life.doing,
        "sequence": progress.sequence if progress is not None else None,
        "exposure": _exposure(rig, now),
        "set_progress": _set_progress(rig, progress),
        "eta": progress.ends.isoformat() if progress is not None else None,
        "run": _run(progress),
        "waiting_for": _waiting(rig.patience.activity, farm.clock.monotonic()),
        "paused": str(life.pause) if life.pause is not None else None,
        "asked": [str(run) for run in life.asked],
        "roof": _roof(farm),
        "next_window": coming if coming is not None else _as_window(flats),
        "next_flats": flats,
        "temperature_c": temperature.temperature_c if temperature is not None else None,
        "temperature_read": temperature.time.isoformat() if temperature is not None else None,
        "cooler_power_percent": temperature.cooler_power_percent if temperature is not None else None,
        "set_temperature_c": cooling.set_temperature_c if cooling is not None else None,
        "last_frame": last_frame,
    }


def _exposure(rig: Rig, now: datetime) -> dict[str, Any] | None:
    exposure = rig.under_way
    if exposure is None:
        return None
    ends = exposure.started + timedelta(seconds=exposure.exposure_s)
    return {
        "started": exposure.started.isoformat(),
        "exposure_s": exposure.exposure_s,
        "left_s": round(max(0.0, (ends - now).total_seconds()), 1),
        "filter": exposure.spec.filter,
        "kind": exposure.spec.kind.value,
    }


def _set_progress(rig: Rig, progress: Progress | None) -> dict[str, Any] | None:
    exposure = rig.under_way
    of = progress.of_set(exposure.spec if exposure else None) if progress is not None else None
    return {"set": str(of.key), "taken": of.taken, "wanted": of.wanted} if of is not None else None


def _run(progress: Progress | None) -> dict[str, Any] | None:
    if progress is None:
        return None
    return {
        "sequence": progress.sequence,
        "done": progress.done,
        "wanted": progress.wanted,
        "ends": progress.ends.isoformat(),
        "text": str(progress),
    }


def _waiting(activity: Activity | None, ticks: float) -> dict[str, Any] | None:
    if activity is None:
        return None
    left_s = None if activity.until is None else max(0.0, round(activity.until - ticks, 1))
    return {"what": activity.what, "for_s": round(ticks - activity.since, 1), "left_s": left_s}


def _roof(farm: Farm) -> str:
    return farm.guard.report().roof.value if farm.config.roof is not None else RoofState.NONE.value


def _next_flats(rig: Rig, now: datetime) -> dict[str, str] | str:
    try:
        window = next_twilight(rig.site, now, rig.config)
    except NoWindow as error:
        return str(error)
    return {"start": window.start.isoformat(), "end": window.end.isoformat()}


def _as_window(flats: dict[str, str] | str) -> dict[str, str] | None:
    return None if isinstance(flats, str) else {"sequence": "sky_flats"} | flats
