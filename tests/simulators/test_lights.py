"""A simulated light, perfectly calibrated, agrees with the truth, and a spoilt one does not."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from capture.clock import SimulatedClock
from simulators import Observatory, Shot, check_light, clear_hour, demo_settings, drop_light

EVENING = datetime(2026, 11, 22, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def observatory() -> Observatory:
    return Observatory(SimulatedClock(EVENING), demo_settings(width_px=256, height_px=256))


def shot_of(observatory: Observatory, rig: str) -> Shot:
    filter_name, temperature_c = {"T1": ("L", -10.0), "T2": ("V", -20.0)}[rig]
    return Shot(rig, filter_name, 60.0, clear_hour(observatory, EVENING, 60.0), temperature_c)


def calibrated(
    observatory: Observatory, shot: Shot, folder: Path, *, dark: float = 1.0, flat: float = 1.0
) -> Path:
    """The light less its true bias and dark, over its true illumination, each to a part."""
    raw = folder / "raw.fits"
    drop_light(observatory, shot, raw)
    (rig,) = (one for one in observatory.world.rigs if one.settings.name == shot.rig)
    sensor = rig.sensor
    pixels, header = fits.getdata(raw).astype(np.float64), fits.getheader(raw)
    dark_adu = sensor.dark_e_per_s(shot.temperature_c) * shot.exposure_s / sensor.gain_e_per_adu()
    illumination = sensor.illumination(shot.filter_name)
    quarter = illumination[64:192, 64:192].mean()
    values = (pixels - sensor.bias_adu() - dark * dark_adu) / (illumination / quarter) ** flat
    hot = (dark_adu > 20 * np.median(dark_adu)) | (pixels >= 65535)
    mask = fits.ImageHDU(hot.astype(np.uint8), name="MASK")
    path = folder / "calibrated.fits"
    fits.HDUList([fits.PrimaryHDU(values.astype(np.float32), header), mask]).writeto(path, overwrite=True)
    return path


@pytest.mark.parametrize("rig", ["T1", "T2"])
def test_a_light_that_is_calibrated_by_the_truth_agrees_with_it(
    observatory: Observatory, rig: str, tmp_path: Path
) -> None:
    shot = shot_of(observatory, rig)
    check = check_light(observatory, shot, calibrated(observatory, shot, tmp_path))
    assert check.ok, check


@pytest.mark.parametrize("spoilt", [{"flat": 0.0}, {"flat": 2.0}, {"dark": -30.0}])
def test_a_light_that_is_not_flat_or_keeps_its_dark_current_differs(
    observatory: Observatory, spoilt: dict[str, float], tmp_path: Path
) -> None:
    shot = shot_of(observatory, "T2")
    assert not check_light(observatory, shot, calibrated(observatory, shot, tmp_path, **spoilt)).ok
