"""What nightcal relies on in a safety monitor and in a weather station."""

from __future__ import annotations

import pytest

from capture.alpaca.devices import ObservingConditions, SafetyMonitor, optional
from capture.errors import DeviceRefused
from tests.contract.bench import Bench


def test_a_safety_monitor_says_yes_or_no(bench: Bench) -> None:
    assert bench.device(SafetyMonitor).IsSafe in (True, False)


def test_a_weather_station_says_how_much_it_rains_and_how_old_that_is(bench: Bench) -> None:
    weather = bench.device(ObservingConditions)
    rain, age_s = optional(lambda: weather.RainRate), optional(lambda: weather.TimeSinceLastUpdate(""))
    assert rain is None or rain >= 0
    assert age_s is None or isinstance(age_s, int | float)


def test_a_weather_stations_reading_is_fresh(bench: Bench) -> None:
    weather = bench.device(ObservingConditions)
    age_s = optional(lambda: weather.TimeSinceLastUpdate(""))
    if age_s is None:
        pytest.skip("it does not tell")
    assert 0 <= age_s <= 300


def test_a_sensor_that_there_is_not_is_refused_as_an_invalid_value(bench: Bench) -> None:
    weather = bench.device(ObservingConditions)
    with pytest.raises(DeviceRefused) as caught:
        weather.SensorDescription("NoSuchSensor")
    assert caught.value.number == 0x401


def test_the_weather_that_a_sensor_tells_is_possible(bench: Bench) -> None:
    weather = bench.device(ObservingConditions)
    limits = {
        "Humidity": (0, 100), "CloudCover": (0, 100), "Temperature": (-60, 60), "WindSpeed": (0, 100),
        "Pressure": (400, 1100),
    }  # fmt: skip
    for name, (low, high) in limits.items():
        value = optional(lambda name=name: getattr(weather, name))  # type: ignore[misc]
        assert value is None or low <= value <= high, name
