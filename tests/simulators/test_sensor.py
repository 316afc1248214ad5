"""A sensor's frames carry the noise, the pattern and the dark current that its settings say."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from simulators import demo_settings
from simulators.sensor import Electronics, Exposed, Pixels, Region, Sensor
from simulators.settings import CameraSettings

CMOS = replace(demo_settings().rigs[0].camera, width_px=400, height_px=300)
CCD = replace(demo_settings().rigs[1].camera, width_px=400, height_px=300)
WHOLE = Region(0, 0, 400, 300)
READ = Electronics(0, 50)


def _frames(settings: CameraSettings, exposed: Exposed, count: int, region: Region = WHOLE) -> list[Pixels]:
    sensor = Sensor(settings, seed=4, number=0)
    return [sensor.render(exposed, region, READ, n) for n in range(1, count + 1)]


def _bias(settings: CameraSettings, count: int) -> list[Pixels]:
    return _frames(settings, Exposed(0.0, -10.0, "L"), count)


@pytest.mark.parametrize("settings", [CMOS, CCD])
def test_read_noise_is_true_to_three_parts_in_a_thousand(settings: CameraSettings) -> None:
    frames = [f.astype(float) for f in _bias(settings, 21)]
    variances = [np.var(a - b) / 2 for a, b in pairwise(frames)]
    noise_e = np.sqrt(np.mean(variances)) * settings.gain_e_per_adu
    assert noise_e == pytest.approx(settings.read_noise_e, rel=0.003)


def test_averaging_n_frames_lowers_the_noise_by_the_root_of_n() -> None:
    truth = Sensor(CMOS, 4, 0).bias_adu()
    frames = np.array(_bias(CMOS, 64), dtype=float)
    one, all_of_them = np.std(frames[0] - truth), np.std(frames.mean(axis=0) - truth)
    assert one / all_of_them == pytest.approx(8, rel=0.01)


def test_photon_transfer_gives_the_gain() -> None:
    lit = [f.astype(float) for f in _frames(CMOS, Exposed(1.0, -10.0, "L", sky_e=24_000.0), 24)]
    dark = [f.astype(float) for f in _bias(CMOS, 24)]
    inner = slice(100, 200), slice(150, 250)
    variance = np.mean([np.var((a - b)[inner]) - np.var((c - d)[inner])
                        for a, b, c, d in zip(lit, lit[1:], dark, dark[1:], strict=False)]) / 2  # fmt: skip
    signal = np.mean(lit, axis=0)[inner].mean() - np.mean(dark, axis=0)[inner].mean()
    assert signal / variance == pytest.approx(CMOS.gain_e_per_adu, rel=0.01)


def test_frames_of_the_same_number_are_equal_and_of_others_are_not() -> None:
    first, again = _bias(CMOS, 1)[0], _bias(CMOS, 1)[0]
    assert np.array_equal(first, again)
    assert not np.array_equal(first, _bias(CMOS, 2)[1])
    assert first.dtype == np.uint16


def test_two_frames_share_no_noise() -> None:
    truth = Sensor(CMOS, 4, 0).bias_adu()
    a, b = ((f - truth).ravel() for f in _bias(CMOS, 2))
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.02


def test_dark_current_doubles_every_six_degrees() -> None:
    sensor = Sensor(CCD, 4, 0)
    assert np.median(sensor.dark_e_per_s(-14.0)) / np.median(sensor.dark_e_per_s(-20.0)) == pytest.approx(2)
    warm, cold = (_frames(CCD, Exposed(600.0, c, "V"), 1)[0].mean() - 1000 for c in (-14.0, -20.0))
    assert warm / cold == pytest.approx(2, rel=0.02)


def test_hot_pixels_have_a_long_tail_and_stay_where_they_are() -> None:
    dark = Sensor(CMOS, 4, 0).dark_e_per_s(-10.0)
    hot = dark > 5 * np.median(dark)
    assert hot.mean() == pytest.approx(CMOS.hot_fraction, rel=0.3)
    assert dark.max() > 100 * np.median(dark)
    long = _frames(CMOS, Exposed(600.0, -10.0, "L"), 1)[0]
    assert np.median(long[hot]) > np.median(long) + 200


def test_light_saturates_at_the_full_scale() -> None:
    frame = _frames(CCD, Exposed(1.0, -20.0, "V", sky_e=5e6), 1)[0]
    assert frame.min() >= 65_000
    assert frame.max() == 65_535


def test_the_corners_are_darker_and_dust_differs_between_filters() -> None:
    sensor = Sensor(CMOS, 4, 0)
    light = sensor.illumination("L")
    assert light[:20, :20].mean() < 0.85 * light[140:160, 190:210].mean()
    assert np.abs(light / sensor.illumination("R") - 1).max() > 0.015


def test_more_gain_means_fewer_electrons_per_adu_and_offset_lifts_the_bias() -> None:
    sensor = Sensor(CMOS, 4, 0)
    assert sensor.gain_e_per_adu(200) == pytest.approx(sensor.gain_e_per_adu(0) / 10)
    raised = sensor.render(Exposed(0.0, -10.0, "L"), WHOLE, Electronics(0, 70), 1)
    assert raised.mean() == pytest.approx(CMOS.level_adu + 20 * CMOS.adu_per_offset, abs=0.5)


def test_a_part_of_the_sensor_shows_the_same_pixels_of_it() -> None:
    sensor = Sensor(CMOS, 4, 0)
    exposed = Exposed(1.0, -10.0, "L", sky_e=20_000.0)
    part = np.mean([sensor.render(exposed, Region(40, 30, 100, 80), READ, n) for n in range(40)], axis=0)
    truth = sensor.bias_adu() + 20_000 * sensor.illumination("L") / CMOS.gain_e_per_adu
    residual = part - truth[30:110, 40:140]
    assert np.std(residual) < 1.1 * np.sqrt(25_000 / 0.8 / 40)


def test_binning_adds_up_the_light() -> None:
    sensor = Sensor(CCD, 4, 0)
    exposed = Exposed(1.0, -20.0, "V", sky_e=10_000.0)
    binned = sensor.render(exposed, Region(0, 0, 200, 150, 2), READ, 1)
    whole = sensor.render(exposed, WHOLE, READ, 1)
    assert binned.shape == (150, 200)
    assert (binned.mean() - 1000) / (whole.mean() - 1000) == pytest.approx(4, rel=0.01)


def test_a_colour_sensor_has_a_red_green_green_blue_pattern() -> None:
    light = Sensor(replace(CMOS, bayer=True), 4, 0).illumination("L")
    planes = [light[r::2, c::2].mean() for r in (0, 1) for c in (0, 1)]
    assert planes[1] == pytest.approx(planes[2], rel=0.01)
    assert planes[0] < planes[3] < planes[1]
