"""Directions in the sky agree with astropy."""

from __future__ import annotations

from datetime import UTC, datetime

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import TETE, AltAz, EarthLocation, SkyCoord
from astropy.time import Time
from astropy.utils import iers
from hypothesis import given, settings
from hypothesis import strategies as st

from capture.rig.directions import Direction
from capture.site import Site

altitudes = st.floats(-80, 89.9)
azimuths = st.floats(0, 359.9)


@pytest.mark.parametrize("latitude_deg", [-70.0, -30.2, 0.1, 32.9, 65.0])
@pytest.mark.parametrize("azimuth_deg", [3.0, 120.0, 200.0, 290.0])
def test_coordinates_of_a_direction_agree_with_astropy(latitude_deg: float, azimuth_deg: float) -> None:
    when = datetime(2024, 5, 2, 3, 4, 5, tzinfo=UTC)
    site = Site("Test", latitude_deg, -105.5, 2225.0, "America/Denver")
    with iers.conf.set_temp("auto_download", False):
        place = EarthLocation.from_geodetic(-105.5, latitude_deg, 2225.0)
        altitudes_deg = np.array([20.0, 50.0, 76.0, 89.0])
        frame = AltAz(obstime=Time(when), location=place)
        directions = SkyCoord(
            alt=altitudes_deg * u.deg, az=np.full(4, azimuth_deg) * u.deg, distance=1e9 * u.pc, frame=frame
        )
        truth = directions.transform_to(TETE(obstime=Time(when), location=place))
        sidereal_h = site.sidereal_time_h(when)
        ours = [Direction(float(alt), azimuth_deg).ra_dec(site, sidereal_h) for alt in altitudes_deg]
        found = SkyCoord(
            ra=[ra for ra, _ in ours] * u.hourangle, dec=[dec for _, dec in ours] * u.deg, frame=truth.frame
        )
        assert found.separation(truth).max() < 0.05 * u.deg


@settings(max_examples=50, derandomize=True)
@given(altitudes, azimuths, st.floats(-89, 89))
def test_coordinates_lead_back_to_the_direction(altitude: float, azimuth: float, latitude: float) -> None:
    site, there = Site("Test", latitude, 0.0, 0.0, "UTC"), Direction(altitude, azimuth)
    assert Direction.of_ra_dec(site, 7.5, *there.ra_dec(site, 7.5)).distance_deg(there) < 1e-4


@settings(max_examples=50, derandomize=True)
@given(altitudes, azimuths, st.floats(0, 360), st.floats(0.1, 90))
def test_a_step_is_as_long_as_it_was_asked(
    altitude: float, azimuth: float, bearing: float, far: float
) -> None:
    here = Direction(altitude, azimuth)
    assert here.step(bearing, far).distance_deg(here) == pytest.approx(far, abs=1e-3)


def test_a_step_at_bearing_0_goes_up_and_at_90_to_larger_azimuth() -> None:
    here = Direction(30.0, 350.0)
    assert here.step(0.0, 10.0).altitude_deg == pytest.approx(40)
    assert 0 < here.step(90.0, 20.0).azimuth_deg < 30
