"""A piece of a light calibrated with numpy alone, by the steps of recipe.py: any type of pixels."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from capture.library.recipe import (
    HOT,
    LEAST_FLAT,
    MOST_PIXELS,
    NO_VALUE,
    PEDESTAL_ADU,
    SATURATED,
    UNLIT,
    MakePiece,
    Piece,
    Recipe,
    Tally,
)
from capture.store.data_unit import sum_of_halves
from capture.store.fits_bands import Values, sum_of_words


def by_numpy(recipe: Recipe) -> MakePiece:
    """A Way; see recipe.py."""
    return _Numpy(recipe).make


class _Buffers(threading.local):
    """What a thread has in hand: three float32 [pixels] and a mask."""

    def __init__(self) -> None:
        self.values, self.other, self.third = np.empty((3, MOST_PIXELS), np.float32)
        self.mask = np.empty(MOST_PIXELS, np.uint8)


class _Numpy:
    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._own = _Buffers()

    # What is not finite in the end is marked, whatever became of it on the way.
    @np.errstate(all="ignore")
    def make(self, first: int, count: int) -> Piece:
        own, recipe = self._own, self._recipe
        values, other, third = own.values[:count], own.other[:count], own.third[:count]
        mask: NDArray[np.uint8] = own.mask[:count]
        recipe.raw.read(first, values)
        np.left_shift((values >= recipe.saturation_adu).view(np.uint8), 2, out=mask)
        if recipe.dark is not None:
            recipe.dark.read(first, other)
            mask |= (other > recipe.hot_adu).view(np.uint8)
            if recipe.bias is not None:
                recipe.bias.read(first, third)
                other -= third
                other *= recipe.dark_scale
                other += third
            values -= other
        elif recipe.bias is not None:
            recipe.bias.read(first, other)
            values -= other
        if recipe.flat is not None:
            recipe.flat.read(first, other)
            other *= recipe.flat_factor
            # One look at the least value spares most pieces the search; NaN fails it, too.
            if not other.min() >= LEAST_FLAT:
                unlit = ~(other >= LEAST_FLAT)
                mask |= unlit.view(np.uint8) << 1
                other[unlit] = LEAST_FLAT
            values /= other
        # NaN passes on to both, and looking twice takes half as long as a sum.
        if not (np.isfinite(values.min()) and np.isfinite(values.max())):
            lost = ~np.isfinite(values)
            mask |= lost.view(np.uint8) << 3
            values[lost] = 0
        if recipe.whole:
            values += np.float32(PEDESTAL_ADU)
            np.clip(np.rint(values, out=values), 0, 65535, out=values)
        tally = _counted(values, mask)
        stored, tally.pixels_sum = _stored(values, recipe.whole)
        return Piece(stored, mask.data, tally)


def _counted(values: Values, mask: NDArray[np.uint8]) -> Tally:
    if not mask.any():
        return Tally()
    marked = mask[mask != 0]
    hot, unlit, saturated, no_value = (
        int(np.count_nonzero(marked & bit)) for bit in (HOT, UNLIT, SATURATED, NO_VALUE)
    )
    tally = Tally(hot, unlit, saturated, no_value, mask_sum=_sum_of_bytes(mask))
    if tally.saturated:
        tally.least_saturated_adu = float(values[(mask & SATURATED) != 0].min())
    return tally


def _stored(values: Values, whole: bool) -> tuple[memoryview, int]:
    """Pixels as FITS has them, and what they add to DATASUM."""
    if whole:
        signed = (values - np.float32(32768)).astype(np.int16)
        return signed.astype(">i2").view(np.uint8).data, sum_of_halves(signed)
    stored = values.astype(">f4")
    total = sum_of_words(values) if values.size % 2 == 0 else _sum_of_bytes(stored.view(np.uint8))
    return stored.view(np.uint8).data, total


def _sum_of_bytes(data: NDArray[np.uint8]) -> int:
    if data.size % 4:
        data = np.concatenate([data, np.zeros(-data.size % 4, np.uint8)])
    return int(data.view(">u4").sum(dtype=np.uint64))
