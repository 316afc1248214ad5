"""The interfaces of Platform 7 and, by a switch, of Platform 6; mounts that know one kind of coordinates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from capture.clock import SimulatedClock
from simulators import Observatory, ObservatorySettings
from simulators.members import AlpacaError, BadRequest
from simulators.settings import Slews

PLATFORM_7 = {
    "camera": 4, "covercalibrator": 2, "dome": 3, "filterwheel": 3, "focuser": 4,
    "observingconditions": 2, "rotator": 4, "safetymonitor": 3, "telescope": 4,
}  # fmt: skip
PLATFORM_6 = {
    "camera": 3, "covercalibrator": 1, "dome": 2, "filterwheel": 2, "focuser": 3,
    "observingconditions": 1, "rotator": 3, "safetymonitor": 2, "telescope": 3,
}  # fmt: skip
Advance = Callable[[float], None]


def _versions(observatory: Observatory) -> dict[str, Any]:
    return {
        kind: d.call("get", "interfaceversion", {}) for (kind, n), d in observatory.devices.items() if n == 0
    }


@pytest.fixture
def new(clock: SimulatedClock, settings: ObservatorySettings) -> Observatory:
    return Observatory(clock, settings)


@pytest.fixture
def old(clock: SimulatedClock, settings: ObservatorySettings) -> Observatory:
    return Observatory(clock, replace(settings, platform=6))


def test_the_interface_versions_are_those_of_the_platform(new: Observatory, old: Observatory) -> None:
    assert _versions(new) == PLATFORM_7
    assert _versions(old) == PLATFORM_6


@pytest.mark.parametrize("kind", PLATFORM_7)
def test_connect_returns_at_once_and_takes_its_time(new: Observatory, advance: Advance, kind: str) -> None:
    device = new.devices[kind, 0]
    device.call("put", "connect", {})
    assert device.call("get", "connecting", {})
    assert not device.call("get", "connected", {})
    with pytest.raises(AlpacaError) as caught:
        device.call("get", "devicestate", {})
    assert caught.value.number == 0x407
    advance(0.5)
    assert not device.call("get", "connecting", {})
    assert device.call("get", "connected", {})
    device.call("put", "connect", {})
    assert not device.call("get", "connecting", {})
    device.call("put", "disconnect", {})
    assert not device.call("get", "connected", {})


def test_a_disconnect_ends_a_connect_that_is_under_way(new: Observatory, advance: Advance) -> None:
    device = new.devices["camera", 0]
    device.call("put", "connect", {})
    device.call("put", "disconnect", {})
    advance(10)
    assert not device.call("get", "connected", {})


def test_a_rig_may_take_long_to_connect(
    clock: SimulatedClock, settings: ObservatorySettings, advance: Advance
) -> None:
    slow = replace(settings.rigs[0], connect_s=180.0)
    camera = Observatory(clock, replace(settings, rigs=(slow,))).devices["camera", 0]
    camera.call("put", "connect", {})
    advance(179)
    assert camera.call("get", "connecting", {})
    advance(1)
    assert camera.call("get", "connected", {})


@pytest.mark.parametrize("kind", PLATFORM_6)
def test_the_older_interface_has_only_connected(old: Observatory, kind: str) -> None:
    device = old.devices[kind, 0]
    for method, member in [("put", "connect"), ("put", "disconnect"), ("get", "connecting"),
                           ("get", "devicestate")]:  # fmt: skip
        with pytest.raises(BadRequest):
            device.call(method, member, {})
    device.call("put", "connected", {"Connected": "True"})
    assert device.call("get", "connected", {})


def test_the_older_cover_cannot_say_that_it_moves(old: Observatory) -> None:
    for member in ("covermoving", "calibratorchanging"):
        with pytest.raises(BadRequest):
            old.devices["covercalibrator", 0].call("get", member, {})


def test_one_rig_may_be_older_than_the_other(clock: SimulatedClock, settings: ObservatorySettings) -> None:
    rigs = (replace(settings.rigs[0], platform=6), settings.rigs[1])
    made = Observatory(clock, replace(settings, rigs=rigs))
    assert [made.devices["camera", n].call("get", "interfaceversion", {}) for n in (0, 1)] == [3, 4]
    assert made.devices["dome", 0].call("get", "interfaceversion", {}) == 3


@pytest.mark.parametrize(("slews", "able"), [("both", (True, True)), ("alt_az", (False, True)),
                                             ("ra_dec", (True, False))])  # fmt: skip
def test_a_mount_slews_by_what_it_says_that_it_can(
    clock: SimulatedClock, settings: ObservatorySettings, slews: Slews, able: tuple[bool, bool]
) -> None:
    rig = replace(settings.rigs[0], slews=slews)
    mount = Observatory(clock, replace(settings, rigs=(rig,))).devices["telescope", 0]
    mount.connected = True
    mount.call("put", "unpark", {})
    for ability, member in enumerate(("canslew", "canslewaltaz")):
        assert mount.call("get", member, {}) is mount.call("get", member + "async", {}) is able[ability]
    form = {"Azimuth": "60", "Altitude": "76", "RightAscension": "3", "Declination": "30"}
    for tracking, member in ((True, "slewtocoordinates"), (False, "slewtoaltaz")):
        mount.call("put", "abortslew", {})
        mount.call("put", "tracking", {"Tracking": str(tracking)})
        for suffix in ("", "async"):
            if able[0 if tracking else 1]:
                mount.call("put", member + suffix, form)
            else:
                with pytest.raises(AlpacaError) as caught:
                    mount.call("put", member + suffix, form)
                assert caught.value.number == 0x400
