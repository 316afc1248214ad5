"""Many frames into one, pixel by pixel: by clipped average, median or average.

Read in bands of rows, sorted by a network over tiles that stay in the processor's cache. Memory: the result,
the rejection map, and buffers of a few MB, however many frames there are. Results equal np.median, np.mean
and astropy.stats.sigma_clip after rounding to float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from capture.errors import CombineError
from capture.library import reduce_numpy
from capture.library.clipping import Clipping, Reduce, Reducers
from capture.library.sources import Source, scaled

BAND_BYTES = 8_000_000
# Of a tile, so that it stays in the processor's second cache; numpy's own cost of a call asks for large ones.
_TILE_BYTES = 800_000
_CLIPPING = Clipping()
# Unsigned 16 bit as FITS stores them: signed, less 32768.
_RAW = (np.dtype(np.int16).str, 32768)


class Method(StrEnum):
    """How frames become one value per pixel."""

    CLIP = "clip"
    MEDIAN = "median"
    AVERAGE = "average"


@dataclass(frozen=True)
class Scaling:
    """What is done to flats before they are combined: less `bias`, float32 ADU, and times each's factor."""

    bias: NDArray[np.float32]
    factors: Sequence[float]


@dataclass(frozen=True)
class Combined:
    """`pixels` in ADU, float32 [rows, columns]; `rejected`, how many values were left out, uint16."""

    pixels: NDArray[np.float32]
    rejected: NDArray[np.uint16]
    count: int

    @property
    def rejected_fraction(self) -> float:
        return float(self.rejected.sum(dtype=np.int64)) / (self.rejected.size * self.count)


def combine(
    sources: Sequence[Source],
    method: Method = Method.CLIP,
    clipping: Clipping = _CLIPPING,
    scaling: Scaling | None = None,
    band_bytes: int = BAND_BYTES,
    reducers: Reducers | None = None,
) -> Combined:
    """Combine frames of one size and type, without NaN.

    `reducers` computes; left out, the compiled functions where nightcal[fast] is installed, else numpy's.
    Raises CombineError when there are none, or their sizes or types, or the size of the bias, differ; and
    when those that are to be scaled are not unsigned 16 bit.
    """
    if not sources:
        raise CombineError("there are no frames to combine")
    shape = sources[0].shape
    sizes = {source.shape for source in sources} | ({scaling.bias.shape} if scaling else set())
    if len(sizes) > 1:
        raise CombineError(f"frames of different sizes cannot be combined: {sorted(sizes)}")
    kinds = {(source.dtype.str, source.zero) for source in sources}
    if len(kinds) > 1 or (scaling is not None and kinds != {_RAW}):
        raise CombineError(f"frames of these types cannot be combined: {sorted(kinds)}")
    dtype = np.dtype(np.float32) if scaling else sources[0].dtype
    zero = 0 if scaling else sources[0].zero
    reduce: Reduce = getattr(reducers or fastest(), method.value)
    rows, columns = shape
    result = Combined(np.empty(shape, np.float32), np.zeros(shape, np.uint16), len(sources))
    # An even number of rows, so that files can be summed in whole words as they are read.
    height = max(2, band_bytes // (len(sources) * columns * dtype.itemsize) // 2 * 2)
    width = max(1024, _TILE_BYTES // (len(sources) * dtype.itemsize))
    buffer = np.empty(len(sources) * min(rows, height) * columns, dtype)
    for first in range(0, rows, height):
        last = min(rows, first + height)
        size = (last - first) * columns
        band = buffer[: len(sources) * size].reshape(len(sources), size)
        _read(sources, first, last, scaling, band)
        pixels, rejected = result.pixels[first:last].reshape(-1), result.rejected[first:last].reshape(-1)
        for start in range(0, size, width):
            tile = slice(start, min(start + width, size))
            reduce(band, tile, clipping, zero, pixels[tile], rejected[tile])
    return result


@cache
def fastest() -> Reducers:
    """The compiled functions where nightcal[fast] is installed, else numpy's: the results are the same."""
    try:
        from capture.library import reduce_compiled  # noqa: PLC0415 - numba is not there everywhere
    except ImportError:
        return reduce_numpy.REDUCERS
    return reduce_compiled.REDUCERS


def _read(
    sources: Sequence[Source], first: int, last: int, scaling: Scaling | None, band: NDArray[Any]
) -> None:
    """The same rows of all frames into `band`, [frames, pixels], in the machine's byte order."""
    for number, source in enumerate(sources):
        if scaling is None:
            source.read_into(first, last, band[number])
        else:
            stored = source.read(first, last)
            np.copyto(
                band[number], scaled(stored, scaling.bias[first:last], scaling.factors[number]).reshape(-1)
            )
