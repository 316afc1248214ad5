"""One strategy through one twilight, as plain calls: what each action costs in time and what it brings.

A frame opens at once if its filter is in place. The wheel starts to move when the shutter has shut, so a
change of filter after a frame costs what it takes longer than the download; every strategy is given this. A
lost frame costs its time and is neither measured nor saved.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import numpy as np

from benchmarks.sky_flats.truth import Twilight
from sequences.flat_controller import Action, Expose, Measurement, Probe, Stop, Wait

# A strategy that asks for the same moment again and again is stepped on.
_LEAST_WAIT_S = 1.0
# Of each pixel's light against the median's, an illumination of plus and minus this much, evenly spread.
_VIGNETTING = 0.1


class Strategy(Protocol):
    """What is driven: the actions and measurements are the controller's public ones."""

    def next(self, now: datetime) -> Action:
        """What to do now."""
        ...

    def observe(self, measurement: Measurement) -> None:
        """Take in what came of it."""
        ...

    def saves(self, measurement: Measurement) -> bool:
        """Whether its own rule keeps this frame (never asked about a probe); told back as `counted`."""
        ...


@dataclass(frozen=True)
class Shot:
    """One frame: `level_adu` is its true level above bias, without noise, not clipped."""

    filter: str
    started_s: float
    exposure_s: float
    level_adu: float
    saved: bool
    probe: bool


@dataclass
class Timings:
    """How long a strategy computed, milliseconds of one core a call."""

    next_ms: list[float] = field(default_factory=list)
    observe_ms: list[float] = field(default_factory=list)


def drive(
    strategy: Strategy, twilight: Twilight, quotas: Mapping[str, int], timings: Timings | None = None
) -> list[Shot]:
    """Return every frame that `strategy` took; `quotas` only bounds how many frames there can be.

    Ends at its Stop, or at the window's end.
    """
    camera, faults = twilight.camera, twilight.spec.faults
    rng = np.random.default_rng((twilight.spec.seed, 301, int(twilight.setting)))
    timings = timings if timings is not None else Timings()
    shots: list[Shot] = []
    most = 200 + 40 * sum(quotas.values())
    now_s, shut_s, filter_ = 0.0, -camera.wheel_s, ""
    while now_s < twilight.end_s and len(shots) < most:
        started = time.thread_time()
        action = strategy.next(twilight.when(now_s))
        timings.next_ms.append(1e3 * (time.thread_time() - started))
        if isinstance(action, Stop):
            break
        if isinstance(action, Wait):
            now_s = max(now_s + _LEAST_WAIT_S, (action.until - twilight.epoch).total_seconds())
            continue
        if action.filter != filter_:
            now_s = max(now_s, shut_s + camera.wheel_s)
            filter_ = action.filter
        probe = isinstance(action, Probe)
        opened_s, open_s = now_s, action.exposure_s + camera.shutter_error_s
        shut_s = opened_s + open_s
        download_s = camera.download_s * (camera.probe_fraction if probe else 1.0)
        now_s = shut_s + download_s + rng.uniform(0, camera.download_jitter_s)
        level_adu = twilight.level_adu(filter_, opened_s, open_s)
        noise = rng.standard_normal(2)
        saved = False
        if rng.random() >= faults.lost_fraction:
            seen = _measured(action, twilight, opened_s, level_adu, noise)
            saved = isinstance(action, Expose) and strategy.saves(seen)
            started = time.thread_time()
            strategy.observe(_with_verdict(seen, saved))
            timings.observe_ms.append(1e3 * (time.thread_time() - started))
        shots.append(Shot(filter_, opened_s, action.exposure_s, level_adu, saved, probe))
    return shots


def _measured(
    action: Expose | Probe, twilight: Twilight, opened_s: float, level_adu: float, noise: np.ndarray
) -> Measurement:
    camera = twilight.camera
    seen_adu = level_adu * (1 + camera.scatter * noise[0]) + camera.read_noise_adu * noise[1]
    room_adu = camera.saturation_adu - camera.bias_adu
    brightest_adu = seen_adu * (1 + _VIGNETTING)
    saturated = (brightest_adu - room_adu) / max(2 * _VIGNETTING * seen_adu, 1e-9)
    return Measurement(
        filter=action.filter,
        exposure_s=action.exposure_s,
        started=twilight.when(opened_s),
        level_adu=float(min(seen_adu, room_adu)),
        saturated_fraction=float(np.clip(saturated, 0.0, 1.0)),
        counted=False,
    )


def _with_verdict(seen: Measurement, saved: bool) -> Measurement:
    return Measurement(
        seen.filter, seen.exposure_s, seen.started, seen.level_adu, seen.saturated_fraction, saved
    )
