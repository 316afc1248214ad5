"""A piece of a light calibrated by compiled functions: what nightcal[fast] installs numba for."""

from __future__ import annotations

import sys
import threading

import numpy as np
from numpy.typing import NDArray

from capture.library.calibrate_kernel import COUNTS, MASK_SUM, PIXELS_SUM, TOTALS, calibrate_words
from capture.library.recipe import LEAST_FLAT, MOST_PIXELS, PEDESTAL_ADU, MakePiece, Piece, Recipe, Tally
from capture.store.fits_bands import PixelReader

_TYPES = (np.dtype(">i2"), np.dtype(">f4"))
_NOTHING = np.frombuffer(b"", np.uint32)


def can_compute(recipe: Recipe) -> bool:
    """Whether all files are of 16 bits or float32, and words are those of a little-endian machine."""
    return sys.byteorder == "little" and all(one.stored_dtype in _TYPES for one in recipe.readers)


def by_compiled(recipe: Recipe) -> MakePiece:
    """A Way, for what `can_compute` allows; see recipe.py."""
    return _Compiled(recipe).make


class _Buffers(threading.local):
    """What a thread has in hand: the pixels that it makes, in words, and their mask."""

    def __init__(self) -> None:
        self.stored = np.empty(MOST_PIXELS, np.uint32)
        self.mask = np.empty(MOST_PIXELS, np.uint8)


class _Compiled:
    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._readers = (recipe.raw, recipe.bias, recipe.dark, recipe.flat)
        bits = [8 * one.stored_dtype.itemsize if one else 0 for one in self._readers]
        self._bits = np.array(bits, np.int64)
        self._scales = np.array([one.scale if one else 1 for one in self._readers], np.float32)
        self._zeros = np.array([one.zero if one else 0 for one in self._readers], np.float32)
        self._own = _Buffers()

    def make(self, first: int, count: int) -> Piece:
        recipe, own = self._recipe, self._own
        words = [_words(one, first, count) if one else _NOTHING for one in self._readers]
        totals = np.zeros(TOTALS, np.uint64)
        least = calibrate_words(
            words[0], words[1], words[2], words[3], self._bits, self._scales, self._zeros,
            recipe.saturation_adu, recipe.hot_adu, recipe.dark_scale, recipe.flat_factor,
            LEAST_FLAT, np.float32(PEDESTAL_ADU), recipe.whole, count, own.stored, own.mask, totals,
        )  # fmt: skip
        said = [int(total) for total in totals]
        for one, total in zip(self._readers, said, strict=False):
            if one:
                one.add_to_sum(total)
        hot, unlit, saturated, no_value = said[COUNTS:]
        tally = Tally(hot, unlit, saturated, no_value, float(least), said[PIXELS_SUM], said[MASK_SUM])
        stored = own.stored.view(np.uint8)[: count * recipe.dtype.itemsize]
        return Piece(stored.data, own.mask[:count].data, tally)


def _words(reader: PixelReader, first: int, count: int) -> NDArray[np.uint32]:
    data = reader.read_stored(first, count)
    return np.frombuffer(data + bytes(-len(data) % 4) if len(data) % 4 else data, np.uint32)
