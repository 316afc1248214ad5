"""The light-leak sentinel on drawn frames: what it must see, and what it must not."""

from __future__ import annotations

import numpy as np
import pytest

from sequences.light_leak import DarkModel, Look, Sentinel, look_at

SHAPE = (128, 160)
DARK_ADU_PER_S = 0.06
NOISE_ADU = 4.0


class Camera:
    """Draws bias and dark frames with hot pixels and an amplifier's glow; `level_adu` may wander."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._current = DARK_ADU_PER_S * np.exp(0.3 * self._rng.standard_normal(SHAPE))
        self._current[self._rng.random(SHAPE) < 0.002] *= 200
        y, x = np.ogrid[: SHAPE[0], : SHAPE[1]]
        self._current += 0.1 * np.exp(-((SHAPE[0] - y) ** 2 + (SHAPE[1] - x) ** 2) / 400)
        self.level_adu = 500.0

    def look(
        self, exposure_s: float, leak_adu: float = 0.0, sun_deg: float = -30.0, *, slanted: bool = False
    ) -> Look:
        light = leak_adu * (np.linspace(-1, 1, SHAPE[1])[None, :] if slanted else 1.0)
        signal = self._current * exposure_s + light
        frame = self._rng.poisson(np.maximum(signal, 0)) + self._rng.normal(self.level_adu, NOISE_ADU, SHAPE)
        return look_at(np.clip(frame, 0, 65535).astype(np.uint16), exposure_s, sun_deg)

    def model(self) -> DarkModel:
        """As from masters of 30 frames."""

        def mean(exposure_s: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
            return np.mean([self.look(exposure_s).grid for _ in range(30)], axis=0)

        return DarkModel({s: mean(s) - mean(0.0) for s in (60.0, 300.0)})


def sentinel(camera: Camera, *, known: bool = True) -> Sentinel:
    made = Sentinel(camera.model() if known else None, cooled=True)
    made.see_bias(camera.look(0.0))
    return made


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_clean_darks_of_every_exposure_pass(known: bool, seed: int) -> None:
    camera = Camera(seed)
    watch = sentinel(camera, known=known)
    for exposure_s in (30.0, 30.0, 60.0, 120.0, 300.0, 600.0) * 3:
        assert watch.see(camera.look(exposure_s)) is None


def test_a_bias_level_that_wandered_since_the_masters_is_no_light() -> None:
    camera = Camera(1)
    model = camera.model()
    camera.level_adu = 530.0
    watch = Sentinel(model, cooled=True)
    watch.see_bias(camera.look(0.0))
    assert watch.see(camera.look(30.0)) is None


@pytest.mark.parametrize("exposure_s", [30.0, 300.0])
def test_light_is_seen_by_its_level(exposure_s: float) -> None:
    camera = Camera(2)
    assert "over the dark that is expected" in str(sentinel(camera).see(camera.look(exposure_s, 12.0)))


def test_light_of_no_level_is_seen_by_its_gradient() -> None:
    camera = Camera(3)
    watch = sentinel(camera)
    assert "ADU" in str(watch.see(camera.look(300.0, 8.0, slanted=True)))
    assert abs(watch.excess_adu) < 3


def test_light_too_faint_to_tell_in_one_frame_is_seen_by_how_it_follows_the_sun() -> None:
    camera = Camera(4)
    watch = sentinel(camera)
    suns = np.linspace(-8.0, -0.5, 12)
    reasons = [watch.see(camera.look(30.0, 2.0 * float(np.exp(sun)), float(sun))) for sun in suns]
    assert "the level follows the Sun" in str(reasons[-1])
    assert reasons[:6] == [None] * 6


def test_without_a_library_two_first_darks_must_agree_and_be_faint() -> None:
    camera = Camera(5)
    watch = sentinel(camera, known=False)
    assert not watch.knows(camera.look(0.0).grid.shape)
    assert watch.see(camera.look(30.0, 60.0)) is None
    assert "two darks differ" in str(watch.see(camera.look(30.0, 75.0)))
    bright = sentinel(camera, known=False)
    assert "the library knows no dark yet" in str(bright.see(camera.look(30.0, 400.0)))


def test_masters_of_another_size_say_nothing() -> None:
    camera = Camera(6)
    small = Sentinel(DarkModel({60.0: np.zeros((3, 3))}), cooled=True)
    assert not small.knows(camera.look(0.0).grid.shape)
