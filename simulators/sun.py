"""Where the Sun and the Moon stand, and the turns between sky and horizon.

A geometry of its own, apart from the scheduler's: Meeus, Astronomical Algorithms (2nd ed.), chapters 12, 13,
22 and 25 (low accuracy, 0.01 deg) for the Sun, and the main terms of chapter 47 for the Moon (0.2 deg). No
refraction, no parallax for the Sun. All functions take UTC as Unix seconds, a float or an array, and return
degrees of the same shape. Azimuth runs from north over east.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

_J2000_UNIX = 946_728_000.0
# TT runs ahead of UTC; 69 s serves the decades around 2026 and its error moves the Sun by microdegrees.
_TT_MINUS_UTC_S = 69.2


def _centuries(t: ArrayLike) -> Array:
    return (np.asarray(t, dtype=np.float64) + _TT_MINUS_UTC_S - _J2000_UNIX) / (86_400 * 36_525)


def _obliquity_rad(c: Array) -> Array:
    node = np.radians(125.04 - 1934.136 * c)
    return np.asarray(np.radians(23.439291 - 0.0130042 * c + 0.00256 * np.cos(node)))


def _equatorial(longitude: Array, latitude: Array, obliquity: Array) -> tuple[Array, Array]:
    """Ecliptic to equatorial; radians in, degrees out (right ascension, declination)."""
    ra = np.arctan2(
        np.sin(longitude) * np.cos(obliquity) - np.tan(latitude) * np.sin(obliquity), np.cos(longitude)
    )
    dec = np.arcsin(
        np.sin(latitude) * np.cos(obliquity) + np.cos(latitude) * np.sin(obliquity) * np.sin(longitude)
    )
    return np.degrees(ra) % 360, np.degrees(dec)


def _sun_longitude_deg(c: Array) -> Array:
    anomaly = np.radians(357.52911 + 35_999.05029 * c - 0.0001537 * c * c)
    centre = (
        (1.914602 - 0.004817 * c) * np.sin(anomaly)
        + (0.019993 - 0.000101 * c) * np.sin(2 * anomaly)
        + 0.000289 * np.sin(3 * anomaly)
    )
    true = 280.46646 + 36_000.76983 * c + 0.0003032 * c * c + centre
    return np.asarray(true - 0.00569 - 0.00478 * np.sin(np.radians(125.04 - 1934.136 * c)))


def sun_ra_dec(t: ArrayLike) -> tuple[Array, Array]:
    """Return the Sun's apparent right ascension and declination of date."""
    c = _centuries(t)
    return _equatorial(np.radians(_sun_longitude_deg(c)), np.zeros_like(c), _obliquity_rad(c))


def moon_ra_dec(t: ArrayLike) -> tuple[Array, Array, Array]:
    """Return the Moon's geocentric right ascension and declination and its lit fraction (0 to 1)."""
    c = _centuries(t)
    d = np.radians(297.8501921 + 445_267.1114034 * c)
    m = np.radians(357.5291092 + 35_999.0502909 * c)
    p = np.radians(134.9633964 + 477_198.8675055 * c)
    f = np.radians(93.2720950 + 483_202.0175233 * c)
    longitude = (
        218.3164477
        + 481_267.88123421 * c
        + 6.288774 * np.sin(p)
        + 1.274027 * np.sin(2 * d - p)
        + 0.658314 * np.sin(2 * d)
        + 0.213618 * np.sin(2 * p)
        - 0.185116 * np.sin(m)
        - 0.114332 * np.sin(2 * f)
        + 0.058793 * np.sin(2 * d - 2 * p)
        + 0.057066 * np.sin(2 * d - m - p)
        + 0.053322 * np.sin(2 * d + p)
        + 0.045758 * np.sin(2 * d - m)
    )
    latitude = (
        5.128122 * np.sin(f)
        + 0.280602 * np.sin(p + f)
        + 0.277693 * np.sin(p - f)
        + 0.173237 * np.sin(2 * d - f)
    )
    elongation = np.radians(longitude - _sun_longitude_deg(c))
    lit = (1 - np.cos(elongation) * np.cos(np.radians(latitude))) / 2
    ra, dec = _equatorial(np.radians(longitude), np.radians(latitude), _obliquity_rad(c))
    return ra, dec, lit


def sidereal_deg(t: ArrayLike, longitude_deg: float) -> Array:
    """Return the local apparent sidereal time, in degrees (Meeus 12.4 with the main nutation term)."""
    days = (np.asarray(t, dtype=np.float64) - _J2000_UNIX) / 86_400
    c = days / 36_525
    nutation = -0.00478 * np.sin(np.radians(125.04 - 1934.136 * c)) * np.cos(np.radians(23.44))
    return np.asarray((280.46061837 + 360.98564736629 * days + nutation + longitude_deg) % 360)


def to_horizon(hour_angle_deg: ArrayLike, dec_deg: ArrayLike, latitude_deg: float) -> tuple[Array, Array]:
    """Return altitude and azimuth of a point of the sky given by hour angle and declination."""
    h, dec, lat = np.radians(hour_angle_deg), np.radians(dec_deg), np.radians(latitude_deg)
    sin_alt = np.sin(lat) * np.sin(dec) + np.cos(lat) * np.cos(dec) * np.cos(h)
    az = np.arctan2(
        -np.cos(dec) * np.sin(h), np.sin(dec) * np.cos(lat) - np.cos(dec) * np.cos(h) * np.sin(lat)
    )
    return np.degrees(np.arcsin(np.clip(sin_alt, -1, 1))), np.degrees(az) % 360


def from_horizon(altitude_deg: ArrayLike, azimuth_deg: ArrayLike, latitude_deg: float) -> tuple[Array, Array]:
    """Return hour angle (-180 to 180) and declination of a point given by altitude and azimuth."""
    alt, az, lat = np.radians(altitude_deg), np.radians(azimuth_deg), np.radians(latitude_deg)
    sin_dec = np.sin(lat) * np.sin(alt) + np.cos(lat) * np.cos(alt) * np.cos(az)
    h = np.arctan2(
        -np.cos(alt) * np.sin(az), np.sin(alt) * np.cos(lat) - np.cos(alt) * np.cos(az) * np.sin(lat)
    )
    return np.degrees(h), np.degrees(np.arcsin(np.clip(sin_dec, -1, 1)))


def sun_alt_az(t: ArrayLike, latitude_deg: float, longitude_deg: float) -> tuple[Array, Array]:
    """Return the Sun's geometric altitude and azimuth at a place."""
    ra, dec = sun_ra_dec(t)
    return to_horizon(sidereal_deg(t, longitude_deg) - ra, dec, latitude_deg)


def moon_alt_az(t: ArrayLike, latitude_deg: float, longitude_deg: float) -> tuple[Array, Array, Array]:
    """Return the Moon's altitude (parallax taken off) and azimuth at a place, and its lit fraction."""
    ra, dec, lit = moon_ra_dec(t)
    alt, az = to_horizon(sidereal_deg(t, longitude_deg) - ra, dec, latitude_deg)
    return alt - 0.95 * np.cos(np.radians(alt)), az, lit


def separation_deg(alt1: ArrayLike, az1: ArrayLike, alt2: ArrayLike, az2: ArrayLike) -> Array:
    """Return the angle between two directions, by haversine: exact for small angles too."""
    a, b = np.radians(alt1), np.radians(alt2)
    d = np.radians(np.asarray(az2) - np.asarray(az1))
    x = np.sin((b - a) / 2) ** 2 + np.cos(a) * np.cos(b) * np.sin(d / 2) ** 2
    return np.asarray(2 * np.degrees(np.arcsin(np.sqrt(np.clip(x, 0, 1)))))
