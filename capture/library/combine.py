"""Many frames into one, pixel by pixel: by clipped average, median or average.

Read in bands of rows, sorted by a network over tiles that stay in the processor's cache. Memory: the result,
the rejection map, and buffers of a few MB, however many frames there are. Results equal np.median, np.mean
and astropy.stats.sigma_clip after rounding to float32.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from capture.errors import CombineError
from capture.library.network import middle, network, sort_rows
from capture.library.sources import Source, scaled

BAND_BYTES = 8_000_000
SMALL_SET = 10
# A deviation from the median absolute deviation, for normal noise: 1 / the normal quantile of 3/4.
_MAD_TO_SIGMA = 1.482602218505602
_ZERO = 32768  # BZERO: what the stored integers lack
_TILE_BYTES = 400_000


class Method(StrEnum):
    """How frames become one value per pixel."""

    CLIP = "clip"
    MEDIAN = "median"
    AVERAGE = "average"


@dataclass(frozen=True)
class Clipping:
    """Values further than `sigma` deviations from the median are rejected, up to `iterations` times.

    The deviation is the standard deviation, or in sets of at most SMALL_SET frames the MAD: the outlier
    itself widens the standard deviation so much that 3 sigma reject none among 7 (with the mean, none among
    10). Whole numbers tell no MAD below half a step, so that is its least there: else a quiet bias, whose
    MAD is 0, would lose every value but the median.
    """

    sigma: float = 3.0
    iterations: int = 5


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
    clipping: Clipping = Clipping(),
    scaling: Scaling | None = None,
    band_bytes: int = BAND_BYTES,
) -> Combined:
    """Combine frames of one size.

    Raises CombineError when there are none, or their sizes, or that of the bias, differ.
    """
    if not sources:
        raise CombineError("there are no frames to combine")
    shape = sources[0].shape
    sizes = {source.shape for source in sources} | ({scaling.bias.shape} if scaling else set())
    if len(sizes) > 1:
        raise CombineError(f"frames of different sizes cannot be combined: {sorted(sizes)}")
    rows, columns = shape
    result = Combined(np.empty(shape, np.float32), np.zeros(shape, np.uint16), len(sources))
    item = 4 if scaling else 2
    # An even number of rows, so that files can be summed in whole words as they are read.
    height = max(2, band_bytes // (len(sources) * columns * item) // 2 * 2)
    reduce = _REDUCE[method]
    for first in range(0, rows, height):
        last = min(rows, first + height)
        band = _read(sources, first, last, scaling)
        pixels, rejected = result.pixels[first:last].reshape(-1), result.rejected[first:last].reshape(-1)
        width = max(1024, _TILE_BYTES // (len(sources) * 8))
        for start in range(0, band.shape[1], width):
            tile = slice(start, min(start + width, band.shape[1]))
            values, left_out = reduce(band[:, tile], clipping)
            pixels[tile] = values if scaling else values + _ZERO
            rejected[tile] = left_out
    return result


def _read(sources: Sequence[Source], first: int, last: int, scaling: Scaling | None) -> NDArray[Any]:
    """The same rows of all frames, [frames, pixels], in the machine's byte order."""
    pixels = (last - first) * sources[0].shape[1]
    band = np.empty((len(sources), pixels), np.int16 if scaling is None else np.float32)
    for number, source in enumerate(sources):
        stored = source.read(first, last)
        if scaling is not None:
            stored = scaled(stored, scaling.bias[first:last], scaling.factors[number])
        np.copyto(band[number], stored.reshape(-1))
    return band


Reduce = Callable[[NDArray[Any], Clipping], tuple[NDArray[Any], NDArray[Any] | int]]


def _average(tile: NDArray[Any], _: Clipping) -> tuple[NDArray[Any], int]:
    total = tile[0].astype(np.int32 if tile.dtype == np.int16 else np.float64)
    for row in tile[1:]:
        total += row
    return total / len(tile), 0


def _median(tile: NDArray[Any], _: Clipping) -> tuple[NDArray[Any], int]:
    count = len(tile)
    rows = list(tile)
    sort_rows(rows, np.empty_like(rows[0]), network(count, middle(count)))
    return _middle_of(rows), 0


def _clip(tile: NDArray[Any], clipping: Clipping) -> tuple[NDArray[Any], NDArray[Any]]:
    count = len(tile)
    rows = list(tile)
    sort_rows(rows, np.empty_like(rows[0]), network(count))
    whole = tile.dtype == np.int16
    # In small sets of whole numbers every step up to the deviation is exact in float32, and twice as fast.
    median = _middle_of(rows).astype(np.float32 if whole and count <= SMALL_SET else np.float64)
    look = _by_mad if count <= SMALL_SET else _by_standard_deviation
    values, deviation = look(rows, median, whole)
    limit = deviation * clipping.sigma
    rejected = np.zeros(len(median), np.uint16)
    # Sorted, only the ends tell whether anything is to be rejected, which is so for few pixels.
    again = np.flatnonzero((median - rows[0] > limit) | (rows[-1] - median > limit))
    if again.size and clipping.iterations > 0:
        columns = np.stack([row[again] for row in rows]).astype(median.dtype)
        values[again], rejected[again] = _clip_sorted(columns, median[again], limit[again], clipping, whole)
    return values, rejected


_REDUCE: dict[Method, Reduce] = {Method.CLIP: _clip, Method.MEDIAN: _median, Method.AVERAGE: _average}


def _middle_of(rows: list[NDArray[Any]]) -> NDArray[np.float64]:
    """The median of sorted rows."""
    middle_sum: NDArray[np.float64] = rows[(len(rows) - 1) // 2].astype(np.float64)
    middle_sum += rows[len(rows) // 2]
    middle_sum *= 0.5
    return middle_sum


def _by_standard_deviation(
    rows: list[NDArray[Any]], median: NDArray[Any], _whole: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of all values of each pixel."""
    count = len(rows)
    total, squares, difference = np.zeros_like(median), np.zeros_like(median), np.empty_like(median)
    for row in rows:
        np.subtract(row, median, out=difference)
        total += difference
        np.multiply(difference, difference, out=difference)
        squares += difference
    # The sums are exact for whole numbers, so equal values give a deviation of exactly 0.
    variance = (squares * count - total * total) / count**2
    return (median * count + total) / count, np.sqrt(np.maximum(variance, 0))


def _by_mad(
    rows: list[NDArray[Any]], median: NDArray[Any], whole: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and MAD deviation of all values of each pixel.

    Of sorted values the k-th smallest distance from the median is the least, over all windows of k values,
    of the larger distance of the window's two ends: no second sort is needed.
    """
    count = len(rows)
    above = [row - median for row in rows]
    below = [-distance for distance in above]
    total = sum(above[1:], start=above[0])
    mad = np.zeros_like(median)
    for size in ((count - 1) // 2 + 1, count // 2 + 1):
        least = np.maximum(below[0], above[size - 1])
        for first in range(1, count - size + 1):
            np.minimum(least, np.maximum(below[first], above[first + size - 1]), out=least)
        mad += least
    mad /= 2
    return (median.astype(np.float64) * count + total) / count, _mad_sigma(mad, whole)


def _mad_sigma(mad: NDArray[Any], whole: bool) -> NDArray[np.float64]:
    return (np.maximum(mad, 0.5) if whole else mad).astype(np.float64) * _MAD_TO_SIGMA


def _clip_sorted(
    columns: NDArray[Any], median: NDArray[Any], limit: NDArray[np.float64], clipping: Clipping, whole: bool
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Mean of what is left, and how many values are rejected, of sorted columns [values, pixels].

    `median` and `limit` are those of whole columns. What is left is always a window of the sorted column,
    so only its two ends are kept; a column that did not change is done.
    """
    count, width = columns.shape
    start, end = np.zeros(width, np.int64), np.full(width, count, np.int64)
    active, some = np.arange(width), columns
    for number in range(clipping.iterations):
        if number:
            median, limit = _look_inside(some, start[active], end[active], whole)
            limit = limit * clipping.sigma
        difference = some - median
        below = (difference < -limit).sum(axis=0, dtype=np.uint16)
        above = (difference > limit).sum(axis=0, dtype=np.uint16)
        # What was rejected before stays so, even if the limits have widened since.
        new_start, new_end = np.maximum(start[active], below), np.minimum(end[active], count - above)
        changed = (new_start != start[active]) | (new_end != end[active])
        start[active], end[active] = new_start, new_end
        active, some = active[changed], some[:, changed]
        if not active.size:
            break
    place = np.arange(count)[:, None]
    inside = (place >= start) & (place < end)
    return np.where(inside, columns, 0).sum(axis=0, dtype=np.float64) / (end - start), count - (end - start)


def _look_inside(
    columns: NDArray[Any], start: NDArray[np.int64], end: NDArray[np.int64], whole: bool
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Median and deviation of sorted columns within their windows."""
    count, width = columns.shape
    place, index = np.arange(count)[:, None], np.arange(width)
    inside, left = (place >= start) & (place < end), end - start
    median = (columns[(start + end - 1) // 2, index] + columns[(start + end) // 2, index]) / 2
    difference = columns - median
    if count > SMALL_SET:
        kept = np.where(inside, difference, 0)
        total = kept.sum(axis=0)
        variance = ((kept * kept).sum(axis=0) * left - total * total) / left**2
        return median, np.sqrt(np.maximum(variance, 0))
    distances = list(np.where(inside, np.abs(difference), np.inf).astype(columns.dtype))
    sort_rows(distances, np.empty_like(distances[0]), network(count))
    ranked = np.stack(distances)
    return median, _mad_sigma((ranked[(left - 1) // 2, index] + ranked[left // 2, index]) / 2, whole)
