"""Where flats are taken: least gradient, but never near the Sun, a bright Moon or the horizon."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from capture.errors import BadInput
from capture.rig.directions import Direction
from capture.rig.dither import STARS_MOVE_AT_LEAST_ARCSEC, drift_s, offset_arcsec
from capture.rig.flat_spot import PointingLimits, flat_spot
from capture.site import Site
from simulators.sun import moon_alt_az, separation_deg, sun_alt_az

LIMITS = PointingLimits(30.0, 45.0, 30.0)
DESERT = Site("Desert", 32.9, -105.5, 2225.0, "America/Denver")
# Sun near -4 deg; the Moon at its first quarter stands high at dusk, and is full at dusk a week later.
QUARTER = datetime(2026, 1, 26, 0, 50, tzinfo=UTC)
FULL = datetime(2026, 2, 1, 0, 55, tzinfo=UTC)
MOONLESS = datetime(2026, 1, 18, 0, 40, tzinfo=UTC)


def null_at(site: Site, when: datetime) -> Direction:
    sun_azimuth = float(sun_alt_az(when.timestamp(), site.latitude_deg, site.longitude_deg)[1])
    return Direction(76.0, (sun_azimuth + 180) % 360)


def moon_distance_deg(spot: Direction, when: datetime) -> float:
    altitude, azimuth, _ = moon_alt_az(when.timestamp(), 32.9, -105.5)
    return float(separation_deg(spot.altitude_deg, spot.azimuth_deg, altitude, azimuth))


@pytest.mark.parametrize("latitude_deg", [-33.0, 0.0, 32.9, 56.0, 70.0])
@pytest.mark.parametrize("hour", [1, 13])
def test_without_a_moon_it_is_14_deg_from_the_zenith_opposite_the_sun(latitude_deg: float, hour: int) -> None:
    site = Site("Test", latitude_deg, -105.5, 0.0, "UTC")
    when = MOONLESS.replace(hour=hour)
    assert flat_spot(site, when, LIMITS).distance_deg(null_at(site, when)) < 0.1


def test_it_keeps_its_distance_from_a_bright_moon_and_goes_no_farther_than_it_must() -> None:
    null = null_at(DESERT, QUARTER)
    near_deg = moon_distance_deg(null, QUARTER)
    assert near_deg < 30, "the case is one"
    spot = flat_spot(DESERT, QUARTER, LIMITS)
    assert moon_distance_deg(spot, QUARTER) >= 29
    assert spot.distance_deg(null) <= 30 - near_deg + 2


def test_it_does_not_jump_while_the_moon_passes() -> None:
    spots = [flat_spot(DESERT, QUARTER + timedelta(minutes=m), LIMITS) for m in range(40)]
    steps_deg = [a.distance_deg(b) for a, b in pairwise(spots)]
    assert max(steps_deg) < 4


def test_a_moon_that_is_far_or_thin_or_set_moves_nothing() -> None:
    assert flat_spot(DESERT, FULL, LIMITS).distance_deg(null_at(DESERT, FULL)) < 0.1
    wide = PointingLimits(30.0, 45.0, 60.0)
    thin = datetime(2026, 1, 21, 0, 45, tzinfo=UTC)
    assert DESERT.moon(thin).altitude_deg > 0
    assert flat_spot(DESERT, thin, wide).distance_deg(null_at(DESERT, thin)) < 0.1


def test_no_spot_is_below_the_limit_or_near_the_sun() -> None:
    limits = PointingLimits(80.0, 80.0, 30.0)
    for hours in range(24):
        when = MOONLESS + timedelta(hours=hours)
        altitude, azimuth = sun_alt_az(when.timestamp(), 32.9, -105.5)
        if altitude < 15:
            spot = flat_spot(DESERT, when, limits)
            assert spot.altitude_deg >= 80
            assert separation_deg(spot.altitude_deg, spot.azimuth_deg, altitude, azimuth) > 79.9


def test_limits_that_leave_nothing_are_refused_with_all_three_of_them() -> None:
    noon = datetime(2026, 6, 21, 19, 2, tzinfo=UTC)
    with pytest.raises(BadInput, match=r"above 84 deg, 90 deg from the Sun and 30 deg from the Moon"):
        flat_spot(DESERT, noon, PointingLimits(84.0, 90.0, 30.0))


def test_no_two_places_of_the_dither_are_nearer_than_the_stars_must_move() -> None:
    places = [complex(*offset_arcsec(number)) for number in range(50)]
    nearest = min(abs(a - b) for n, a in enumerate(places) for b in places[:n])
    assert nearest > 2 * STARS_MOVE_AT_LEAST_ARCSEC
    assert max(abs(place) for place in places) < 300


def test_the_sky_drifts_as_far_as_the_stars_must_move_in_a_second_at_the_equator_and_ages_at_the_pole() -> (
    None
):
    assert drift_s(0.0) == pytest.approx(0.8, abs=0.01)
    assert drift_s(60.0) == pytest.approx(1.6, abs=0.01)
    assert drift_s(90.0) > 1000
