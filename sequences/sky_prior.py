"""What is known of a twilight before the first frame: how it fades, how bright, what filters let through."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

# Throughputs relative to V in ln units, from typical sets: a start that one frame overrules.
_USUAL_THROUGHPUT = {
    "L": 1.24, "LUM": 1.24, "LUMINANCE": 1.24, "CLEAR": 1.4, "C": 1.4,
    "R": 0.07, "RED": 0.07, "G": 0.1, "GREEN": 0.1, "B": 0.4, "BLUE": 0.4, "V": 0.0, "I": 0.3, "U": -1.8,
    "HA": -3.1, "H-ALPHA": -3.1, "OIII": -2.8, "SII": -3.1, "NII": -3.1, "HB": -2.8,
}  # fmt: skip
_KNOWN_SIGMA, _UNKNOWN_SIGMA = 0.6, 1.5
# Before the first frame: a mid-sized CCD behind V at Sun -4 deg, give or take a factor of 20.
_FIRST_GUESS, _FIRST_SIGMA = 7.5, 3.0
REFERENCE_DEG = -4.0
_SLOPE_SIGMA = 0.1


def shape(sun_altitude_deg: ArrayLike) -> Floats:
    """G(h), the ln of a clear twilight's brightness but for a constant.

    Its slope is 0.1 per degree by day, 0.4 at sunset, 1.2 from -3 to -8 deg, and 0.75 at -12 deg.
    """
    depth = -np.asarray(sun_altitude_deg, dtype=np.float64)
    sunset = 1.2 * 0.9 * np.logaddexp(0.0, (depth - 1.0) / 0.9)
    night = 0.66 * 1.3 * np.logaddexp(0.0, (depth - 11.0) / 1.3)
    day = 0.12 * np.logaddexp(0.0, 1.0 - depth)
    return np.asarray(day - sunset + night)


@dataclass(frozen=True)
class Throughput:
    """A filter's ln throughput, less the mean of those it was learned with, and its deviation."""

    ln: float
    sigma: float


@dataclass(frozen=True)
class SkyPrior:
    """What is believed before the first frame: the level at Sun -4 deg (ln ADU/s), the slope, the filters."""

    level_ln: float = _FIRST_GUESS
    level_sigma: float = _FIRST_SIGMA
    slope: float = 1.0
    slope_sigma: float = _SLOPE_SIGMA
    shutter_error_s: float = 0.0
    shutter_sigma_s: float = 0.0


def usual_throughput(filter_name: str) -> Throughput:
    """What a filter of that name usually lets through."""
    usual = _USUAL_THROUGHPUT.get(filter_name.upper().strip())
    return Throughput(0.0, _UNKNOWN_SIGMA) if usual is None else Throughput(usual, _KNOWN_SIGMA)
