"""How long to expose under a sky that changes meanwhile. Pure; floats or arrays alike.

A rate that changes exponentially, R at the shutter's opening and v its relative change per second, collects
N = R (e^(v t) - 1) / v in a time t. The shutter's error is how much longer than asked it is open.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_STEADY = 1e-9


def exposure_s(level_adu: float, log_rate: ArrayLike, per_s: ArrayLike, shutter_error_s: float) -> Floats:
    """Return the exposure that collects `level_adu`: t = ln(1 + N v / R) / v - shutter error.

    `log_rate` is ln R in ADU/s, `per_s` is v; infinite where the sky fades too fast ever to give so much.
    """
    change = np.asarray(per_s, dtype=np.float64)
    steady_s = level_adu * np.exp(-np.clip(np.asarray(log_rate, dtype=np.float64), -500.0, 500.0))
    grown = steady_s * change
    small = np.abs(grown) < _STEADY
    safe = np.where(small, 1.0, change)
    with np.errstate(divide="ignore", invalid="ignore"):
        open_s = np.where(small, steady_s, np.log1p(np.maximum(grown, -1.0)) / safe)
    return np.asarray(open_s - shutter_error_s)


def mean_log_rate(log_rate: ArrayLike, per_s: ArrayLike, open_s: ArrayLike) -> Floats:
    """Return ln of the mean rate over a time that the shutter is open: ln(R (e^(v t) - 1) / (v t))."""
    x = np.asarray(per_s, dtype=np.float64) * np.asarray(open_s, dtype=np.float64)
    # The series is exact to 1e-7 for the few tenths that a sky changes within one frame.
    return np.asarray(np.asarray(log_rate, dtype=np.float64) + x / 2 + x * x / 24 - x**4 / 2880)
