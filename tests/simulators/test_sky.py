"""The twilight: how fast it falls, its colours, its windows, its slope over the sky."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from simulators import Observatory
from simulators.settings import CameraSettings, CloudSettings, FilterSettings, SiteSettings, WeatherSettings
from simulators.sky import REFERENCE_MAG, Sky, clear_twilight, colour_mag
from simulators.weather import Weather

SITE = SiteSettings(32.9, -105.5)
V = FilterSettings("V", 0.0)
NOON = datetime(2026, 11, 21, 19, 0, tzinfo=UTC)


def _sky(seed: int = 3, weather: WeatherSettings | None = None) -> Sky:
    return Sky(seed, SITE, Weather(seed, SITE, weather or WeatherSettings()))


def _mag(sun_altitude_deg: float) -> float:
    return REFERENCE_MAG - 2.5 * float(np.log10(clear_twilight(sun_altitude_deg)))


def test_twilight_falls_by_about_1_15_ln_a_degree_from_minus_2_to_minus_8() -> None:
    slope = np.log(clear_twilight(-2.0) / clear_twilight(-8.0)) / 6
    assert slope == pytest.approx(1.15, abs=0.07)


@pytest.mark.parametrize(
    ("sun_altitude_deg", "brightest", "faintest"),
    [(0.0, 6.8, 7.9), (-3.0, 9.0, 10.2), (-6.0, 12.9, 14.3), (-9.0, 16.8, 18.0), (-12.0, 19.6, 21.5)],
)
def test_the_zenith_is_as_bright_as_koomen_and_patat_measured(
    sun_altitude_deg: float, brightest: float, faintest: float
) -> None:
    assert brightest <= _mag(sun_altitude_deg) <= faintest


def test_blue_falls_more_slowly_than_red_as_patat_found() -> None:
    assert colour_mag("B", -8.0) < 0 < colour_mag("R", -8.0)


def test_daylight_is_brighter_than_sunset_without_a_step() -> None:
    curve = clear_twilight(np.linspace(-18, 20, 400))
    assert np.all(np.diff(curve) > 0)
    assert np.abs(np.diff(np.log(curve))).max() < 0.13


def test_nights_differ_by_about_a_tenth_of_a_dex_and_repeat() -> None:
    sky = _sky()
    points = [sky.zero_point(NOON.timestamp() + 86_400 * n + 3600) / np.log(10) for n in range(300)]
    assert np.std(points) == pytest.approx(0.1, abs=0.02)
    assert sky.zero_point(NOON.timestamp() + 3600) == _sky().zero_point(NOON.timestamp() + 20 * 3600)


def test_the_gradient_vanishes_at_the_null_and_is_several_percent_a_degree_far_from_it() -> None:
    sky = _sky()
    t = (NOON + timedelta(hours=5, minutes=15)).timestamp()
    ha, dec = sky.null_ha_dec(t)

    def slope(ha_deg: float, dec_deg: float) -> float:
        light = sky.light(np.array([t]), np.array([ha_deg]), np.array([dec_deg]), V)
        return float(np.hypot(light.slope_x, light.slope_y)[0])

    assert slope(ha, dec) < 0.001
    assert 0.02 < slope(ha, dec - 60) < 0.06


def test_thin_clouds_brighten_the_twilight_and_thick_ones_darken_it() -> None:
    def factor(opacity_mag: float) -> float:
        cloud = CloudSettings(NOON, NOON + timedelta(days=1), opacity_mag)
        weather = Weather(3, SITE, WeatherSettings(clouds=(cloud,)))
        times = NOON.timestamp() + np.arange(3600, 80_000, 60)
        return float(np.exp(np.log(weather.twilight_factor(times)).mean()))

    assert factor(0.5) > 1.03
    assert factor(4.0) < 0.8


def test_the_full_moon_lights_the_night() -> None:
    sky = _sky()
    full, new = datetime(2026, 11, 24, 8, tzinfo=UTC), datetime(2026, 11, 9, 8, tzinfo=UTC)
    ratio = [float(sky.brightness(np.array([m.timestamp()]), 60.0, 0.0, V)[0]) for m in (full, new)]
    assert ratio[0] > 10 * ratio[1]


def _window(
    camera: CameraSettings, filter_mag: float, shortest_s: float, longest_s: float
) -> tuple[float, float]:
    """The Sun's altitudes between which an exposure within the limits gives 30,000 ADU under a mean sky."""
    sun = np.linspace(2, -10, 1201)
    rate = clear_twilight(sun) * camera.sky_v_e_per_s * 10 ** (-0.4 * filter_mag) / camera.gain_e_per_adu
    inside = sun[(30_000 / rate >= shortest_s) & (30_000 / rate <= longest_s)]
    return float(inside.max()), float(inside.min())


def test_the_demos_cameras_have_the_windows_of_real_ones(observatory: Observatory) -> None:
    cmos, ccd = (rig.settings.camera for rig in observatory.world.rigs)
    assert _window(cmos, -1.35, 0.2, 30) == pytest.approx((-2.9, -6.7), abs=0.5)
    assert _window(cmos, 3.4, 0.2, 30)[1] == pytest.approx(-3.6, abs=0.5)
    assert _window(ccd, -0.1, 2, 60) == pytest.approx((-3.8, -6.5), abs=0.4)


def test_the_demos_first_night_leaves_time_for_all_its_flats(observatory: Observatory) -> None:
    sky = observatory.world.sky
    times = np.arange(0, 3600, 10) + datetime(2026, 11, 21, 23, 50, tzinfo=UTC).timestamp()
    for rig, longest_s, per_frame_s in zip(observatory.world.rigs, (30, 60), (3, 13), strict=True):
        camera = rig.settings.camera
        count = 0.0
        for filter_ in rig.settings.filters:
            rate = sky.brightness(times, 76.0, 60.0, filter_) * camera.sky_v_e_per_s / camera.gain_e_per_adu
            exposure = 30_000 / rate
            usable = (exposure > 0.2) & (exposure < longest_s)
            count = max(count, float((10 / (exposure[usable] + per_frame_s)).sum()))
        assert count > 50


def test_the_same_seed_gives_the_same_sky_and_another_seed_another() -> None:
    t = np.array([NOON.timestamp() + 19_000])
    weather = replace(WeatherSettings(), cirrus_chance=1.0)
    same = [float(_sky(5, weather).brightness(t, 76.0, 60.0, V)[0]) for _ in range(2)]
    assert same[0] == same[1]
    assert same[0] != float(_sky(6, weather).brightness(t, 76.0, 60.0, V)[0])
