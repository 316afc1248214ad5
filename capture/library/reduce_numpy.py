"""Combining a tile of pixels with numpy alone: thousands of pixels with every call.

Each function takes the columns `tile` of `band`, contiguous int16, int32 or float32 [frames, pixels]. It
fills `pixels`, float32, with what it makes of each column plus `zero`, and `rejected`, uint16, with how many
values it left out. What is in the band afterwards is in no order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from capture.library.clipping import (
    DOUBT,
    EXACT_COUNT,
    LEAST_SIGMA,
    MAD_TO_SIGMA,
    SMALL_SET,
    Clipping,
    Reducers,
)
from capture.library.network import middle, network, sort_rows


def _average(
    band: NDArray[Any],
    tile: slice,
    _: Clipping,
    zero: int,
    pixels: NDArray[np.float32],
    rejected: NDArray[np.uint16],
) -> None:
    # Sums of whole numbers are exact in any order: of 512 frames of 16 bits in float32, which is the fastest
    # to convert to; of 65,536 frames of 32 bits in 64.
    few = band.dtype == np.int16 and len(band) <= 512
    sums: Any = np.float32 if few else np.int64 if band.dtype.kind == "i" else np.float64
    total = band[0, tile].astype(sums)
    converted = np.empty_like(total)
    for row in band[1:, tile]:
        np.copyto(converted, row)
        total += converted
    np.copyto(pixels, total.astype(np.float64) / len(band) + zero, casting="same_kind")
    rejected[:] = 0


def _median(
    band: NDArray[Any],
    tile: slice,
    _: Clipping,
    zero: int,
    pixels: NDArray[np.float32],
    rejected: NDArray[np.uint16],
) -> None:
    count = len(band)
    rows = list(band[:, tile])
    sort_rows(rows, np.empty_like(rows[0]), network(count, middle(count)))
    np.copyto(pixels, _middle_of(rows) + zero, casting="same_kind")
    rejected[:] = 0


def _clip(
    band: NDArray[Any],
    tile: slice,
    clipping: Clipping,
    zero: int,
    pixels: NDArray[np.float32],
    rejected: NDArray[np.uint16],
) -> None:
    count = len(band)
    rows = list(band[:, tile])
    sort_rows(rows, np.empty_like(rows[0]), network(count))
    if band.dtype == np.int16 and SMALL_SET < count <= EXACT_COUNT:
        _clip_of_16_bits(rows, clipping, zero, pixels, rejected)
        return
    whole = band.dtype.kind == "i"
    # In small sets every step of 16 bits up to the deviation is exact in float32, and twice as fast.
    exact = band.dtype == np.int16 and count <= SMALL_SET
    median = _middle_of(rows).astype(np.float32 if exact else np.float64)
    look = _by_mad if count <= SMALL_SET else _by_standard_deviation
    values, deviation = look(rows, median, whole)
    limit = deviation * clipping.sigma
    rejected[:] = 0
    # Sorted, only the ends tell whether anything is to be rejected, which is so for few pixels.
    again = np.flatnonzero((median - rows[0] > limit) | (rows[-1] - median > limit))
    if again.size and clipping.iterations > 0:
        columns = np.stack([row[again] for row in rows]).astype(median.dtype)
        values[again], rejected[again] = _clip_sorted(columns, median[again], limit[again], clipping, whole)
    values += zero
    np.copyto(pixels, values, casting="same_kind")


REDUCERS = Reducers(_clip, _median, _average)


def _middle_of(rows: list[NDArray[Any]]) -> NDArray[np.float64]:
    """The median of sorted rows."""
    middle_sum: NDArray[np.float64] = rows[(len(rows) - 1) // 2].astype(np.float64)
    middle_sum += rows[len(rows) // 2]
    middle_sum *= 0.5
    return middle_sum


def _clip_of_16_bits(
    rows: list[NDArray[np.int16]],
    clipping: Clipping,
    zero: int,
    pixels: NDArray[np.float32],
    rejected: NDArray[np.uint16],
) -> None:
    """Clip sorted rows by their standard deviation.

    Differences from the median and their sum are exact in float32, and the sum of their squares nearly so:
    that tells of nearly all pixels that nothing is rejected. Only the others are computed exactly.
    """
    count = len(rows)
    median = _middle_of(rows).astype(np.float32)
    total, squares, difference = np.zeros_like(median), np.zeros_like(median), np.empty_like(median)
    for row in rows:
        np.subtract(row, median, out=difference)
        total += difference
        np.multiply(difference, difference, out=difference)
        squares += difference
    np.maximum(median - rows[0], rows[-1] - median, out=difference)
    # (count * sigma * deviation)**2, and what it is compared with.
    squares *= count
    squares -= total * total
    difference *= np.float32(count / max(clipping.sigma, LEAST_SIGMA))
    again = np.flatnonzero(difference * difference >= squares * np.float32(1 - DOUBT))
    rejected[:] = 0
    values = total.astype(np.float64)
    values += np.multiply(median, count, dtype=np.float64)
    values /= count
    if again.size and clipping.iterations > 0:
        columns = np.stack([row[again] for row in rows])
        values[again], rejected[again] = _clip_exactly(columns, clipping)
    values += zero
    np.copyto(pixels, values, casting="same_kind")


def _clip_exactly(
    columns: NDArray[np.int16], clipping: Clipping
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Mean of what is left, and how many values are rejected, of sorted columns [values, pixels].

    What is left is a window of the sorted column, whose sums are exact and lose what the window loses.
    """
    count, width = columns.shape
    start, end = np.zeros(width, np.int64), np.full(width, count - 1, np.int64)
    origin = columns[count // 2].astype(np.float64)
    values = columns - origin
    totals, squares = values.sum(axis=0), np.einsum("ij,ij->j", values, values)
    active = np.arange(width)
    for _ in range(clipping.iterations):
        first, last = start[active], end[active]
        middle_of = (values[(first + last) // 2, active] + values[(first + last + 1) // 2, active]) * 0.5
        left = (last - first + 1).astype(np.float64)
        variance = (squares[active] * left - totals[active] * totals[active]) / (left * left)
        limit = np.sqrt(np.maximum(variance, 0)) * clipping.sigma
        changed = np.zeros(active.size, bool)
        for ends, step in ((start, 1), (end, -1)):
            some = np.arange(active.size)
            while some.size:
                pixel = active[some]
                value = values[ends[pixel], pixel]
                # The median is within its limit, whatever that is.
                beyond = (middle_of[some] - value) * step > limit[some]
                some, pixel, value = some[beyond], pixel[beyond], value[beyond]
                totals[pixel] -= value
                squares[pixel] -= value * value
                ends[pixel] += step
                changed[some] = True
        active = active[changed]
        if not active.size:
            break
    left = (end - start + 1).astype(np.float64)
    return (totals + origin * left) / left, count - (end - start + 1)


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
    return (np.maximum(mad, 0.5) if whole else mad).astype(np.float64) * MAD_TO_SIGMA


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
    total = _sum_of_rows(np.where(inside, columns, 0).astype(np.float64))
    return total / (end - start), count - (end - start)


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
        total = _sum_of_rows(kept)
        variance = (_sum_of_rows(kept * kept) * left - total * total) / left**2
        return median, np.sqrt(np.maximum(variance, 0))
    distances = list(np.where(inside, np.abs(difference), np.inf).astype(columns.dtype))
    sort_rows(distances, np.empty_like(distances[0]), network(count))
    ranked = np.stack(distances)
    return median, _mad_sigma((ranked[(left - 1) // 2, index] + ranked[left // 2, index]) / 2, whole)


def _sum_of_rows(rows: NDArray[Any]) -> NDArray[Any]:
    """One after the other: the order of numpy's own sum, and so its rounding, hangs on the array's layout."""
    total: NDArray[Any] = rows[0].copy()
    for row in rows[1:]:
        total += row
    return total
