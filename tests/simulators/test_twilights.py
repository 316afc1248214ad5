"""The measured twilights and the veils of cloud: as their papers and processes say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import numpy as np
import pytest

from simulators.settings import FilterSettings, SiteSettings, SkyFamily, Veil, WeatherSettings
from simulators.sky import REFERENCE_MAG, Sky, clear_twilight
from simulators.weather import Weather

FAMILIES: tuple[SkyFamily, ...] = get_args(SkyFamily)
V = FilterSettings("V", 0.0)
ALTOCUMULUS = Veil(0.25, 240.0)
NOON = datetime(2026, 3, 20, 12, tzinfo=UTC).timestamp()


def _mag(family: SkyFamily, sun_altitude_deg: float) -> float:
    return REFERENCE_MAG - 2.5 * float(np.log10(clear_twilight(sun_altitude_deg, family)))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_twilight_fades_without_a_step_or_a_pause(family: SkyFamily) -> None:
    curve = np.log(clear_twilight(np.arange(10, -15, -0.1), family))
    assert np.all(np.diff(curve) < 0)
    assert np.abs(np.diff(curve)).max() < 0.15
    assert np.abs(np.diff(curve, 2)).max() < 0.05


def test_the_families_disagree_by_more_than_a_magnitude() -> None:
    mags = [_mag(family, -6.0) for family in FAMILIES]
    assert 1.0 < max(mags) - min(mags) < 1.5


@pytest.mark.parametrize(
    ("family", "sun_altitude_deg", "mag"),
    [
        ("koomen_sp", -6.0, 12.58 - 2.5 * np.log10(10.764 * 0.022)),
        ("koomen_md", -3.0, 12.58 - 2.5 * np.log10(10.764 * 2)),
        ("koomen_md", -12.0, 12.58 - 2.5 * np.log10(10.764 * 1.2e-4)),
        ("patat", -5.0, 11.84),
        ("patat", -8.0, 11.84 + 3 * 1.518 - 9 * 0.057),
    ],
)
def test_a_family_goes_through_what_was_measured(
    family: SkyFamily, sun_altitude_deg: float, mag: float
) -> None:
    assert _mag(family, sun_altitude_deg) == pytest.approx(mag, abs=0.01)


@pytest.mark.parametrize(
    ("family", "latitude_deg", "dex_per_min"), [("ing", 28.76, 0.103), ("tyson_gal", 30.0, 0.0925)]
)
def test_the_straight_families_fade_at_their_rate_on_their_own_mountain(
    family: SkyFamily, latitude_deg: float, dex_per_min: float
) -> None:
    site = SiteSettings(latitude_deg, 0.0)
    sky = Sky(1, site, Weather(1, site, WeatherSettings()), family)
    times = NOON + np.arange(5 * 3600, 9 * 3600, 60.0)
    sun = sky.sun_altitude_deg(times)
    minutes = times[(sun < -2) & (sun > -8)]
    levels = np.log10(sky.brightness(minutes, 90.0, 0.0, V))
    assert -np.diff(levels).mean() == pytest.approx(dex_per_min, rel=0.02)


def _veil(seed: int, veil: Veil | None) -> Weather:
    return Weather(seed, SiteSettings(33.0, -105.0), WeatherSettings(veil=veil))


def test_a_veil_has_the_deviation_and_the_correlation_that_it_is_given() -> None:
    nights = [
        np.log(_veil(seed, replace(ALTOCUMULUS, mean=0.2)).twilight_factor(NOON + np.arange(0, 86_000.0)))
        for seed in range(12)
    ]
    curve = np.concatenate(nights) - 0.2
    assert curve.mean() == pytest.approx(0.0, abs=0.02)
    assert curve.std() == pytest.approx(0.25, rel=0.05)
    late = np.mean([np.mean((night[240:] - 0.2) * (night[:-240] - 0.2)) for night in nights])
    assert late / 0.25**2 == pytest.approx(np.exp(-1), abs=0.05)


def test_under_altocumulus_a_level_some_seconds_old_is_often_ten_percent_off() -> None:
    curve = np.log(_veil(4, ALTOCUMULUS).twilight_factor(NOON + np.arange(0, 80_000.0)))
    for age_s, part in ((20, 0.66), (30, 0.57)):
        near = np.mean(np.abs(np.expm1(curve[age_s:] - curve[:-age_s])) <= 0.1)
        assert near == pytest.approx(part, abs=0.05)


def test_a_veil_is_the_same_however_and_how_often_it_is_asked() -> None:
    times = NOON + np.array([3000.25, 90_000.0, 40_000.5, 3000.25])
    at_once = _veil(7, ALTOCUMULUS).twilight_factor(times)
    one_by_one = [float(_veil(7, ALTOCUMULUS).twilight_factor(np.array([t]))[0]) for t in times]
    assert np.array_equal(at_once, one_by_one)
    assert not np.array_equal(at_once, _veil(8, ALTOCUMULUS).twilight_factor(times))


def test_a_veil_dims_the_stars_and_leaves_the_roof_open() -> None:
    night = [NOON + timedelta(hours=hour).total_seconds() for hour in range(24)]
    veiled, bare = _veil(7, ALTOCUMULUS), _veil(7, None)
    assert [veiled.is_safe(t) for t in night] == [bare.is_safe(t) for t in night]
    assert np.all(veiled.star_transmission(np.array(night)) < bare.star_transmission(np.array(night)))
