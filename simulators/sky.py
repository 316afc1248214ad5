"""The brightness of the sky, from daylight to night, and how it slopes across a frame.

The curve of V against the Sun's altitude is a smooth fit of our own through Koomen et al. 1952 (0 to -15 deg)
and Patat et al. 2006 (-5 to -15 deg), or one of the families in `twilights.py`; the colours follow Patat's
differences from V. It shares nothing with any controller's model. Rates are relative: 1 is a sky of
V = 13.5 mag/arcsec^2 in a filter of throughput 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulators.settings import FilterSettings, SiteSettings, SkyFamily
from simulators.sun import from_horizon, moon_alt_az, separation_deg, sidereal_deg, sun_alt_az, to_horizon
from simulators.twilights import COLOUR_PART, zenith_mag
from simulators.weather import Weather, night_number

Array = NDArray[np.float64]

REFERENCE_MAG = 13.5
NIGHT_MAG = 21.8
NULL_ZENITH_DISTANCE_DEG = 14.0
# ln per squared degree from the null: 3.6 %/deg at 60 deg from it.
_BOWL = 0.0006

# Patat's linear and quadratic terms minus those of V, by the nearest band of each filter.
_BANDS = {
    "U": (-0.142, 0.018), "B": (-0.107, 0.016), "V": (0.0, 0.0), "R": (0.049, -0.007), "I": (-0.048, -0.005),
}  # fmt: skip
_NEAREST = {
    "U": "U", "B": "B", "V": "V", "R": "R", "I": "I", "L": "V", "G": "V", "Ha": "R", "SII": "R", "OIII": "V",
    "u": "U", "g": "B", "r": "R", "i": "I", "z": "I",
}  # fmt: skip


def _softplus(x: Array) -> Array:
    return np.logaddexp(0.0, x)


def _depth(u: Array) -> Array:
    """The ln by which the twilight has fallen when the Sun is `u` deg below the horizon."""
    onset = 1.12 * 0.85 * _softplus((u - 1.1) / 0.85)
    return np.asarray(0.11 * u + onset - 0.5 * 1.2 * _softplus((u - 10.3) / 1.2))


_DEPTH_AT_6 = float(_depth(np.array(6.0)))


def clear_twilight(sun_altitude_deg: ArrayLike, family: SkyFamily = "smooth") -> Array:
    """Return the zenith's twilight in V, relative to 13.5 mag/arcsec^2, without the night's own glow."""
    if family != "smooth":
        return np.asarray(10 ** (-0.4 * (zenith_mag(family, sun_altitude_deg) - REFERENCE_MAG)))
    return np.asarray(np.exp(_DEPTH_AT_6 - _depth(-np.asarray(sun_altitude_deg, dtype=np.float64))))


def colour_mag(filter_name: str, sun_altitude_deg: ArrayLike) -> Array:
    """Return the filter's drift against V in mag, zero at -5 deg, level beyond Patat's range."""
    linear, square = _BANDS[_NEAREST.get(filter_name, "V")]
    x = -np.asarray(sun_altitude_deg, dtype=np.float64) - 5.0
    x = np.clip(x, -4.0, 7.0)
    return np.asarray(linear * x + square * np.maximum(x, 0) ** 2)


@dataclass(frozen=True)
class Light:
    """The sky's light at some times: at the frame's centre and its relative slope over the sensor.

    `rate` is relative to the reference sky, `slope_x` and `slope_y` are its relative change per degree
    along +x (falling right ascension) and +y (rising declination). All have the shape of the times.
    """

    rate: Array
    slope_x: Array
    slope_y: Array


@dataclass(frozen=True)
class Sources:
    """What lights the sky in V at some times, relative: the twilight, and the night's glow with the Moon."""

    sun_altitude_deg: Array
    twilight: Array
    dark: Array


class Sky:
    """The sky over one site."""

    def __init__(self, seed: int, site: SiteSettings, weather: Weather, family: SkyFamily = "smooth") -> None:
        self._seed = seed
        self._site = site
        self._weather = weather
        self._family = family

    def zero_point(self, t: float) -> float:
        """Return the ln by which this night's twilight differs from the mean night's."""
        rng = np.random.default_rng((self._seed, 201, night_number(t, self._site.longitude_deg) + 2**20))
        dex = self._weather.settings.zero_point_dex * float(np.clip(rng.standard_normal(), -2, 2))
        return dex * float(np.log(10))

    def sun_altitude_deg(self, t: ArrayLike) -> Array:
        """Return the Sun's altitude."""
        return sun_alt_az(t, self._site.latitude_deg, self._site.longitude_deg)[0]

    def moonlight(self, t: ArrayLike, altitude_deg: ArrayLike, azimuth_deg: ArrayLike) -> Array:
        """Return the Moon's part of the sky, relative to the reference; near the Moon it is brighter.

        Scaled so that a high full Moon gives 18 mag/arcsec^2 far from it (Krisciunas & Schaefer 1991).
        """
        moon_alt, moon_az, lit = moon_alt_az(t, self._site.latitude_deg, self._site.longitude_deg)
        apart = separation_deg(altitude_deg, azimuth_deg, moon_alt, moon_az)
        full = 10 ** (-0.4 * (18.0 - REFERENCE_MAG))
        up = np.clip(np.sin(np.radians(moon_alt)), 0, 1)
        return np.asarray(full * lit**2.5 * up * (1 + 6 * np.exp(-apart / 12)))

    def brightness(
        self, t: ArrayLike, altitude_deg: ArrayLike, azimuth_deg: ArrayLike, filter_: FilterSettings
    ) -> Array:
        """Return the sky's brightness in a direction through a filter, clouds included, relative."""
        return self.through(filter_, self.sources(t, altitude_deg, azimuth_deg))

    def sources(self, t: ArrayLike, altitude_deg: ArrayLike, azimuth_deg: ArrayLike) -> Sources:
        """Return what lights the sky in a direction, before any filter."""
        times = np.asarray(t, dtype=np.float64)
        sun_alt, sun_az = sun_alt_az(times, self._site.latitude_deg, self._site.longitude_deg)
        null_alt = 90 - NULL_ZENITH_DISTANCE_DEG
        apart = separation_deg(altitude_deg, azimuth_deg, null_alt, (sun_az + 180) % 360)
        bowl = np.exp(0.5 * _BOWL * apart**2 * np.clip((sun_alt + 18) / 6, 0, 1))
        zero = np.exp(self.zero_point(float(times.flat[0]))) if times.size else 1.0
        cloud = self._weather.twilight_factor(times)
        twilight = clear_twilight(sun_alt, self._family) * bowl * zero * cloud
        glow = 10 ** (-0.4 * (NIGHT_MAG - REFERENCE_MAG)) * (1 + 2 * self._weather.overcast(times))
        dark = glow + self.moonlight(times, altitude_deg, azimuth_deg)
        return Sources(sun_alt, np.asarray(twilight), np.asarray(dark))

    def through(self, filter_: FilterSettings, sources: Sources) -> Array:
        """Return how bright the sources are through a filter, relative."""
        drift = COLOUR_PART[self._family] * colour_mag(filter_.name, sources.sun_altitude_deg)
        light = sources.twilight * 10 ** (-0.4 * drift) + sources.dark
        return np.asarray(light * 10 ** (-0.4 * filter_.throughput_mag))

    def light(self, t: Array, hour_angle_deg: Array, dec_deg: Array, filter_: FilterSettings) -> Light:
        """Return the light on a frame whose centre stands at these hour angles and declinations."""
        step = 0.5

        def at(ha: Array, dec: Array) -> Array:
            alt, az = to_horizon(ha, np.clip(dec, -90, 90), self._site.latitude_deg)
            return self.brightness(t, np.maximum(alt, 0.0), az, filter_)

        centre = at(hour_angle_deg, dec_deg)
        across = step / np.maximum(np.cos(np.radians(dec_deg)), 0.01)
        # Falling right ascension is rising hour angle.
        slope_x = (at(hour_angle_deg + across, dec_deg) - at(hour_angle_deg - across, dec_deg)) / (2 * step)
        slope_y = (at(hour_angle_deg, dec_deg + step) - at(hour_angle_deg, dec_deg - step)) / (2 * step)
        return Light(centre, slope_x / centre, slope_y / centre)

    def null_ha_dec(self, t: float) -> tuple[float, float]:
        """Return hour angle and declination of the point of least gradient."""
        _, sun_az = sun_alt_az(t, self._site.latitude_deg, self._site.longitude_deg)
        ha, dec = from_horizon(90 - NULL_ZENITH_DISTANCE_DEG, sun_az + 180, self._site.latitude_deg)
        return float(ha), float(dec)

    def sidereal_deg(self, t: ArrayLike) -> Array:
        """Return the site's sidereal time."""
        return sidereal_deg(t, self._site.longitude_deg)
