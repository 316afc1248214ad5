"""Combining is exact, bounded in memory, and rejects what does not belong."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from astropy.stats import mad_std, sigma_clip
from numpy.typing import NDArray

from capture.errors import CombineError
from capture.library.combine import SMALL_SET, Clipping, Method, Scaling, combine
from capture.library.network import middle, network, sort_rows
from capture.library.sources import ArraySource, scaled

Stack = NDArray[np.uint16]


def sources(stack: Stack) -> list[ArraySource]:
    return [ArraySource(pixels) for pixels in stack]


def noisy(count: int, sigma: float = 12.0, shape: tuple[int, int] = (31, 37)) -> Stack:
    """Frames of rounded noise, so with ties, and with outliers, some of them at the ends of the range."""
    rng = np.random.default_rng(count)
    stack = np.rint(rng.normal(1000, sigma, (count, *shape)))
    stack[rng.random(stack.shape) < 0.02] += 5000
    stack[rng.random(stack.shape) < 0.005] = 65535
    stack[rng.random(stack.shape) < 0.005] = 0
    return stack.astype(np.uint16)


def astropy_clip(
    stack: NDArray[np.generic], whole: bool = True
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    def mad(values: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
        least = 0.5 * 1.482602218505602 if whole else 0.0
        return np.maximum(mad_std(values, axis=axis, ignore_nan=True), least)

    deviation: str | Callable[..., object] = "std" if len(stack) > SMALL_SET else mad
    clipped = sigma_clip(
        stack.astype(float), sigma=3, maxiters=5, cenfunc="median", stdfunc=deviation, axis=0
    )
    return clipped.mean(axis=0).filled(np.nan).astype(np.float32), clipped.mask.sum(axis=0)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 8, 10, 11, 16, 20, 25, 50])
def test_median_and_average_equal_numpys(count: int) -> None:
    stack = noisy(count)
    median = combine(sources(stack), Method.MEDIAN).pixels
    assert np.array_equal(median, np.median(stack, axis=0).astype(np.float32))
    average = combine(sources(stack), Method.AVERAGE).pixels
    assert np.array_equal(average, stack.mean(axis=0, dtype=np.float64).astype(np.float32))


@pytest.mark.parametrize("sigma", [0.0, 0.6, 12.0, 3000.0])
@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 10, 11, 12, 20, 25, 50])
def test_the_clipped_average_equals_astropys_with_its_count_of_rejections(count: int, sigma: float) -> None:
    stack = noisy(count, sigma)
    expected, rejected = astropy_clip(stack)
    result = combine(sources(stack), Method.CLIP)
    assert np.array_equal(result.rejected, rejected)
    assert np.array_equal(result.pixels, expected)
    assert result.rejected_fraction == pytest.approx(rejected.mean() / count)


@pytest.mark.parametrize("count", [3, 6, 10, 14])
def test_scaled_frames_are_combined_as_exactly(count: int) -> None:
    stack = noisy(count)
    bias = np.random.default_rng(1).normal(500, 5, stack.shape[1:]).astype(np.float32)
    factors = [1.0 + number / 7 for number in range(count)]
    result = combine(sources(stack), Method.CLIP, scaling=Scaling(bias, factors))
    values = np.stack([scaled(s.read(0, 31), bias, f) for s, f in zip(sources(stack), factors, strict=True)])
    expected, rejected = astropy_clip(values, whole=False)
    assert np.array_equal(result.rejected, rejected)
    np.testing.assert_allclose(result.pixels, expected, rtol=1e-7)


@pytest.mark.parametrize("count", range(1, 9))
def test_the_network_sorts_every_order_and_every_tie(count: int) -> None:
    # By the 0-1 principle a network that sorts all zeros and ones sorts everything.
    cases = np.array(list(itertools.product((0, 1), repeat=count)), np.int16).T
    rows = list(cases.copy())
    sort_rows(rows, np.empty_like(rows[0]), network(count))
    assert np.array_equal(np.stack(rows), np.sort(cases, axis=0))


@pytest.mark.parametrize(("count", "exchanges"), [(25, 113), (50, 330), (100, 898)])
def test_the_network_for_a_median_is_pruned(count: int, exchanges: int) -> None:
    assert len(network(count, middle(count))) <= exchanges


@pytest.mark.parametrize("count", [5, 7, 10, 20])
def test_a_cosmic_ray_leaves_no_trace_even_in_a_small_set(count: int) -> None:
    stack = np.rint(np.random.default_rng(3).normal(1000, 4, (count, 20, 20))).astype(np.uint16)
    clean = combine(sources(stack)).pixels
    stack[1, 5, 5] = 40000
    struck = combine(sources(stack))
    assert struck.rejected[5, 5] >= 1
    assert abs(struck.pixels[5, 5] - clean[5, 5]) < 8


def test_a_quiet_bias_keeps_its_fractions() -> None:
    stack = np.rint(np.random.default_rng(3).normal(1000.3, 0.6, (10, 100, 100))).astype(np.uint16)
    assert combine(sources(stack)).pixels.mean() == pytest.approx(1000.3, abs=0.02)


def test_the_limit_and_the_number_of_rounds_can_be_chosen() -> None:
    stack = noisy(12)
    assert combine(sources(stack), clipping=Clipping(iterations=0)).rejected_fraction == 0
    loose, tight = (combine(sources(stack), clipping=Clipping(sigma=s)).rejected_fraction for s in (4.0, 2.0))
    assert tight > loose


@pytest.mark.parametrize("method", list(Method))
def test_bands_of_any_height_give_the_same(method: Method) -> None:
    stack = noisy(6)
    whole = combine(sources(stack), method)
    bands = combine(sources(stack), method, band_bytes=1)
    assert np.array_equal(whole.pixels, bands.pixels)
    assert np.array_equal(whole.rejected, bands.rejected)


def test_memory_does_not_grow_with_the_number_of_frames() -> None:
    one = ArraySource(noisy(1, shape=(512, 512))[0])
    tracemalloc.start()
    combine([one] * 40)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30e6  # The frames together are 21 MB as integers, 84 MB as floats in one piece.


def test_nothing_and_different_sizes_are_refused() -> None:
    with pytest.raises(CombineError, match="no frames"):
        combine([])
    small, large = ArraySource(np.zeros((2, 3), np.uint16)), ArraySource(np.zeros((3, 2), np.uint16))
    with pytest.raises(CombineError, match="different sizes"):
        combine([small, large])
    with pytest.raises(CombineError, match="different sizes"):
        combine([small], scaling=Scaling(np.zeros((3, 2), np.float32), [1.0]))
