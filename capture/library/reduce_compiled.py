"""Combining a tile of pixels by compiled functions: what nightcal[fast] installs numba for.

Each step is that of reduce_numpy.py, in its order, so that results are equal bit by bit. What rows are
compared with is written out over whole rows, which the compiler turns into vector instructions.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from capture.library import reduce_numpy
from capture.library.clipping import (
    DOUBT,
    EXACT_COUNT,
    LEAST_SIGMA,
    MAD_TO_SIGMA,
    SMALL_SET,
    Clipping,
    Reducers,
)
from capture.library.compiling import compiled
from capture.library.network import middle, network

# So many columns of a tile stay in the nearest cache while they are sorted.
_WIDTH = 512


@cache
def _pairs(count: int, pruned: bool) -> NDArray[np.int32]:
    return np.array(network(count, middle(count) if pruned else None), np.int32).reshape(-1, 2)


@compiled
def _sort_rows(block, width, pairs):  # type: ignore[no-untyped-def]
    """Sort the first `width` columns of `block`."""
    for number in range(pairs.shape[0]):
        one, other = block[pairs[number, 0]], block[pairs[number, 1]]
        for j in range(width):
            low, high = one[j], other[j]
            one[j] = low if low < high else high
            other[j] = high if low < high else low


@compiled
def _copy(band, first, width, block):  # type: ignore[no-untyped-def]
    for number in range(band.shape[0]):
        row, into = band[number], block[number]
        for j in range(width):
            into[j] = row[first + j]


@compiled
def _median_of(band, start, stop, pairs, zero, pixels):  # type: ignore[no-untyped-def]
    count = band.shape[0]
    block = np.empty((count, _WIDTH), band.dtype)
    low, high = (count - 1) // 2, count // 2
    for first in range(start, stop, _WIDTH):
        width = min(stop - first, _WIDTH)
        _copy(band, first, width, block)
        _sort_rows(block, width, pairs)
        one, other = block[low], block[high]
        for j in range(width):
            pixels[first - start + j] = (np.float64(one[j]) + np.float64(other[j])) * 0.5 + zero


@compiled
def _mad_of(column, start, end, median):  # type: ignore[no-untyped-def]
    """The MAD of a sorted column's window: see reduce_numpy.py."""
    left = end - start
    sum_of_two = 0.0
    for size in ((left - 1) // 2 + 1, left // 2 + 1):
        least = np.inf
        for first in range(start, end - size + 1):
            below = median - np.float64(column[first])
            above = np.float64(column[first + size - 1]) - median
            least = min(least, max(below, above))
        sum_of_two += least
    return sum_of_two / 2


@compiled
def _clip_column(column, median, limit, sigma, iterations, whole):  # type: ignore[no-untyped-def]
    """Mean of what is left of a sorted column, and how many values are not."""
    count = column.size
    start, end = 0, count
    for number in range(iterations):
        if number:
            left = np.float64(end - start)
            one, other = np.float64(column[(start + end - 1) // 2]), np.float64(column[(start + end) // 2])
            median = (one + other) / 2
            if count > SMALL_SET:
                total = squares = 0.0
                for place in range(start, end):
                    difference = np.float64(column[place]) - median
                    total += difference
                    squares += difference * difference
                variance = (squares * left - total * total) / (left * left)
                limit = np.sqrt(max(variance, 0.0)) * sigma
            else:
                mad = _mad_of(column, start, end, median)
                limit = (max(mad, 0.5) if whole else mad) * MAD_TO_SIGMA * sigma
        below = above = 0
        while below < count and np.float64(column[below]) - median < -limit:
            below += 1
        while above < count and np.float64(column[count - 1 - above]) - median > limit:
            above += 1
        if below <= start and count - above >= end:
            break
        start, end = max(start, below), min(end, count - above)
    total = 0.0
    for place in range(start, end):
        total += np.float64(column[place])
    return total / (end - start), count - (end - start)


@compiled
def _clip_of(band, start, stop, pairs, sigma, iterations, whole, zero, pixels, rejected):  # type: ignore[no-untyped-def]
    count = band.shape[0]
    block = np.empty((count, _WIDTH), band.dtype)
    median, total, squares = np.empty((3, _WIDTH), np.float64)
    column = np.empty(count, band.dtype)
    for first in range(start, stop, _WIDTH):
        width = min(stop - first, _WIDTH)
        _copy(band, first, width, block)
        _sort_rows(block, width, pairs)
        one, other = block[(count - 1) // 2], block[count // 2]
        for j in range(width):
            median[j] = (np.float64(one[j]) + np.float64(other[j])) * 0.5
        total[:] = 0.0
        squares[:] = 0.0
        for number in range(count):
            row = block[number]
            for j in range(width):
                difference = np.float64(row[j]) - median[j]
                total[j] += difference
                squares[j] += difference * difference
        for j in range(width):
            if count > SMALL_SET:
                variance = (squares[j] * count - total[j] * total[j]) / np.float64(count * count)
                limit = np.sqrt(max(variance, 0.0)) * sigma
            else:
                mad = _mad_of(block[:, j], 0, count, median[j])
                limit = (max(mad, 0.5) if whole else mad) * MAD_TO_SIGMA * sigma
            value = (median[j] * count + total[j]) / count
            rejected[first - start + j] = 0
            lowest, highest = np.float64(block[0, j]), np.float64(block[count - 1, j])
            if iterations > 0 and (median[j] - lowest > limit or highest - median[j] > limit):
                for number in range(count):
                    column[number] = block[number, j]
                value, left_out = _clip_column(column, median[j], limit, sigma, iterations, whole)
                rejected[first - start + j] = left_out
            pixels[first - start + j] = value + zero


@compiled
def _clip_of_16_bits(band, start, stop, pairs, sigma, iterations, zero, pixels, rejected):  # type: ignore[no-untyped-def]
    """The same for many frames of 16 bits, where float32 tells which few columns to compute exactly."""
    count = band.shape[0]
    block = np.empty((count, _WIDTH), band.dtype)
    median, total, squares = np.empty((3, _WIDTH), np.float32)
    column = np.empty(count, band.dtype)
    least = np.float32(count / max(sigma, LEAST_SIGMA))
    for first in range(start, stop, _WIDTH):
        width = min(stop - first, _WIDTH)
        _copy(band, first, width, block)
        _sort_rows(block, width, pairs)
        one, other = block[(count - 1) // 2], block[count // 2]
        for j in range(width):
            median[j] = (np.float32(one[j]) + np.float32(other[j])) * np.float32(0.5)
        total[:] = np.float32(0.0)
        squares[:] = np.float32(0.0)
        for number in range(count):
            row = block[number]
            for j in range(width):
                difference = np.float32(row[j]) - median[j]
                total[j] += difference
                squares[j] += difference * difference
        for j in range(width):
            middle_of = np.float64(median[j])
            value = (middle_of * count + np.float64(total[j])) / count
            rejected[first - start + j] = 0
            lowest, highest = np.float32(block[0, j]), np.float32(block[count - 1, j])
            furthest = max(median[j] - lowest, highest - median[j]) * least
            variance = squares[j] * np.float32(count) - total[j] * total[j]
            if iterations > 0 and furthest * furthest >= variance * np.float32(1 - DOUBT):
                sum_of = sum_of_squares = 0.0
                for number in range(count):
                    column[number] = block[number, j]
                    exact = np.float64(block[number, j]) - middle_of
                    sum_of += exact
                    sum_of_squares += exact * exact
                spread = (sum_of_squares * count - sum_of * sum_of) / np.float64(count * count)
                limit = np.sqrt(max(spread, 0.0)) * sigma
                value, left_out = _clip_column(column, middle_of, limit, sigma, iterations, True)
                rejected[first - start + j] = left_out
            pixels[first - start + j] = value + zero


def _median(
    band: NDArray[Any],
    tile: slice,
    _: Clipping,
    zero: int,
    pixels: NDArray[np.float32],
    rejected: NDArray[np.uint16],
) -> None:
    _median_of(band, tile.start, tile.stop, _pairs(len(band), True), np.float64(zero), pixels)
    rejected[:] = 0


def _clip(
    band: NDArray[Any],
    tile: slice,
    clipping: Clipping,
    zero: int,
    pixels: NDArray[np.float32],
    rejected: NDArray[np.uint16],
) -> None:
    pairs, whole = _pairs(len(band), False), band.dtype.kind == "i"
    sigma, iterations = float(clipping.sigma), clipping.iterations
    if band.dtype == np.int16 and SMALL_SET < len(band) <= EXACT_COUNT:
        _clip_of_16_bits(
            band, tile.start, tile.stop, pairs, sigma, iterations, np.float64(zero), pixels, rejected
        )
        return
    _clip_of(band, tile.start, tile.stop, pairs, sigma, iterations, whole, np.float64(zero), pixels, rejected)


# numpy's average is as fast as a compiled one.
REDUCERS = Reducers(_clip, _median, reduce_numpy.REDUCERS.average)
