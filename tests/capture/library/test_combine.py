"""Combining is exact, bounded in memory, and rejects what does not belong."""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from astropy.stats import mad_std, sigma_clip
from numpy.typing import NDArray

import capture.library
from capture.errors import CombineError
from capture.library import reduce_numpy
from capture.library.clipping import SMALL_SET, Clipping, Reducers
from capture.library.combine import Method, Scaling, combine, fastest
from capture.library.network import middle, network, sort_rows
from capture.library.sources import ArraySource, scaled

Stack = NDArray[np.uint16]


@pytest.fixture(params=["numpy", "compiled"])
def reducers(request: pytest.FixtureRequest) -> Reducers:
    """Both ways to compute, for what holds of both."""
    if request.param == "numpy":
        return reduce_numpy.REDUCERS
    pytest.importorskip("numba", reason="numba is missing: pip install 'nightcal[fast]'")
    return importlib.import_module("capture.library.reduce_compiled").REDUCERS


def sources(stack: NDArray[Any]) -> list[ArraySource]:
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


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 8, 10, 11, 16, 25, 50, 99, 100])
def test_median_and_average_equal_numpys(count: int, reducers: Reducers) -> None:
    stack = noisy(count)
    median = combine(sources(stack), Method.MEDIAN, reducers=reducers).pixels
    assert np.array_equal(median, np.median(stack, axis=0).astype(np.float32))
    average = combine(sources(stack), Method.AVERAGE, reducers=reducers).pixels
    assert np.array_equal(average, stack.mean(axis=0, dtype=np.float64).astype(np.float32))


@pytest.mark.parametrize("sigma", [0.0, 0.6, 12.0, 3000.0])
@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 10, 11, 12, 25, 50, 100, 130])
def test_the_clipped_average_equals_astropys_with_its_count_of_rejections(
    count: int, sigma: float, reducers: Reducers
) -> None:
    stack = noisy(count, sigma)
    expected, rejected = astropy_clip(stack)
    result = combine(sources(stack), Method.CLIP, reducers=reducers)
    assert np.array_equal(result.rejected, rejected)
    assert np.array_equal(result.pixels, expected)
    assert result.rejected_fraction == pytest.approx(rejected.mean() / count)


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.float32])
@pytest.mark.parametrize("count", [1, 4, 9, 10, 11, 30])
def test_other_types_of_pixels_are_combined_as_exactly(
    dtype: type[np.generic], count: int, reducers: Reducers
) -> None:
    values = noisy(count).astype(np.int32) - 3000
    stack = (np.minimum(values, 32767) if dtype is np.int16 else values * 70).astype(dtype)
    if dtype is np.float32:
        stack = stack / np.float32(7)
    median = combine(sources(stack), Method.MEDIAN, reducers=reducers).pixels
    assert np.array_equal(median, np.median(stack, axis=0).astype(np.float32))
    average = combine(sources(stack), Method.AVERAGE, reducers=reducers).pixels
    assert np.array_equal(average, stack.mean(axis=0, dtype=np.float64).astype(np.float32))
    expected, rejected = astropy_clip(stack, whole=dtype is not np.float32)
    clipped = combine(sources(stack), Method.CLIP, reducers=reducers)
    assert np.array_equal(clipped.rejected, rejected)
    np.testing.assert_allclose(clipped.pixels, expected, rtol=2e-7)


@pytest.mark.parametrize("count", [3, 6, 10, 14])
def test_scaled_frames_are_combined_as_exactly(count: int, reducers: Reducers) -> None:
    stack = noisy(count)
    bias = np.random.default_rng(1).normal(500, 5, stack.shape[1:]).astype(np.float32)
    factors = [1.0 + number / 7 for number in range(count)]
    result = combine(sources(stack), Method.CLIP, scaling=Scaling(bias, factors), reducers=reducers)
    values = np.stack([scaled(s.read(0, 31), bias, f) for s, f in zip(sources(stack), factors, strict=True)])
    expected, rejected = astropy_clip(values, whole=False)
    assert np.array_equal(result.rejected, rejected)
    np.testing.assert_allclose(result.pixels, expected, rtol=1e-7)


@pytest.mark.parametrize("method", list(Method))
@pytest.mark.parametrize("count", [2, 7, 10, 13, 40])
@pytest.mark.parametrize("shape", [(31, 37), (1, 1), (2, 1025)])
def test_every_way_to_compute_gives_the_same_bits(
    count: int, method: Method, shape: tuple[int, int], reducers: Reducers
) -> None:
    stack = noisy(count, shape=shape)
    scaling = Scaling(np.full(shape, 100.7, np.float32), [1 + number / 7 for number in range(count)])
    for how in (None, scaling):
        expected = combine(sources(stack), method, scaling=how, reducers=reduce_numpy.REDUCERS)
        result = combine(sources(stack), method, scaling=how, reducers=reducers)
        assert result.pixels.tobytes() == expected.pixels.tobytes()
        assert np.array_equal(result.rejected, expected.rejected)


def test_without_numba_numpy_computes_and_with_it_the_compiled_functions_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "capture.library.reduce_compiled", None)
    monkeypatch.delattr(capture.library, "reduce_compiled", raising=False)
    fastest.cache_clear()
    assert fastest() is reduce_numpy.REDUCERS
    monkeypatch.undo()
    fastest.cache_clear()
    installed = importlib.util.find_spec("numba") is not None
    assert (fastest() is not reduce_numpy.REDUCERS) == installed


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
    wide = ArraySource(np.zeros((2, 3), np.float32))
    with pytest.raises(CombineError, match="types"):
        combine([small, wide])
    with pytest.raises(CombineError, match="types"):
        combine([wide], scaling=Scaling(np.zeros((2, 3), np.float32), [1.0]))
    with pytest.raises(CombineError, match="float64"):
        ArraySource(np.zeros((2, 3)))
