"""What the twilight sky does, learned from every frame of every filter. Pure: no I/O, no clock.

The rate in ADU/s through filter f is R_f = exp(c + a_f). c is the sky's level, a_f the filter's throughput,
both natural logarithms. While the Sun moves, c follows s G(h): h is the Sun's altitude, G the shape common
to all clear twilights (about 1.15 ln per degree below -2 deg, flattening towards day; sky_flats.md), and s,
about 1, is what tonight's slope makes of it. A Kalman filter carries (c, s, a_1 ... a_n).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log, log1p

import numpy as np

# Throughputs relative to V in ln units, from typical sets: a start that one frame overrules.
_USUAL_THROUGHPUT = {
    "L": 1.24, "LUM": 1.24, "LUMINANCE": 1.24, "CLEAR": 1.4, "C": 1.4,
    "R": 0.07, "RED": 0.07, "G": 0.1, "GREEN": 0.1, "B": 0.4, "BLUE": 0.4, "V": 0.0, "I": 0.3, "U": -1.8,
    "HA": -3.1, "H-ALPHA": -3.1, "OIII": -2.8, "SII": -3.1, "NII": -3.1, "HB": -2.8,
}  # fmt: skip
_KNOWN_SIGMA, _UNKNOWN_SIGMA = 0.6, 1.5
# Before the first frame: a mid-sized CCD behind V at Sun -4 deg, give or take a factor of 20.
_FIRST_GUESS, _FIRST_GUESS_AT_DEG, _FIRST_SIGMA = 7.5, -4.0, 3.0
_LEVEL_WANDERS_PER_SQRT_S = 0.0025
_SLOPE_WANDERS_PER_SQRT_DEG = 0.02
_MEASURED_TO = 0.006


def shape(sun_altitude_deg: float) -> float:
    """G(h), the ln of a clear twilight's brightness but for a constant; its slope tends to 1.2 per degree."""
    return -1.2 * 0.9 * log1p(exp((-sun_altitude_deg - 1.0) / 0.9))


def shape_slope_per_deg(sun_altitude_deg: float) -> float:
    """dG/dh in ln per degree of the Sun's altitude."""
    return 1.2 / (1.0 + exp((sun_altitude_deg + 1.0) / 0.9))


class SkyModel:
    """The filter's state. Altitudes in degrees; `seconds` is any monotonic count."""

    def __init__(self, filters: Sequence[str]) -> None:
        self._index = {name: number + 2 for number, name in enumerate(filters)}
        usual = [_USUAL_THROUGHPUT.get(name.upper().strip()) for name in filters]
        self._state = np.array([_FIRST_GUESS, 1.0] + [value or 0.0 for value in usual])
        sigmas = [_KNOWN_SIGMA if value is not None else _UNKNOWN_SIGMA for value in usual]
        self._covariance = np.diag(np.square([_FIRST_SIGMA, 0.12, *sigmas]))
        self._sun_altitude_deg = _FIRST_GUESS_AT_DEG
        self._seconds: float | None = None

    def advance(self, seconds: float, sun_altitude_deg: float) -> None:
        """Carry the state to a time at which the Sun stands at `sun_altitude_deg`."""
        rise = shape(sun_altitude_deg) - shape(self._sun_altitude_deg)
        moved_deg = abs(sun_altitude_deg - self._sun_altitude_deg)
        passed_s = 0.0 if self._seconds is None else max(0.0, seconds - self._seconds)
        step = np.eye(len(self._state))
        step[0, 1] = rise
        self._state = step @ self._state
        self._covariance = step @ self._covariance @ step.T
        self._covariance[0, 0] += _LEVEL_WANDERS_PER_SQRT_S**2 * passed_s
        self._covariance[1, 1] += _SLOPE_WANDERS_PER_SQRT_DEG**2 * moved_deg
        self._sun_altitude_deg, self._seconds = sun_altitude_deg, seconds

    def log_rate(self, filter_name: str, sun_altitude_deg: float | None = None) -> tuple[float, float]:
        """ln of the rate in ADU/s through the filter, and its standard deviation.

        At the state's own time, or with the Sun at another altitude.
        """
        h = self._sun_altitude_deg if sun_altitude_deg is None else sun_altitude_deg
        row = self._row(filter_name, shape(h) - shape(self._sun_altitude_deg))
        return float(row @ self._state), float(np.sqrt(row @ self._covariance @ row))

    def slope_per_deg(self) -> float:
        """d ln R / dh now."""
        return float(self._state[1]) * shape_slope_per_deg(self._sun_altitude_deg)

    def learn(self, filter_name: str, log_rate: float, sigma: float) -> None:
        """Take in a measured ln rate at the state's own time."""
        row = self._row(filter_name, 0.0)
        variance = float(row @ self._covariance @ row) + sigma**2 + _MEASURED_TO**2
        gain = self._covariance @ row / variance
        self._state = self._state + gain * (log_rate - float(row @ self._state))
        # Joseph's form keeps the covariance symmetric and positive through a long twilight.
        keep = np.eye(len(self._state)) - np.outer(gain, row)
        noise = np.outer(gain, gain) * (sigma**2 + _MEASURED_TO**2)
        self._covariance = keep @ self._covariance @ keep.T + noise

    def learn_bound(self, filter_name: str, log_rate: float, *, brighter: bool) -> None:
        """Take in that the rate is at least (`brighter`), or at most, so much: a weak one-sided bound."""
        expected, _ = self.log_rate(filter_name)
        beyond = log_rate + (0.7 if brighter else -0.7)
        if (expected < beyond) == brighter:
            self.learn(filter_name, beyond, 0.5)

    def _row(self, filter_name: str, rise: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        row = np.zeros(len(self._state))
        row[0], row[1] = 1.0, rise
        row[self._index[filter_name]] = 1.0
        return row


def exposure_for(level_adu: float, log_rate: float, log_rate_per_s: float, shutter_error_s: float) -> float:
    """The exposure in seconds that collects `level_adu` from a sky whose rate changes exponentially.

    Solves level = R (exp(v t) - 1) / v for t + shutter error, R the rate at shutter opening, v its change
    per second; infinite when the sky fades too fast ever to give so much.
    """
    ratio = level_adu * log_rate_per_s / exp(log_rate)
    if abs(ratio) < 1e-9:
        return level_adu / exp(log_rate) - shutter_error_s
    if ratio <= -1.0:
        return float("inf")
    return log1p(ratio) / log_rate_per_s - shutter_error_s


def log_rate_of(level_adu: float, exposure_s: float) -> float:
    """ln of the mean rate of a frame, which is the rate at mid-exposure to second order of the change."""
    return log(level_adu / exposure_s)
