"""What a look at the middle of the frame tells about all of it. Pure.

A flat's middle is brighter than its median, by optics alone; each whole frame of a filter shows by how much.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from sequences.flat_actions import Measurement
from sequences.flat_shape import FlatShape

# How far the scale may be off: by frames of the same filter, by its last master, by other filters' frames.
_OWN, _MASTER, _OTHERS = 0.002, 0.01, 0.02
# Below this the noise of a small part tells more than the light.
_FAINTEST_ADU = 300.0
# The part of the middle, of each side of the frame, that a master's shape is looked at.
_HALF = 0.125


@dataclass(frozen=True)
class Scale:
    """The middle's level over that of the whole frame, and the deviation of its ln."""

    ratio: float
    sigma: float


class PartScale:
    """The scale by filter, learned from whole frames; `masters` are the shapes of earlier flats."""

    def __init__(self, masters: Mapping[str, FlatShape]) -> None:
        self._of_masters = {name: _middle(shape) for name, shape in masters.items()}
        self._seen: dict[str, float] = {}

    def learn(self, whole: Measurement, middle_adu: float) -> None:
        """Take in a whole frame, whose middle has this level above bias, unless it is empty or saturated."""
        if min(whole.level_adu, middle_adu) >= _FAINTEST_ADU and not whole.saturated_fraction:
            self._seen[whole.filter] = middle_adu / whole.level_adu

    def of(self, filter_name: str) -> Scale | None:
        """The filter's scale; None while neither it nor another filter has been seen whole."""
        if filter_name in self._seen:
            return Scale(self._seen[filter_name], _OWN)
        if filter_name in self._of_masters:
            return Scale(self._of_masters[filter_name], _MASTER)
        others = self._seen or self._of_masters
        return Scale(fmean(others.values()), _OTHERS) if others else None


def _middle(shape: FlatShape) -> float:
    rows, columns = shape.grid.shape[1:]
    here = np.ix_(range(len(shape.grid)), _places(rows), _places(columns))
    return float(np.median(shape.grid[here]))


def _places(blocks: int) -> range:
    """The blocks that lie in the middle, at least one."""
    first, last = int(blocks * (0.5 - _HALF)), -int(-blocks * (0.5 + _HALF) // 1)
    return range(first, max(last, first + 1))
