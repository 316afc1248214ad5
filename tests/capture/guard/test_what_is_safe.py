"""Whom the guard asks, and what it takes for a yes."""

from __future__ import annotations

import pytest

from capture.clock import SimulatedClock
from capture.guard.client import RoofState
from simulators import Fault, Observatory
from tests.capture.guard.bench import UNSAFE, MakeBench
from tests.wire import Wire
from tests.worker import as_worker

WEATHER = "observingconditions/0"


@pytest.mark.parametrize(
    ("device", "member", "answer", "why"),
    [
        (*UNSAFE, False, "the safety monitor says unsafe"),
        (*UNSAFE, "true", "safetymonitor"),
        (*UNSAFE, 1, "safetymonitor"),
        (*UNSAFE, None, "safetymonitor"),
        (*UNSAFE, "no", "safetymonitor"),
        (*UNSAFE, [True], "safetymonitor"),
        (WEATHER, "rainrate", 0.2, "rain"),
        (WEATHER, "rainrate", "wet", "observingconditions"),
        (WEATHER, "timesincelastupdate", 4000, "old"),
        (WEATHER, "timesincelastupdate", -60, "old"),
        (WEATHER, "timesincelastupdate", "long", "observingconditions"),
    ],
)
@as_worker
def test_what_is_no_plain_yes_opens_no_roof_and_is_told(
    bench: MakeBench, clock: SimulatedClock, wire: Wire, device: str, member: str, answer: object, why: str
) -> None:
    site = bench()
    wire.says[device, member] = answer
    with site.leased(3600) as guard:
        assert not guard.report().safe
        assert guard.report().why_not_open().startswith("it is not safe: ")
        assert why in guard.report().why_not_open()
    assert site.commands() == []


@as_worker
def test_a_safety_monitor_that_is_silent_once_keeps_its_word(
    bench: MakeBench, clock: SimulatedClock, observatory: Observatory
) -> None:
    site = bench()
    with site.leased(101) as guard:
        observatory.faults.add(Fault("safetymonitor/0", "issafe", "wrong_json", times=1))
        clock.sleep(60)
        assert guard.report().open_and_safe
        assert site.roof_is_open
    assert len(site.said("safety")) == 1


@as_worker
def test_a_safety_monitor_that_is_silent_twice_is_danger(
    bench: MakeBench, clock: SimulatedClock, wire: Wire
) -> None:
    site = bench()
    with site.leased(101) as guard:
        wire.mute.add("safetymonitor/0")
        clock.sleep(11)
        assert not guard.report().safe
        assert "no answer about safety: safetymonitor 0 at" in guard.report().why_not_open()
        clock.sleep(100)
        assert guard.report().roof is RoofState.SHUT
    assert site.when("closeshutter")[0] - 101 <= 20


@as_worker
def test_a_weather_station_that_falls_silent_is_danger_as_soon_as_its_reading_is_too_old(
    bench: MakeBench, clock: SimulatedClock, wire: Wire
) -> None:
    site = bench()
    frozen_s = 60.0
    with site.guard() as guard:
        guard.hold("T1", 7200)
        while clock.monotonic() < frozen_s + 300.0:
            age_s = max(0.0, clock.monotonic() - frozen_s)
            wire.says["observingconditions/0", "timesincelastupdate"] = age_s
            clock.sleep(1.0)
        assert guard.report().safe
        wire.says["observingconditions/0", "timesincelastupdate"] = 301.0
        clock.sleep(10.0)
        assert not guard.report().safe
    assert site.when("park")[-1] - (frozen_s + 300.0) <= 10.0
