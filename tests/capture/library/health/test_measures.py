"""Each figure is found again in a sensor that was made with it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from capture.library.health.measures import (
    dark_line,
    dust_moved,
    fixed_pattern_adu,
    gain_e_per_adu,
    hot_pixels,
    noise_over_expected,
    pattern_noise,
    shutter_pattern_s,
)

GAIN, READ_E, BIAS = 1.6, 8.0, 500.0
SHAPE = (512, 640)
Adu = NDArray[np.float64]


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def frame(seed: int, light_e: float | Adu = 0.0, pattern: float | Adu = 0.0) -> NDArray[np.uint16]:
    noise = rng(seed)
    electrons = noise.poisson(np.broadcast_to(light_e, SHAPE)) + noise.normal(0, READ_E, SHAPE)
    return np.clip(np.rint(BIAS + electrons / GAIN + pattern), 0, 65535).astype(np.uint16)


def vignetting() -> Adu:
    y, x = np.mgrid[-1 : 1 : SHAPE[0] * 1j, -1 : 1 : SHAPE[1] * 1j]
    return 1 - 0.3 * (x**2 + y**2) / 2


@pytest.mark.parametrize("second", [1.0, 0.6])
def test_the_gain_is_found_from_flats_of_equal_and_of_different_levels(second: float) -> None:
    field = 40_000 * vignetting()
    flats = (frame(1, field), frame(2, second * field))
    gain = gain_e_per_adu(flats, (frame(3), frame(4)))
    assert gain == pytest.approx(GAIN, rel=0.02)


def test_the_gain_of_flats_without_light_is_not_told() -> None:
    assert gain_e_per_adu((frame(1), frame(2)), (frame(3), frame(4))) is None


def test_a_fixed_pattern_is_told_apart_from_the_masters_own_noise() -> None:
    pattern = rng(9).normal(0, 2.0, SHAPE)
    master = BIAS + pattern + rng(10).normal(0, 1.0, SHAPE)
    assert fixed_pattern_adu(master, 1.0) == pytest.approx(2.0, rel=0.03)
    assert fixed_pattern_adu(BIAS + rng(11).normal(0, 1.0, SHAPE), 1.0) < 0.15


class TestPatternNoise:
    def test_of_a_clean_camera_is_none(self) -> None:
        pattern = pattern_noise(frame(1), frame(2))
        assert max(pattern.rows_adu, pattern.columns_adu) < 0.1
        assert pattern.wave_over_chance < 1

    def test_of_rows_that_jump_is_found_in_the_rows(self) -> None:
        one = frame(1, pattern=rng(5).normal(0, 1.5, (SHAPE[0], 1)))
        other = frame(2, pattern=rng(6).normal(0, 1.5, (SHAPE[0], 1)))
        pattern = pattern_noise(one, other)
        assert pattern.rows_adu == pytest.approx(1.5, rel=0.1)
        assert pattern.columns_adu < 0.1

    def test_of_interference_is_found_as_a_wave_far_below_the_read_noise(self) -> None:
        y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
        wave = 0.6 * np.sin(2 * np.pi * (x * 71 / SHAPE[1] + y * 33 / SHAPE[0]))
        pattern = pattern_noise(frame(1, pattern=wave), frame(2, pattern=-wave))
        assert pattern.wave_over_chance > 3
        assert pattern.wave_adu == pytest.approx(0.6 * 2**0.5, rel=0.15)

    def test_is_not_made_of_cosmic_rays(self) -> None:
        struck = frame(1)
        struck[100, 50:300] = 40_000
        pattern = pattern_noise(struck, frame(2))
        assert pattern.wave_over_chance < 1


def test_hot_pixels_are_counted_by_the_read_noise() -> None:
    dark = BIAS + rng(3).normal(0, 1.0, SHAPE)
    dark.ravel()[:37] += 200
    assert hot_pixels(dark, read_noise_adu=5.0) == 37


def test_dark_current_and_its_linearity_come_from_all_exposures() -> None:
    exposures_s = [60.0, 120, 180, 240, 300, 600]
    line = dark_line(exposures_s, [0.02 * t + 0.3 for t in exposures_s])
    assert line is not None
    assert (line.rate_adu_s, line.nonlinearity) == (pytest.approx(0.02), pytest.approx(0, abs=1e-9))
    bent = dark_line(exposures_s, [0.02 * t * (1 - t / 6000) for t in exposures_s])
    assert bent is not None
    assert bent.nonlinearity > 0.01
    assert dark_line([60, 120], [1, 2]) is None
    assert dark_line(exposures_s, [0.1] * 6) is None


class TestDust:
    @staticmethod
    def flat(seed: int, motes: list[tuple[int, int, float]]) -> Adu:
        made = 30_000 * vignetting() * (1 + rng(seed).normal(0, 0.003, SHAPE))
        y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
        for row, column, depth in motes:
            made *= 1 - depth * (np.hypot(y - row, x - column) < 12)
        return made

    def test_that_stayed_is_none_and_neither_is_another_gradient(self) -> None:
        old = self.flat(1, [(100, 200, 0.05)])
        tilt = 1 + 0.01 * np.linspace(-1, 1, SHAPE[1])
        assert dust_moved(self.flat(2, [(100, 200, 0.05)]) * tilt, old).fraction == 0

    def test_that_is_new_is_found_where_it_is_and_as_deep_as_it_is(self) -> None:
        dust = dust_moved(self.flat(2, [(300, 420, 0.04)]), self.flat(1, []))
        assert dust.fraction == pytest.approx(np.pi * 12**2 / (SHAPE[0] * SHAPE[1]), rel=0.3)
        assert dust.deepest == pytest.approx(0.04, rel=0.2)
        assert np.hypot(dust.row_px - 300, dust.column_px - 420) < 14

    def test_that_has_gone_shows_as_a_brighter_spot(self) -> None:
        assert dust_moved(self.flat(2, []), self.flat(1, [(300, 420, 0.04)])).deepest < -0.03


@pytest.mark.parametrize("late_s", [0.0, 0.02])
def test_a_shutter_that_opens_from_the_middle_is_timed_by_flats_of_two_exposures(late_s: float) -> None:
    y, x = np.mgrid[-1 : 1 : SHAPE[0] * 1j, -1 : 1 : SHAPE[1] * 1j]
    corner = np.hypot(x, y) / 2**0.5

    def flat(seed: int, exposure_s: float) -> NDArray[np.uint16]:
        return frame(seed, 40_000 * vignetting() * (1 - late_s * corner / exposure_s))

    bias = np.full(SHAPE, BIAS)
    found_s = shutter_pattern_s(flat(1, 0.5), flat(2, 5.0), bias, 0.5, 5.0)
    # The corners' blocks lie an eighth inside of the corners.
    assert found_s == pytest.approx(0.88 * late_s, abs=0.0015)
    assert shutter_pattern_s(flat(1, 0.5), flat(2, 0.6), bias, 0.5, 0.6) is None


def test_two_masters_differ_by_what_the_root_of_n_promises() -> None:
    def master(seed: int, frames: int) -> Adu:
        return np.mean([frame(seed + n) for n in range(frames)], axis=0)

    noise = (READ_E**2 / GAIN**2 + 1 / 12) ** 0.5
    ratio = noise_over_expected(master(100, 16), master(200, 9), noise / 4, noise / 3)
    assert ratio == pytest.approx(1.0, abs=0.02)
