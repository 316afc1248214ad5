"""Where to point for flats: where the sky's gradient is least, away from Sun, Moon and horizon. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from capture.errors import BadInput
from capture.rig.directions import Direction
from capture.site import Site

# Least gradient: about 14 deg from the zenith, away from the Sun (Chromey & Hasselbacher 1996).
FLAT_SPOT_ZENITH_DISTANCE_DEG = 14.0
# A thinner crescent does not tilt a twilight sky.
_BRIGHT_MOON = 0.25
_FARTHEST_DEG = 60
_BEARINGS_DEG = range(0, 360, 10)


@dataclass(frozen=True)
class PointingLimits:
    """How low, how near to the Sun and how near to a bright Moon a flat may be taken, in degrees."""

    lowest_altitude_deg: float
    sun_distance_deg: float
    moon_distance_deg: float


def sun_direction(site: Site, when: datetime) -> Direction:
    """Where the Sun stands, by our own ephemeris."""
    return Direction(site.sun_altitude_deg(when), site.sun_azimuth_deg(when))


def flat_spot(site: Site, when: datetime, limits: PointingLimits) -> Direction:
    """The allowed direction nearest to the least gradient, 14 deg from the zenith away from the Sun.

    A Moon counts that is up and at least a quarter lit. Of equally near points the one farthest from the
    Moon is taken, so that the spot does not jump as the Moon moves on. Raises BadInput when none within
    60 deg is allowed.
    """
    sun, moon = sun_direction(site, when), site.moon(when)
    null = Direction(90.0 - FLAT_SPOT_ZENITH_DISTANCE_DEG, (sun.azimuth_deg + 180.0) % 360.0)
    moon_at = Direction(moon.altitude_deg, moon.azimuth_deg)
    moon_counts = moon.altitude_deg > 0 and moon.lit_fraction >= _BRIGHT_MOON

    def allowed(direction: Direction) -> bool:
        return (
            direction.altitude_deg >= limits.lowest_altitude_deg
            and direction.distance_deg(sun) >= limits.sun_distance_deg
            and not (moon_counts and direction.distance_deg(moon_at) < limits.moon_distance_deg)
        )

    if allowed(null):
        return null
    for distance_deg in range(1, _FARTHEST_DEG + 1):
        ring = [null.step(bearing_deg, distance_deg) for bearing_deg in _BEARINGS_DEG]
        candidates = [direction for direction in ring if allowed(direction)]
        if candidates:
            return max(candidates, key=moon_at.distance_deg)
    raise BadInput(
        f"no part of the sky is allowed for flats: it would have to be above "
        f"{limits.lowest_altitude_deg:g} deg, {limits.sun_distance_deg:g} deg from the Sun and "
        f"{limits.moon_distance_deg:g} deg from the Moon; change these limits in [rig.flats]"
    )
