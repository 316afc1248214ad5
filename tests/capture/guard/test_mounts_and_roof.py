"""The roof moves only over mounts that are parked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from capture.clock import SimulatedClock
from capture.guard.client import RoofState
from simulators import Observatory, ObservatorySettings
from tests.capture.guard.bench import UNSAFE, MakeBench
from tests.wire import Wire
from tests.worker import as_worker


@as_worker
def test_a_roof_that_clears_the_mounts_closes_at_once(
    bench: MakeBench, clock: SimulatedClock, wire: Wire, observatory: Observatory
) -> None:
    site = bench(clears_mounts=True)
    with site.leased(60) as guard:
        site.unpark(0)
        clock.sleep(40)
        wire.says[UNSAFE] = False
        clock.sleep(120)
        assert guard.report().roof is RoofState.SHUT
    assert site.when("closeshutter")[0] - 100 <= 10
    assert [command.device for command in site.commands("park")] == ["telescope/0", "telescope/1"]


@as_worker
def test_an_unparked_mount_is_parked_before_the_roof_opens_over_it(
    bench: MakeBench, clock: SimulatedClock, observatory: Observatory
) -> None:
    site = bench()
    site.unpark(1)
    with site.guard() as guard:
        clock.sleep(60)
        guard.hold("T1", 7200)
        clock.sleep(300)
        assert guard.report().open_and_safe
    assert site.when("park")[0] < site.when("openshutter")[0]
    assert observatory.world.collisions == []


@pytest.fixture
def stuck_mount(settings: ObservatorySettings) -> ObservatorySettings:
    """T1's mount takes hours for what others do in seconds."""
    first, second = settings.rigs
    return replace(settings, rigs=(replace(first, slew_deg_per_s=0.02), second))


class TestAMountThatDoesNotPark:
    @pytest.fixture
    def settings(self, stuck_mount: ObservatorySettings) -> ObservatorySettings:
        return stuck_mount

    @as_worker
    def test_is_closed_upon_where_the_config_says_so(
        self, bench: MakeBench, clock: SimulatedClock, wire: Wire
    ) -> None:
        site = bench(if_park_fails="close", park_deadline_s=180.0)
        with site.leased(100) as guard:
            site.unpark(0)
            clock.sleep(600)
            wire.says[UNSAFE] = False
            clock.sleep(400)
            assert guard.report().roof is RoofState.SHUT
        parked = [at for at in site.when("park") if at >= 700]
        (closed,) = site.when("closeshutter")
        assert 180 <= closed - parked[0] <= 190
        assert any("did not park" in text for text in site.said("alarm"))

    @as_worker
    def test_keeps_the_roof_open_until_it_has_parked_where_the_config_says_so(
        self, bench: MakeBench, clock: SimulatedClock, wire: Wire, observatory: Observatory
    ) -> None:
        site = bench(if_park_fails="stay_open", park_deadline_s=180.0)
        with site.guard() as guard:
            guard.hold("T1", 20_000)
            clock.sleep(100)
            site.unpark(0)
            clock.sleep(600)
            wire.says[UNSAFE] = False
            clock.sleep(400)
            assert guard.report().fault is not None
            assert site.roof_is_open
            assert site.commands("closeshutter") == []
            wire.says[UNSAFE] = True
            clock.sleep(2000)
            assert site.roof_is_shut
            assert not guard.report().open_and_safe, "a fault stays until a person has looked"
            assert "fault" in guard.report().why_not_open()
        assert len(site.commands("closeshutter")) == 1
        assert observatory.world.collisions == []
        assert any("A person must look" in text for text in site.said("alarm"))

    @as_worker
    def test_is_not_opened_over(
        self, bench: MakeBench, clock: SimulatedClock, observatory: Observatory
    ) -> None:
        site = bench(park_deadline_s=180.0)
        site.unpark(0)
        clock.sleep(600)
        with site.guard() as guard:
            guard.hold("T1", 7200)
            clock.sleep(1000)
            assert guard.report().fault is not None
            assert guard.report().roof is RoofState.SHUT
        assert site.commands("openshutter") == []
        assert observatory.world.collisions == []
