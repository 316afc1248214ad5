"""Every member of every device answers, with a value or with one of Alpaca's errors."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from simulators import Observatory
from simulators.members import AlpacaError, BadRequest, Late

QUERY = {"axis": "0", "rightascension": "3.5", "declination": "20", "sensorname": "Temperature"}
FORM = {
    "Action": "x", "Parameters": "", "Command": "x", "Raw": "true", "Connected": "true", "BinX": "1",
    "BinY": "1", "CoolerOn": "true", "Gain": "0", "Offset": "0", "NumX": "16", "NumY": "16", "StartX": "0",
    "StartY": "0",
    "ReadoutMode": "0", "SetCCDTemperature": "-5", "Duration": "1", "Light": "true", "Brightness": "5",
    "Azimuth": "10", "Altitude": "70", "Slaved": "false", "Position": "1", "AveragePeriod": "0",
    "Tracking": "true", "TrackingRate": "0", "RightAscension": "3", "Declination": "20",
    "TargetRightAscension": "3",
    "TargetDeclination": "20", "SlewSettleTime": "2", "SiteLatitude": "10", "SiteLongitude": "10",
    "SiteElevation": "10", "UTCDate": "2026-11-22T00:00:00Z",
    "FastReadout": "true", "SubExposureDuration": "1", "Direction": "0", "DeclinationRate": "0", "Axis": "0",
    "RightAscensionRate": "0", "DoesRefraction": "true", "GuideRateDeclination": "0", "Rate": "0",
    "GuideRateRightAscension": "0", "SideOfPier": "0", "TempComp": "false", "Reverse": "false",
}  # fmt: skip


@pytest.mark.parametrize("dome", ["observatory", "rotating"])
def test_every_readable_member_answers(
    request: pytest.FixtureRequest, advance: Callable[[float], None], dome: str
) -> None:
    made: Observatory = request.getfixturevalue(dome)
    numbers: dict[tuple[str, str], int] = {}
    made.devices["camera", 0].call("put", "startexposure", {"Duration": "1", "Light": "true"})
    advance(5)
    for device in made.devices.values():
        for method, member in device.members:
            if method == "get":
                try:
                    assert json.dumps(device.call("get", member, QUERY))
                except AlpacaError as error:
                    numbers[device.address, member] = error.number
    assert all(0x400 <= number <= 0x40C for number in numbers.values()), numbers


@pytest.mark.parametrize("dome", ["observatory", "rotating"])
def test_every_command_is_carried_out_or_refused_with_an_alpaca_error(
    request: pytest.FixtureRequest, dome: str
) -> None:
    made: Observatory = request.getfixturevalue(dome)
    numbers: dict[tuple[str, str], int] = {}
    made.devices["telescope", 0].call("put", "unpark", {})
    for device in made.devices.values():
        for method, member in list(device.members):
            if method == "put" and member not in ("disconnect", "park"):
                try:
                    answer = device.call("put", member, FORM)
                    assert answer is None or isinstance(answer, Late)
                except AlpacaError as error:
                    numbers[device.address, member] = error.number
    assert all(0x400 <= number <= 0x40C for number in numbers.values()), numbers


def test_every_command_with_a_parameter_refuses_an_unreadable_one(observatory: Observatory) -> None:
    for device in observatory.devices.values():
        for (method, member), facts in device.members.items():
            texts = {name for name, convert in facts.parameters if convert is str}
            if method == "put" and facts.parameters and not texts:
                with pytest.raises(BadRequest):
                    device.call("put", member, {name: "what?" for name, _ in facts.parameters})
