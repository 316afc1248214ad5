"""Directions in the sky: angles between them, steps away from them, and to equatorial coordinates and back.

Pure. Degrees throughout, right ascension in hours; azimuth from north through east.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import acos, asin, atan2, cos, degrees, hypot, radians, sin

from capture.site import Site


@dataclass(frozen=True)
class Direction:
    """A place above, or below, the horizon."""

    altitude_deg: float
    azimuth_deg: float

    def distance_deg(self, other: Direction) -> float:
        """The angle to another direction."""
        altitude, to = radians(self.altitude_deg), radians(other.altitude_deg)
        cosine = sin(altitude) * sin(to)
        cosine += cos(altitude) * cos(to) * cos(radians(self.azimuth_deg - other.azimuth_deg))
        return degrees(acos(max(-1.0, min(1.0, cosine))))

    def step(self, bearing_deg: float, distance_deg: float) -> Direction:
        """The direction so far from here, starting upwards at bearing 0, to larger azimuth at 90."""
        altitude, bearing, distance = (radians(x) for x in (self.altitude_deg, bearing_deg, distance_deg))
        sine = sin(altitude) * cos(distance) + cos(altitude) * sin(distance) * cos(bearing)
        turn = atan2(sin(bearing) * sin(distance) * cos(altitude), cos(distance) - sin(altitude) * sine)
        return Direction(degrees(asin(max(-1.0, min(1.0, sine)))), (self.azimuth_deg + degrees(turn)) % 360.0)

    def ra_dec(self, site: Site, sidereal_h: float) -> tuple[float, float]:
        """Right ascension and declination of date (Meeus, Astronomical Algorithms, ch. 13)."""
        hour_angle_deg, declination_deg = _turned(self.azimuth_deg, self.altitude_deg, site.latitude_deg)
        return (sidereal_h - hour_angle_deg / 15.0) % 24.0, declination_deg

    @classmethod
    def of_ra_dec(
        cls, site: Site, sidereal_h: float, right_ascension_h: float, declination_deg: float
    ) -> Direction:
        """Where these coordinates of date stand (Meeus, Astronomical Algorithms, ch. 13)."""
        hour_angle_deg = (sidereal_h - right_ascension_h) * 15.0
        azimuth_deg, altitude_deg = _turned(hour_angle_deg, declination_deg, site.latitude_deg)
        return cls(altitude_deg, azimuth_deg % 360.0)


def _turned(around_deg: float, height_deg: float, latitude_deg: float) -> tuple[float, float]:
    """Horizon to equator or back, which is the same turn: azimuth from north and altitude, or hour angle
    and declination, in and the others out.
    """
    latitude, around, height = radians(latitude_deg), radians(around_deg), radians(height_deg)
    y = -sin(around) * cos(height)
    x = sin(height) * cos(latitude) - cos(height) * sin(latitude) * cos(around)
    z = sin(height) * sin(latitude) + cos(height) * cos(latitude) * cos(around)
    return degrees(atan2(y, x)), degrees(atan2(z, hypot(x, y)))
