"""What the twilight sky does, learned from every frame of every filter. Pure: no I/O, no clock.

The rate in ADU/s through filter f is R_f = exp(c + d + a_f): c the clear sky's level, d the clouds', a_f the
filter's throughput. While the Sun moves, c follows s G(h): h is the Sun's altitude, G the shape common to
all clear twilights (about 1.15 ln per degree below -2 deg, flattening towards day; sky_flats.md), and s,
about 1, is what tonight's slope makes of it. d forgets itself within minutes. How restless it is nobody knows
beforehand: several Kalman filters run side by side, from a clear sky's to broken cloud's, each weighed by how
well it foresaw the frames. A frame is the mean over its exposure, so each also carries the integral of d.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sequences.sky_prior import REFERENCE_DEG, SkyPrior, Throughput, shape, usual_throughput
from sequences.sky_state import (
    BEND,
    BEND_DEG,
    CLOUD,
    FIRST,
    FORGETS_S,
    LEVEL,
    RESTLESS,
    SHUTTER,
    SLOPE,
    Belief,
    State,
    believed,
    bounded,
    doubted,
    exposed,
    first_state,
    measured,
    moved,
    shrunk,
)  # fmt: skip
from sequences.sun_track import SunTrack

__all__ = ["Belief", "SkyModel", "SkyPrior", "Throughput", "shape"]

Floats = NDArray[np.float64]

_MEASURED_TO, _MEASURED_TO_ADU = 0.002, 3.0


class SkyModel:
    """The filters' common state. Times are Unix seconds; it never goes back in time."""

    def __init__(
        self,
        filters: Sequence[str],
        sun: SunTrack,
        seconds: float,
        prior: SkyPrior | None = None,
        throughputs: Mapping[str, Throughput] | None = None,
    ) -> None:
        prior, known = prior or SkyPrior(), throughputs or {}
        self._sun = sun
        self._index = {name: number + FIRST for number, name in enumerate(filters)}
        starts = [known.get(name) or usual_throughput(name) for name in filters]
        self._state = first_state(prior, starts, sun, seconds)
        # The filters of which a frame was measured in this twilight, by their place in the state.
        self._met: tuple[int, ...] = ()

    @property
    def seconds(self) -> float:
        """The time of the last frame's end."""
        return self._state.seconds

    @property
    def restlessness(self) -> tuple[Floats, Floats]:
        """The hypotheses' cloud deviations in ln, and their weights."""
        return RESTLESS, self._state.weights

    def log_rates(self, seconds: ArrayLike) -> Floats:
        """Return ln of the expected rates in ADU/s, (filters, times), at times from now on."""
        times = np.asarray(seconds, dtype=np.float64)
        mean = self._state.expected
        altitudes, here = self._sun.altitudes_deg(times), self._sun.altitude_deg(self.seconds)
        rise = shape(altitudes) - shape(here)
        bend = BEND_DEG * np.sign(altitudes - here) * -np.expm1(-np.abs(altitudes - here) / BEND_DEG)
        fade = np.exp(-np.maximum(times - self.seconds, 0.0) / FORGETS_S)
        common = mean[LEVEL] + mean[SLOPE] * rise + mean[BEND] * bend + mean[CLOUD] * fade
        return np.asarray(mean[FIRST:, None] + common)

    @property
    def shutter_error_s(self) -> float:
        """How much longer than asked the shutter is open, in seconds."""
        return float(self._state.expected[SHUTTER])

    def log_rate(self, filter_name: str, seconds: float) -> Belief:
        """Believe in the ln rate in ADU/s through a filter at one time."""
        state = moved(self._state, self._sun, seconds)
        row = np.zeros(state.mean.shape[1])
        row[[LEVEL, CLOUD, self._index[filter_name]]] = 1.0
        return believed(state, row, np.zeros(1))

    def throughput_sigma(self, filter_name: str) -> float:
        """How uncertain the filter's throughput is against that of the best known one."""
        state, here = self._state, self._index[filter_name]
        covariance = state.spread[FIRST:, FIRST:]
        here -= FIRST
        apart = covariance[here, here] + np.diag(covariance) - 2 * covariance[here]
        others = np.delete(apart, here)
        return sqrt(max(0.0, float(others.min()))) if others.size else 0.0

    def foresee(
        self,
        filter_name: str,
        opened_s: float,
        exposure_s: float,
        probe: tuple[float, float] | None = None,
    ) -> Belief:
        """Believe in the ln level in ADU of a frame.

        With `probe`, (opened_s, exposure_s) of a look through the same filter before it, as sure as the frame
        will be once that was taken in; its mean is then that without the look.
        """
        state = self._state
        if probe is not None:
            state, row, offset = self._exposed(state, filter_name, *probe)
            state = shrunk(state, row, _MEASURED_TO**2)
        state, row, offset = self._exposed(state, filter_name, opened_s, exposure_s)
        return believed(state, row, offset)

    def learn(
        self, filter_name: str, opened_s: float, exposure_s: float, level_adu: float, sigma_ln: float = 0.0
    ) -> None:
        """Take in a frame's level, whose ln may be off by `sigma_ln` beside what any frame's may."""
        noise = _MEASURED_TO**2 + sigma_ln**2 + (_MEASURED_TO_ADU / level_adu) ** 2
        state, row, offset = self._exposed(self._state, filter_name, opened_s, exposure_s)
        here = self._index[filter_name]
        if here not in self._met:
            state = doubted(state, row, offset, log(level_adu), noise, self._met)
            self._met = (*self._met, here)
        self._state = measured(state, row, offset, log(level_adu), noise)

    def learn_bound(
        self, filter_name: str, opened_s: float, exposure_s: float, level_adu: float, *, brighter: bool
    ) -> None:
        """Take in that a frame's level was at least (`brighter`), or at most, so much."""
        state, row, offset = self._exposed(self._state, filter_name, opened_s, exposure_s)
        self._state = bounded(state, row, offset, log(level_adu), above=brighter)

    def learned(self, filters: Sequence[str]) -> tuple[SkyPrior, dict[str, Throughput]]:
        """Return what another twilight may start from.

        The throughputs of `filters` are less their mean, which the level then holds.
        """
        mean = self._state.expected
        covariance = self._state.spread
        columns = [self._index[name] for name in filters]
        row = np.zeros(mean.size)
        row[[LEVEL, CLOUD]] = 1.0
        row[SLOPE] = float(shape(REFERENCE_DEG) - shape(self._sun.altitude_deg(self.seconds)))
        row[columns] = 1.0 / len(columns)
        prior = SkyPrior(
            level_ln=float(row @ mean),
            level_sigma=sqrt(float(row @ covariance @ row)),
            slope=float(mean[SLOPE]),
            slope_sigma=sqrt(float(covariance[SLOPE, SLOPE])),
            shutter_error_s=float(mean[SHUTTER]),
            shutter_sigma_s=sqrt(float(covariance[SHUTTER, SHUTTER])),
        )
        less = np.eye(len(columns)) - 1.0 / len(columns)
        apart = less @ covariance[np.ix_(columns, columns)] @ less.T
        throughputs = {
            name: Throughput(float(ln), sqrt(max(float(variance), 0.0)))
            for name, ln, variance in zip(filters, less @ mean[columns], np.diag(apart), strict=True)
        }
        return prior, throughputs

    def _exposed(
        self, state: State, filter_name: str, opened_s: float, exposure_s: float
    ) -> tuple[State, Floats, Floats]:
        return exposed(state, self._sun, self._index[filter_name], opened_s, exposure_s)
