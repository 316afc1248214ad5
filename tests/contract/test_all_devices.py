"""What nightcal relies on in every device, whatever its type."""

from __future__ import annotations

from typing import Any

import pytest

from capture.alpaca.devices import (
    Camera,
    CoverCalibrator,
    Dome,
    FilterWheel,
    Focuser,
    ObservingConditions,
    Rotator,
    SafetyMonitor,
    Telescope,
)
from capture.errors import DeviceRefused
from tests.contract.bench import Bench

KINDS: list[Any] = [
    Camera,
    CoverCalibrator,
    Dome,
    FilterWheel,
    Focuser,
    ObservingConditions,
    Rotator,
    SafetyMonitor,
    Telescope,
]


def of_every_kind(test: Any) -> Any:
    return pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__.lower())(test)


@of_every_kind
def test_a_device_says_who_it_is(bench: Bench, kind: Any) -> None:
    device = bench.device(kind)
    assert device.Name
    assert device.Description
    assert device.DriverVersion
    assert device.InterfaceVersion >= 1


@of_every_kind
def test_connecting_twice_is_no_error_and_it_stays_connected(bench: Bench, kind: Any) -> None:
    device = bench.device(kind)
    assert device.Connected is True
    device.Connect()
    bench.wait(lambda: not device.Connecting, 60)
    assert device.Connected is True


@of_every_kind
def test_a_second_client_finds_it_connected(bench: Bench, kind: Any) -> None:
    bench.device(kind)
    assert bench.device(kind).Connected is True


@of_every_kind
def test_nothing_is_connecting_once_it_is_connected(bench: Bench, kind: Any) -> None:
    assert bench.device(kind).Connecting is False


@of_every_kind
def test_an_unknown_action_is_refused_by_number(bench: Bench, kind: Any) -> None:
    with pytest.raises(DeviceRefused) as caught:
        bench.device(kind).Action("nightcal:no-such-action", "")
    assert caught.value.number in (0x400, 0x40C)
