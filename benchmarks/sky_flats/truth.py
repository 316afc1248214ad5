"""The sky that a twilight really has, second by second, through each filter; it knows of no strategy.

Played from the same settings, seed and sky as the simulated observatory (`simulators`), so the same twilight
can be driven as plain calls or over Alpaca. Times are seconds after `epoch`; levels are ADU above bias.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from benchmarks.sky_flats.cameras import CCD, LRGBSHO, CameraKind
from simulators.settings import FilterSettings, SiteSettings, SkyFamily, Veil, WeatherSettings
from simulators.sky import NULL_ZENITH_DISTANCE_DEG, Sky, Sources
from simulators.sun import sun_alt_az
from simulators.weather import Weather

Array = NDArray[np.float64]

BRIGHT_LIMIT_DEG, DARK_LIMIT_DEG = 1.0, -12.0
_STEP_S = 1.0
# Frames may run on past the window, and strategies ask for the Sun a little beyond it.
_MARGIN_S = 900.0


@dataclass(frozen=True)
class Faults:
    """What goes wrong besides the sky. Configured throughputs are off by so much, per filter, in mag."""

    usual_throughput_error_mag: Mapping[str, float] = field(default_factory=dict)
    download_jitter_s: float = 0.0
    shutter_error_s: float = 0.0
    lost_fraction: float = 0.0


@dataclass(frozen=True)
class TwilightSpec:
    """All that makes a twilight, small enough to be sent to another process.

    `night` is a day at whose noon, local mean time, the night begins.
    """

    seed: int
    night: datetime
    setting: bool
    latitude_deg: float = 33.0
    longitude_deg: float = 0.0
    family: SkyFamily = "smooth"
    veil: Veil | None = None
    camera: CameraKind = CCD
    throughput_mag: tuple[tuple[str, float], ...] = tuple(LRGBSHO.items())
    zero_point_dex: float = 0.1
    faults: Faults = field(default_factory=Faults)

    @property
    def site(self) -> SiteSettings:
        """The site as the simulators have it."""
        return SiteSettings(self.latitude_deg, self.longitude_deg)

    @property
    def weather(self) -> WeatherSettings:
        """The weather as the simulators have it."""
        return WeatherSettings(veil=self.veil, zero_point_dex=self.zero_point_dex)


class Twilight:
    """One dusk or dawn: the window opens at `epoch` and ends `end_s` later."""

    def __init__(self, spec: TwilightSpec) -> None:
        self.spec = spec
        self.camera = replace(
            spec.camera,
            download_jitter_s=spec.camera.download_jitter_s + spec.faults.download_jitter_s,
            shutter_error_s=spec.camera.shutter_error_s + spec.faults.shutter_error_s,
        )
        self.filters = tuple(name for name, _ in spec.throughput_mag)
        self.setting = spec.setting
        self.cloud = None if spec.veil is None else (spec.veil.sigma, spec.veil.tau_s, spec.veil.mean)
        self.usual_throughput_error_mag = dict(spec.faults.usual_throughput_error_mag)
        self.start_s = 0.0
        epoch_s, self.end_s = self._window()
        self.epoch = datetime.fromtimestamp(epoch_s, UTC)
        self._grid_s = np.arange(-_MARGIN_S, self.end_s + _MARGIN_S, _STEP_S)
        self._unix = epoch_s + self._grid_s
        self._throughput = dict(spec.throughput_mag)
        self._rates: dict[str, Array] = {}
        self._sums: dict[str, Array] = {}

    def _window(self) -> tuple[float, float]:
        """When the Sun is within the limits, Unix seconds and the length; ends at the Sun's lowest."""
        noon = self.spec.night.replace(hour=12, minute=0, second=0, microsecond=0, tzinfo=UTC).timestamp()
        times = noon - self.spec.longitude_deg * 240 + np.arange(0, 86_400.0, 10.0)
        altitude = sun_alt_az(times, self.spec.latitude_deg, self.spec.longitude_deg)[0]
        lowest = int(np.argmin(altitude))
        half = np.arange(lowest) if self.spec.setting else np.arange(lowest, times.size)
        inside = half[(altitude[half] < BRIGHT_LIMIT_DEG) & (altitude[half] > DARK_LIMIT_DEG)]
        if inside.size == 0:
            raise ValueError("no twilight in this night")
        return float(times[inside[0]]), float(times[inside[-1]] - times[inside[0]])

    @cached_property
    def _altitudes_deg(self) -> Array:
        return sun_alt_az(self._unix, self.spec.latitude_deg, self.spec.longitude_deg)[0]

    def sun_altitude_deg(self, when: datetime) -> float:
        """The Sun's altitude at a UTC time."""
        t_s = when.timestamp() - self._unix[0] - _MARGIN_S
        if self._grid_s[0] <= t_s <= self._grid_s[-1]:
            return float(np.interp(t_s, self._grid_s, self._altitudes_deg))
        site = self.spec.latitude_deg, self.spec.longitude_deg
        return float(sun_alt_az(when.timestamp(), *site)[0])

    def when(self, t_s: float) -> datetime:
        """The UTC time of `t_s` seconds after the epoch."""
        return self.epoch + timedelta(seconds=t_s)

    @cached_property
    def _sky(self) -> tuple[Sky, Sources]:
        return self._sky_under(self.spec.weather)

    @cached_property
    def _clear_sky(self) -> tuple[Sky, Sources]:
        return self._sky_under(replace(self.spec.weather, veil=None))

    def _sky_under(self, weather: WeatherSettings) -> tuple[Sky, Sources]:
        """The sky and its light at the spot of least gradient on the grid."""
        spec = self.spec
        sky = Sky(spec.seed, spec.site, Weather(spec.seed, spec.site, weather), spec.family)
        azimuth_deg = sun_alt_az(self._unix, spec.latitude_deg, spec.longitude_deg)[1] + 180
        return sky, sky.sources(self._unix, 90 - NULL_ZENITH_DISTANCE_DEG, azimuth_deg)

    def _through(self, name: str, sky: Sky, sources: Sources) -> Array:
        light = sky.through(FilterSettings(name, self._throughput[name]), sources)
        return np.asarray(light * np.exp(self.camera.zero_point_ln))

    def _grid_rate(self, name: str) -> Array:
        if name not in self._rates:
            self._rates[name] = self._through(name, *self._sky)
        return self._rates[name]

    def rate_adu_per_s(self, name: str, t_s: Array) -> Array:
        """The true rate through a filter, clouds included, ADU/s, of the times' shape."""
        return np.asarray(np.interp(t_s, self._grid_s, self._grid_rate(name)))

    def clear_rate_adu_per_s(self, name: str, t_s: Array) -> Array:
        """The rate that this twilight would have without its clouds, ADU/s."""
        return np.asarray(np.interp(t_s, self._grid_s, self._through(name, *self._clear_sky)))

    def _sum(self, name: str, t_s: float) -> float:
        """The integral of the rate from the grid's start: exact for a rate that is linear within a second."""
        rate = self._grid_rate(name)
        if name not in self._sums:
            steps = (rate[1:] + rate[:-1]) / 2 * _STEP_S
            self._sums[name] = np.concatenate(([0.0], np.cumsum(steps)))
        t_s = min(max(t_s, self._grid_s[0]), self._grid_s[-1])
        k = min(int((t_s - self._grid_s[0]) / _STEP_S), rate.size - 2)
        part_s = t_s - self._grid_s[k]
        slope = (rate[k + 1] - rate[k]) / _STEP_S
        return float(self._sums[name][k] + rate[k] * part_s + slope * part_s**2 / 2)

    def level_adu(self, name: str, opened_s: float, open_s: float) -> float:
        """The true level above bias of an exposure whose shutter is open so long; not clipped."""
        return self._sum(name, opened_s + open_s) - self._sum(name, opened_s)
