"""Levels and scatter that neither stars, cosmic rays nor hot pixels move."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from capture.library.clipping import MAD_TO_SIGMA


def clipped_mean(values: NDArray[Any], sigma: float = 3.0, iterations: int = 5) -> float:
    """The mean of what lies within `sigma` deviations of the median, clipped until nothing changes."""
    left = np.sort(values, axis=None).astype(np.float64)
    for _ in range(iterations):
        middle = (left[(left.size - 1) // 2] + left[left.size // 2]) / 2
        limit = sigma * float(left.std())
        start, end = (
            np.searchsorted(left, middle - limit, "left"),
            np.searchsorted(left, middle + limit, "right"),
        )
        if end - start in (0, left.size):
            break
        left = left[start:end]
    return float(left.mean())


def scatter_adu(one: NDArray[np.float32], other: NDArray[np.float32], ratio: float = 1.0) -> float:
    """The noise of one frame, from two of a set: sigma(one - other) / sqrt 2 (shared/masters.md, Health).

    The fixed pattern drops out. `ratio` brings `other` to the level of `one`. Pixels beyond 6 deviations
    (by MAD, at least half a step: whole numbers) are left out.
    """
    difference = one - other * np.float32(ratio)
    difference -= np.median(difference)
    distance = np.abs(difference)
    limit = 6 * MAD_TO_SIGMA * max(0.5, float(np.median(distance)))
    return float(difference[distance <= limit].std(dtype=np.float64)) / 2**0.5
