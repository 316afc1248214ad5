"""Rows of the catalogue as JSON can tell them."""

from __future__ import annotations

import math
from dataclasses import asdict
from datetime import datetime
from typing import Any

from capture.frame import FrameSpec
from capture.members.asking import Quote
from capture.members.queue import Expected
from capture.night.dry_run import DryRun
from capture.store.requests import RequestRow, RequestStep
from capture.store.rows import FrameRow, MasterRow


def spec_data(spec: FrameSpec) -> dict[str, Any]:
    """A set's fields, named as in FrameSpec."""
    return asdict(spec) | {"kind": spec.kind.value}


def frame_data(row: FrameRow) -> dict[str, Any]:
    """A frame without its pixels."""
    return {
        "id": row.id,
        "rig": row.rig,
        "night": row.night.isoformat(),
        "spec": spec_data(row.spec),
        "taken": row.taken.isoformat(),
        "exposure_s": row.facts.exposure_s,
        "sun_altitude_deg": _finite(row.facts.sun_altitude_deg),
        "ccd_temperature_c": row.facts.ccd_temperature_c,
        "median_adu": row.statistics.median_adu,
        "target_adu": row.target_adu,
        "good": row.good,
        "reasons": list(row.verdict.reasons),
        "file": row.path.rpartition("/")[2],
        "sha256": row.sha256,
    }


def master_data(row: MasterRow, worthless: str | None) -> dict[str, Any]:
    """A master without its inputs."""
    return {
        "id": row.id,
        "rig": row.rig,
        "camera": row.camera,
        "spec": spec_data(row.spec),
        "frames": row.count,
        "method": row.method,
        "built": row.built.isoformat(),
        "oldest_frame": row.oldest_input.isoformat(),
        "newest_frame": row.newest_input.isoformat(),
        "figures": {name: value for name, value in row.figures.items() if math.isfinite(value)},
        "worthless": worthless,
        "file": row.path.rpartition("/")[2],
        "sha256": row.sha256,
        "download": f"/api/v1/masters/{row.id}/file",
    }


def job_data(job: DryRun) -> dict[str, Any]:
    """What a run by hand would take."""
    window = None
    if job.window is not None:
        window = {"start": job.window.start.isoformat(), "end": job.window.end.isoformat()}
    return {
        "rig": job.rig,
        "sequence": job.sequence,
        "needs": job.needs,
        "window": window,
        "frames": job.frames,
        "exposure_total_s": job.exposure_total_s,
        "sets": [{"spec": spec_data(want.spec), "count": want.count} for want in job.wants],
    }


def request_data(row: RequestRow, expected: Expected | None = None) -> dict[str, Any]:
    """A member's request, and where it stands."""
    data = {
        "id": row.id,
        "who": row.who,
        "rig": row.rig,
        "spec": spec_data(row.spec),
        "count": row.count,
        "good": row.good,
        "master": row.master,
        "made": row.made.isoformat(),
        "state": row.state.value,
        "changed": row.changed.isoformat(),
        "by": row.by,
        "why": row.why,
    }
    return data if expected is None else data | {"expected": _expected_data(expected)}


def step_data(step: RequestStep) -> dict[str, Any]:
    """That a request came into a state."""
    return {"time": step.time.isoformat(), "state": step.state.value, "by": step.who, "why": step.why}


def quote_data(quote: Quote) -> dict[str, Any]:
    """What a request would come to."""
    return {
        "spec": spec_data(quote.spec),
        "count": quote.count,
        "millipoints_open": quote.millipoints_open,
        "hours": quote.hours,
        "size_bytes": quote.size_bytes,
        "held": {
            "set": quote.held.set,
            "good_frames": quote.held.good_frames,
            "newest_frame_days": quote.held.newest_frame_days,
            "masters": [master.id for master in quote.held.masters],
        },
        "expected": _expected_data(quote.expected),
        "used": asdict(quote.used),
        "quota": asdict(quote.quota),
    }


def _expected_data(expected: Expected) -> dict[str, Any]:
    return {
        "position": expected.position,
        "night": expected.night.isoformat() if expected.night else None,
        "begins": _iso(expected.begins),
        "ends": _iso(expected.ends),
    }


def _iso(when: datetime | None) -> str | None:
    return when.isoformat() if when else None


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
