"""The weather follows its script, softly, and says when it is unsafe."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from simulators import Observatory
from simulators.settings import SiteSettings, WeatherSettings
from simulators.weather import Weather

LOCAL = timedelta(hours=-7)


def test_the_demos_night_is_unsafe_from_half_past_eight_to_half_past_two(observatory: Observatory) -> None:
    weather = observatory.world.weather
    first = datetime(2026, 11, 21, 12, tzinfo=UTC) - LOCAL
    safe = [weather.is_safe(first.timestamp() + 60 * minute) for minute in range(24 * 60)]
    changes = [first + LOCAL + timedelta(minutes=n) for n in range(1, 1440) if safe[n] != safe[n - 1]]
    assert len(changes) == 2
    assert abs(changes[0] - datetime(2026, 11, 21, 20, 30, tzinfo=UTC)) < timedelta(minutes=10)
    assert abs(changes[1] - datetime(2026, 11, 22, 2, 30, tzinfo=UTC)) < timedelta(minutes=10)


def test_a_clear_sky_passes_all_of_a_stars_light_and_thick_cloud_little(observatory: Observatory) -> None:
    weather = observatory.world.weather
    clear, thick = (datetime(2026, 11, 22, hour, tzinfo=UTC).timestamp() for hour in (1, 7))
    assert weather.star_transmission(clear) == 1
    assert weather.star_transmission(thick) < 0.2


def test_air_and_dew_point_stay_believable() -> None:
    weather = Weather(2, SiteSettings(32.9, -105.5), WeatherSettings())
    times = 1.79e9 + np.arange(0, 86_400 * 3, 600)
    assert np.all(weather.dew_point_c(times) < weather.temperature_c(times))
    assert np.ptp(weather.temperature_c(times)) < 20
    assert np.all(weather.gust_m_s(times) >= weather.wind_m_s(times))


def test_cirrus_comes_by_chance_and_by_seed() -> None:
    site = SiteSettings(32.9, -105.5)
    times = 1.79e9 + np.arange(0, 86_400 * 40, 1800)
    always = Weather(2, site, WeatherSettings(cirrus_chance=1.0)).opacity_mag(times)
    assert always.max() > 0.1
    assert Weather(2, site, WeatherSettings()).opacity_mag(times).max() == 0
    assert not np.array_equal(always, Weather(3, site, WeatherSettings(cirrus_chance=1.0)).opacity_mag(times))
