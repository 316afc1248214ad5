"""A flat's shape tells what matters to a flat and nothing else; it is cheap on any number of pixels."""

from __future__ import annotations

import numpy as np
import pytest

from sequences.flat_shape import Difference, FlatShape, difference, median_shape, shape_of, star_area
from tests.sequences.flats import SHAPE, tilt, trails, vignetting


def shaped(light: np.ndarray, bias_adu: float = 0.0) -> FlatShape:  # type: ignore[type-arg]
    shape = shape_of(light, bias_adu)
    assert shape is not None
    return shape


def apart(one: np.ndarray, other: np.ndarray) -> Difference:  # type: ignore[type-arg]
    found = difference(shaped(one), shaped(other))
    assert found is not None
    return found


@pytest.mark.parametrize("part", [0.0, 0.01, -0.05])
def test_a_plane_over_any_light_is_measured_as_it_is(part: float) -> None:
    found = apart(vignetting() * tilt(part), vignetting())
    assert found.gradient == pytest.approx(abs(part), abs=2e-4)
    assert found.rms < 2e-4


def test_a_gradient_both_ways_is_that_between_opposite_corners() -> None:
    both = tilt(0.02) + tilt(0.01, SHAPE[::-1]).T - 1
    assert apart(vignetting() * both, vignetting()).gradient == pytest.approx(0.03, abs=3e-4)


def test_the_level_and_the_bias_are_no_part_of_the_shape() -> None:
    found = difference(shaped(20_000 * vignetting() + 500, 500), shaped(40_000 * vignetting()))
    assert found == Difference(*(pytest.approx(0.0, abs=1e-6),) * 3)


def test_a_few_odd_blocks_are_no_gradient() -> None:
    light = vignetting()
    light[:32, :64] *= 1.3
    found = apart(light, vignetting())
    assert found.gradient < 1e-3
    assert found.worst == pytest.approx(0.3, abs=0.01)


def test_corners_without_light_are_left_out() -> None:
    light = np.maximum(30_000 * vignetting(falloff=1.3), 30.0)
    assert apart(light + 100, light) == Difference(*(pytest.approx(0.0, abs=0.03),) * 3)


def test_the_median_of_shapes_is_not_moved_by_one() -> None:
    shapes = [shaped(vignetting()), shaped(vignetting()), shaped(vignetting() * tilt(0.3))]
    found = difference(median_shape(shapes), shapes[0])
    assert found == Difference(*(pytest.approx(0.0, abs=1e-9),) * 3)


@pytest.mark.parametrize("light", [np.zeros(SHAPE), np.ones((40, 400)), np.empty((0, 0))])
def test_without_light_or_pixels_there_is_no_shape(light: np.ndarray) -> None:  # type: ignore[type-arg]
    assert shape_of(light) is None
    assert star_area(light) == 0.0


def test_a_file_mapped_with_its_bytes_swapped_has_the_same_shape() -> None:
    light = (30_000 * vignetting()).astype(np.float32)
    assert np.array_equal(shaped(light).grid, shaped(light.astype(">f4")).grid)


def test_stars_are_looked_for_in_the_brightest_plane_of_a_mosaic() -> None:
    rng = np.random.default_rng(1)
    mosaic = rng.normal(10_000, 100, SHAPE)
    mosaic[1::2, ::2] *= 3
    starry = mosaic.copy()
    starry[1::2, ::2] *= trails(100)[1::2, ::2]
    assert star_area(mosaic, mosaic=True) < 0.001
    assert star_area(starry, mosaic=True) == pytest.approx(np.mean(trails(100) > 1), rel=0.15)


def test_pixels_of_one_value_are_no_stars() -> None:
    flat = np.full(SHAPE, 30_000, dtype=np.uint16)
    flat[::7, ::7] += 1
    assert star_area(flat) < 0.001


def test_a_large_frame_is_looked_at_through_a_few_of_its_pixels() -> None:
    # Every pixel that is read costs its page: a mapped frame of 61 MP must not be read whole.
    class Counted(np.ndarray):  # type: ignore[type-arg]
        copied = 0

        def astype(self, *args: object, **kwargs: object) -> np.ndarray:  # type: ignore[type-arg]
            Counted.copied += self.size
            return np.asarray(self).astype(*args, **kwargs)  # type: ignore[arg-type]

    frame = np.zeros((6388, 9576), dtype=np.uint16).view(Counted)
    shape_of(frame)
    star_area(frame)
    assert 0 < Counted.copied < 2_500_000
