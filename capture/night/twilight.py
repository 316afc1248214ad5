"""What one twilight can hold: every filter's exposures over it, as predicted, and whether flats fit.

Pure: the Sun's altitude and a forecast of the sky are handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from capture.frame import FrameSpec
from capture.site import Window

Floats = NDArray[np.float64]

_STEP_S = 2.0
_SUN_EVERY_S = 60.0


class Forecast(Protocol):
    """What a clear sky will give."""

    def log_rate(self, spec: FrameSpec, sun_altitude_deg: Floats) -> Floats | None:
        """ln of the rate in ADU/s with the Sun there; None when nothing is known of the set's filter."""


@dataclass(frozen=True)
class Pace:
    """What a flat costs in seconds beside its exposure, and what a change of the filter adds."""

    frame_s: float = 3.0
    wheel_s: float = 5.0


@dataclass(frozen=True)
class Limits:
    """Of a flat: its level above bias, and its exposure."""

    target_adu: float
    min_exposure_s: float
    max_exposure_s: float


@dataclass(frozen=True)
class Predicted:
    """Flats of one set as predicted for one twilight: when, and how long they expose."""

    spec: FrameSpec
    count: int
    start: datetime
    end: datetime
    shortest_s: float
    longest_s: float


@dataclass(frozen=True)
class _Course:
    """One set over the twilight, by grid step: exposure in s, and the step after a frame (-1: none)."""

    exposure_s: Floats
    after: list[int]
    first: int
    last: int


class TwilightRoom:
    """One twilight's room for flats."""

    def __init__(
        self,
        window: Window,
        sun_altitude_deg: Callable[[datetime], float],
        forecast: Forecast,
        limits: Limits,
        pace: Pace,
    ) -> None:
        self.window = window
        self._forecast = forecast
        self._limits = limits
        self._pace = pace
        self._seconds = np.arange(0.0, max(window.duration_s, _STEP_S), _STEP_S)
        coarse = np.append(np.arange(0.0, window.duration_s, _SUN_EVERY_S), window.duration_s)
        altitudes = [sun_altitude_deg(window.start + timedelta(seconds=float(s))) for s in coarse]
        self._sun = np.interp(self._seconds, coarse, altitudes)
        self._courses: dict[FrameSpec, _Course] = {}

    def fits(self, counts: Mapping[FrameSpec, int]) -> bool:
        """Whether so many frames of each set can be taken; of sets that it knows nothing of, none."""
        return self._walk(counts) is not None

    def most(self, spec: FrameSpec, wanted: int, beside: Mapping[FrameSpec, int]) -> int:
        """How many frames, at most `wanted`, fit beside those that it holds already."""
        low, high = 0, wanted
        while low < high:
            middle = (low + high + 1) // 2
            if self.fits({**beside, spec: beside.get(spec, 0) + middle}):
                low = middle
            else:
                high = middle - 1
        return low

    def predicted(self, counts: Mapping[FrameSpec, int]) -> list[Predicted]:
        """When these frames, which must fit, would be taken and how long they would expose.

        A set that has no time here, or of which nothing is known, is left out.
        """
        found = []
        known = {spec: count for spec, count in counts.items() if self._course(spec).last >= 0}
        for spec, steps in (self._walk(known) or {}).items():
            exposures_s = self._course(spec).exposure_s[steps]
            start = self.window.start + timedelta(seconds=float(self._seconds[steps[0]]))
            end = self.window.start + timedelta(seconds=float(self._seconds[steps[-1]] + exposures_s[-1]))
            found.append(
                Predicted(spec, len(steps), start, end, float(exposures_s.min()), float(exposures_s.max()))
            )
        return found

    def _walk(self, counts: Mapping[FrameSpec, int]) -> dict[FrameSpec, list[int]] | None:
        """The steps at which each set's frames begin, if all fit; None if not.

        The set that ends first goes first: as every filter's time is the same span, shifted by its
        throughput, no other order fits more.
        """
        courses = [(spec, self._course(spec), count) for spec, count in counts.items() if count > 0]
        courses.sort(key=lambda item: (item[1].last, item[1].first, str(item[0])))
        taken: dict[FrameSpec, list[int]] = {}
        step = 0
        for number, (spec, course, count) in enumerate(courses):
            if number:
                step += ceil(self._pace.wheel_s / _STEP_S)
            step = max(step, course.first)
            begun = taken[spec] = []
            for _ in range(count):
                if step >= len(course.after) or course.after[step] < 0:
                    return None
                begun.append(step)
                step = course.after[step]
        return taken

    def _course(self, spec: FrameSpec) -> _Course:
        if spec not in self._courses:
            self._courses[spec] = self._predict(spec)
        return self._courses[spec]

    def _predict(self, spec: FrameSpec) -> _Course:
        log_rate = self._forecast.log_rate(spec, self._sun)
        if log_rate is None:
            return _Course(np.full(len(self._sun), np.nan), [-1] * len(self._sun), 0, -1)
        limits = self._limits
        per_s = np.gradient(log_rate, _STEP_S) if len(log_rate) > 1 else np.zeros_like(log_rate)
        # The integral over a sky that changes exponentially while the shutter is open (docs/sky_flats.md).
        ratio = limits.target_adu * per_s * np.exp(-log_rate)
        with np.errstate(divide="ignore", invalid="ignore"):
            curved = np.log1p(np.maximum(ratio, -1.0)) / per_s
        steady = limits.target_adu * np.exp(-log_rate)
        exposure_s = np.where(np.abs(ratio) < 1e-6, steady, curved)
        usable = (exposure_s >= limits.min_exposure_s) & (exposure_s <= limits.max_exposure_s)
        usable &= self._seconds + exposure_s <= self.window.duration_s
        steps = np.ceil((exposure_s[usable] + self._pace.frame_s) / _STEP_S).astype(int)
        after = np.full(len(log_rate), -1)
        after[usable] = np.flatnonzero(usable) + steps
        found = np.flatnonzero(usable)
        first, last = (int(found[0]), int(found[-1])) if len(found) else (0, -1)
        return _Course(exposure_s, after.tolist(), first, last)
