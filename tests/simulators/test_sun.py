"""The Sun and the Moon stand where astropy has them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import AltAz, EarthLocation, get_body, get_sun
from astropy.time import Time
from astropy.utils import iers

from simulators.sun import from_horizon, moon_alt_az, separation_deg, sun_alt_az, to_horizon

MOMENTS = np.array([datetime(2026, m, 3, 5 * m % 24, 17, tzinfo=UTC).timestamp() for m in range(1, 13)])
SITES = [(0.0, 0.0), (32.9, -105.5), (56.0, 24.0), (-24.6, -70.4)]


@pytest.fixture(autouse=True)
def _offline() -> Iterator[None]:
    with iers.conf.set_temp("auto_download", False), iers.conf.set_temp("auto_max_age", None):
        yield


def _frame(latitude_deg: float, longitude_deg: float) -> tuple[Time, AltAz]:
    times = Time(MOMENTS, format="unix")
    return times, AltAz(obstime=times, location=EarthLocation(longitude_deg * u.deg, latitude_deg * u.deg))


@pytest.mark.parametrize(("latitude_deg", "longitude_deg"), SITES)
def test_the_sun_stands_within_a_fiftieth_of_a_degree_of_astropys(
    latitude_deg: float, longitude_deg: float
) -> None:
    times, frame = _frame(latitude_deg, longitude_deg)
    theirs = get_sun(times).transform_to(frame)
    altitude, azimuth = sun_alt_az(MOMENTS, latitude_deg, longitude_deg)
    assert separation_deg(altitude, azimuth, theirs.alt.deg, theirs.az.deg).max() < 0.02


def test_the_moon_stands_within_half_a_degree_of_astropys() -> None:
    times, frame = _frame(32.9, -105.5)
    theirs = get_body("moon", times, frame.location).transform_to(frame)
    altitude, azimuth, lit = moon_alt_az(MOMENTS, 32.9, -105.5)
    assert separation_deg(altitude, azimuth, theirs.alt.deg, theirs.az.deg).max() < 0.5
    assert np.all((lit >= 0) & (lit <= 1))


def test_horizon_and_equator_turn_into_each_other_and_back() -> None:
    altitude, azimuth = to_horizon(*from_horizon(62.0, 213.0, 32.9), 32.9)
    assert (float(altitude), float(azimuth)) == pytest.approx((62.0, 213.0))
