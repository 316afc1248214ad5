"""The weather station: IObservingConditionsV2 over the world's weather and sky."""

from __future__ import annotations

import numpy as np

from simulators.device import Command, Device
from simulators.members import get, invalid, not_implemented, put
from simulators.settings import FilterSettings
from simulators.sky import REFERENCE_MAG
from simulators.world import World

_SENSORS = {
    "cloudcover": "part of the sky under cloud, percent",
    "dewpoint": "dew point, C",
    "humidity": "relative humidity, percent",
    "pressure": "station pressure, hPa",
    "rainrate": "rain, mm/h",
    "skybrightness": "sky brightness, lux",
    "skyquality": "sky brightness at the zenith, mag/arcsec^2",
    "skytemperature": "infrared temperature of the sky, C",
    "starfwhm": "seeing, arcsec",
    "temperature": "air temperature, C",
    "winddirection": "where the wind comes from, deg",
    "windgust": "peak wind, m/s",
    "windspeed": "mean wind, m/s",
}


class ObservingConditions(Device):
    """A simulated weather station."""

    kind = "observingconditions"
    versions = (1, 2)
    description = "A weather station"
    state = (
        "CloudCover", "DewPoint", "Humidity", "Pressure", "RainRate", "SkyBrightness", "SkyQuality",
        "SkyTemperature", "StarFWHM", "Temperature", "WindDirection", "WindGust", "WindSpeed",
    )  # fmt: skip

    def __init__(self, world: World, log: list[Command]) -> None:
        super().__init__(world, 0, "Weather station", log)
        self._weather = world.weather

    @get("averageperiod")
    def _get_average(self) -> float:
        return 0.0

    @put("averageperiod", "AveragePeriod")
    def _set_average(self, hours: float) -> None:
        if hours != 0:
            raise invalid("AveragePeriod: only 0, the value now, is possible")

    @put("refresh")
    def _refresh(self) -> None:
        pass

    @get("sensordescription", "SensorName")
    def _describe(self, sensor: str) -> str:
        known = _SENSORS.get(sensor.lower())
        if known is None:
            raise invalid(f"no sensor {sensor!r}")
        return known

    @get("timesincelastupdate", "SensorName")
    def _age(self, sensor: str) -> float:
        if sensor and sensor.lower() not in _SENSORS:
            raise invalid(f"no sensor {sensor!r}")
        return 0.0

    @get("cloudcover")
    def _cloud_cover(self) -> float:
        return float(self._weather.cloud_cover_percent(self.now_s()))

    @get("dewpoint")
    def _dew_point(self) -> float:
        return float(self._weather.dew_point_c(self.now_s()))

    @get("humidity")
    def _humidity(self) -> float:
        return float(self._weather.humidity_percent(self.now_s()))

    @get("pressure")
    def _pressure(self) -> float:
        return float(1013.25 * np.exp(-self.world.settings.site.elevation_m / 8400))

    @get("rainrate")
    def _rain(self) -> float:
        return float(self._weather.rain_mm_h(self.now_s()))

    def _zenith_mag(self) -> float:
        even = FilterSettings("V", 0.0)
        rate = float(self.world.sky.brightness(np.array([self.now_s()]), 90.0, 0.0, even)[0])
        return REFERENCE_MAG - 2.5 * float(np.log10(rate))

    @get("skybrightness")
    def _lux(self) -> float:
        # An even sky of L cd/m^2 lights the ground with pi L lux; mu = 12.58 - 2.5 log10 L.
        return float(np.pi * 10 ** (0.4 * (12.58 - self._zenith_mag())))

    @get("skyquality")
    def _quality(self) -> float:
        return self._zenith_mag()

    @get("skytemperature")
    def _sky_temperature(self) -> float:
        t = self.now_s()
        clear = float(np.exp(-self._weather.opacity_mag(t)))
        return float(self._weather.temperature_c(t)) - 3 - 22 * clear

    @get("starfwhm")
    def _fwhm(self) -> float:
        return self.world.rigs[0].settings.fwhm_arcsec if self.world.rigs else _none()

    @get("temperature")
    def _temperature(self) -> float:
        return float(self._weather.temperature_c(self.now_s()))

    @get("winddirection")
    def _wind_direction(self) -> float:
        return float(self._weather.wind_direction_deg(self.now_s()))

    @get("windgust")
    def _gust(self) -> float:
        return float(self._weather.gust_m_s(self.now_s()))

    @get("windspeed")
    def _wind(self) -> float:
        return float(self._weather.wind_m_s(self.now_s()))


def _none() -> float:
    raise not_implemented("StarFWHM")
