"""Roofs that are slow, take no order, or tell nothing."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from capture.clock import SimulatedClock
from capture.guard.client import RoofState
from simulators import Fault, Observatory, ObservatorySettings, Server
from tests.capture.guard.bench import MakeBench
from tests.wire import Wire
from tests.worker import as_worker


@as_worker
def test_a_roof_that_does_not_take_an_order_is_an_alarm_and_gets_it_again_after_the_deadline(
    bench: MakeBench, clock: SimulatedClock, wire: Wire
) -> None:
    site = bench(move_deadline_s=300.0)
    with site.guard() as guard:
        guard.hold("T1", 200)
        clock.sleep(100)
        wire.mute.add(("dome/0", "closeshutter"))
        wire.says["dome/0", "shutterstatus"] = 0
        clock.sleep(500)
        wire.mute.clear()
        del wire.says["dome/0", "shutterstatus"]
    first, second = site.when("closeshutter")
    assert 300 <= second - first <= 310
    assert any("did not take the order to be shut" in text for text in site.said("alarm"))


class TestARoofThatIsSlow:
    @pytest.fixture
    def settings(self, settings: ObservatorySettings) -> ObservatorySettings:
        return replace(settings, roof=replace(settings.roof, open_s=400.0))

    @as_worker
    def test_to_open_has_a_fault_and_is_closed_again(self, bench: MakeBench, clock: SimulatedClock) -> None:
        site = bench(move_deadline_s=300.0)
        with site.guard() as guard:
            guard.hold("T1", 20_000)
            clock.sleep(400)
            assert guard.report().fault == "it did not open within 300 s"
            clock.sleep(1000)
            assert site.roof_is_shut
        assert len(site.commands("openshutter")) == 1

    @as_worker
    def test_to_close_is_told_again_only_after_the_deadline(
        self, bench: MakeBench, clock: SimulatedClock
    ) -> None:
        site = bench(move_deadline_s=300.0)
        with site.guard() as guard:
            guard.hold("T1", 100)
            clock.sleep(1200)
            assert guard.report().roof is RoofState.SHUT
        closes = site.when("closeshutter")
        assert all(later - earlier >= 300 for earlier, later in pairwise(closes))

    @as_worker
    def test_is_waited_for_when_the_guard_stops_after_a_fault(
        self, bench: MakeBench, clock: SimulatedClock
    ) -> None:
        site = bench(move_deadline_s=300.0)
        with site.guard() as guard:
            guard.hold("T1", 20_000)
            clock.sleep(310)
            assert guard.report().fault is not None
        assert site.roof_is_shut


@as_worker
def test_a_roof_whose_state_cannot_be_read_is_not_taken_for_open_and_closed(
    bench: MakeBench, clock: SimulatedClock, wire: Wire, observatory: Observatory
) -> None:
    site = bench()
    with site.leased(101) as guard:
        observatory.faults.add(Fault("dome/0", "shutterstatus", "wrong_json", times=1))
        clock.sleep(20)
        assert guard.report().open_and_safe, "silent once, it keeps its word"
        assert len(site.commands("openshutter", "closeshutter")) == 1
        wire.mute.add(("dome/0", "shutterstatus"))
        clock.sleep(9)
        assert guard.report().roof is RoofState.UNKNOWN
        assert not guard.report().open_and_safe
        clock.sleep(60)
        wire.mute.clear()
        assert site.roof_is_shut, "it is closed blindly"
    assert len(site.commands("openshutter")) == 1, "no blind opening"
    assert any("cannot be read" in text for text in site.said("alarm"))


@as_worker
def test_a_vanished_server_does_not_end_the_guard(
    bench: MakeBench, clock: SimulatedClock, served: Server, wire: Wire
) -> None:
    site = bench()
    with site.leased(101) as guard:
        wire.mute |= {"dome/0", "safetymonitor/0", "telescope/0", "telescope/1", "observingconditions/0"}
        clock.sleep(60)
        assert not guard.report().safe
        wire.mute.clear()
        clock.sleep(700)
        assert guard.report().open_and_safe
