"""A guard that starts while its devices are away: it works with what is there, and fails closed."""

from __future__ import annotations

import pytest

from capture.clock import SimulatedClock
from capture.guard.client import RoofState
from simulators import Fault, Observatory
from tests.capture.guard.bench import Bench, MakeBench
from tests.worker import as_worker

SAFETY = ["safetymonitor/0", "observingconditions/0"]
AWAY = ["refuse", "hang", "http_500", "error"]


def with_an_open_roof(site: Bench) -> None:
    """Somebody has opened it, and a mount points at the sky."""
    dome = site.observatory.devices["dome", 0]
    dome.connected = True
    dome.call("put", "openshutter", {})
    site.clock.sleep(60)
    site.unpark(0)
    site.clock.sleep(60)


@pytest.mark.parametrize("mode", ["observe", "operate"])
@pytest.mark.parametrize("kind", AWAY)
@pytest.mark.parametrize("device", SAFETY)
@as_worker
def test_a_safety_device_that_does_not_connect_is_danger_from_the_start(
    bench: MakeBench, clock: SimulatedClock, observatory: Observatory, device: str, kind: str, mode: str
) -> None:
    site = bench(mode=mode, reopen_after_s=0.0)
    with_an_open_roof(site)
    observatory.faults.add(Fault(device, "*", kind))
    begun = clock.monotonic()
    with site.leased(200) as guard:
        report = guard.report()
        assert not report.safe
        assert site.roof_is_shut == (mode == "operate")
        assert site.when("park")[0] - begun < 20
        observatory.faults.clear()
        clock.sleep(200)
        assert guard.report().safe
        assert site.roof_is_open
    name = f"{device.replace('/', ' ')} at "
    (told,) = [text for text in site.said("alarm") if "does not connect" in text]
    assert told.startswith(name)
    assert "until then that is danger" in told
    assert [text for text in site.said("connected") if text.startswith(name)]
    assert observatory.world.collisions == []


@pytest.mark.parametrize("mode", ["observe", "operate"])
@pytest.mark.parametrize("kind", AWAY)
@as_worker
def test_under_a_roof_that_does_not_connect_the_mounts_are_parked(
    bench: MakeBench, clock: SimulatedClock, observatory: Observatory, kind: str, mode: str
) -> None:
    site = bench(mode=mode, reopen_after_s=0.0)
    with_an_open_roof(site)
    observatory.faults.add(Fault("dome/0", "*", kind))
    begun = clock.monotonic()
    with site.guard() as guard:
        clock.sleep(100)
        assert guard.report().roof is RoofState.UNKNOWN
        assert site.when("park")[0] - begun < 20
        assert observatory.devices["telescope", 0].call("get", "atpark", {}) is True
        observatory.faults.clear()
        clock.sleep(300)
        assert guard.report().roof is (RoofState.SHUT if mode == "operate" else RoofState.OPEN)
    assert any("the roof does not connect" in text for text in site.said("alarm"))
    assert "the roof is connected now" in site.said("connected")
    assert observatory.world.collisions == []
