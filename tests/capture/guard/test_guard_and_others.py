"""The guard among others: who moves the roof besides it, where it only watches, how it begins and ends."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from capture.clock import SimulatedClock
from capture.guard.client import RoofState
from capture.guard.guard import Guard
from simulators import Fault, Observatory
from tests.capture.guard.bench import UNSAFE, MakeBench
from tests.conftest import DUSK
from tests.wire import Wire
from tests.worker import as_worker


def by_hand(observatory: Observatory, member: str) -> None:
    """Somebody moves the roof without us."""
    dome = observatory.devices["dome", 0]
    dome.connected = True
    dome.call("put", member, {})


class TestARoofThatOthersMove:
    """Mode observe."""

    @as_worker
    def test_has_its_mounts_parked_when_it_closes(
        self, bench: MakeBench, clock: SimulatedClock, observatory: Observatory
    ) -> None:
        site = bench(mode="observe")
        by_hand(observatory, "openshutter")
        clock.sleep(60)
        with site.guard() as guard:
            clock.sleep(60)
            site.unpark(0)
            clock.sleep(60)
            assert site.commands("park") == []
            closes_s = clock.monotonic()
            by_hand(observatory, "closeshutter")
            clock.sleep(20)
            assert max(site.when("park")) - closes_s <= 10
            clock.sleep(100)
            assert guard.report().roof is RoofState.SHUT
            assert observatory.world.rigs[0].mount.parked(observatory.world.now_s())
        assert len(site.commands("park")) == 2, "once each"
        assert len(site.commands("openshutter", "closeshutter")) == 2, "never by the guard"

    @as_worker
    def test_is_ours_again_when_danger_passes(
        self, bench: MakeBench, clock: SimulatedClock, wire: Wire, observatory: Observatory
    ) -> None:
        site = bench(mode="observe")
        by_hand(observatory, "openshutter")
        clock.sleep(60)
        with site.guard() as guard:
            for _ in range(2):
                clock.sleep(30)
                wire.says[UNSAFE] = False
                clock.sleep(60)
                assert not guard.report().open_and_safe
                wire.says[UNSAFE] = True
                clock.sleep(20)
                assert guard.report().open_and_safe
                site.unpark(0)
                clock.sleep(100)
                assert not observatory.world.rigs[0].mount.parked(observatory.world.now_s())
        assert len(site.commands("park")) == 4, "once each, for each danger"

    @as_worker
    def test_is_left_alone_by_a_hung_mount(
        self, bench: MakeBench, clock: SimulatedClock, wire: Wire, observatory: Observatory
    ) -> None:
        site = bench(mode="observe", park_deadline_s=60.0)
        by_hand(observatory, "openshutter")
        clock.sleep(60)
        with site.guard():
            clock.sleep(30)
            site.unpark(1)
            observatory.faults.add(Fault("telescope/0", "*", "hang"))
            wire.says[UNSAFE] = False
            clock.sleep(100)
        assert observatory.world.rigs[1].mount.parked(observatory.world.now_s())
        assert any("the mount of T1 did not park" in text for text in site.said("alarm"))


@as_worker
def test_a_roof_found_closing_gets_no_close_on_top(
    bench: MakeBench, clock: SimulatedClock, observatory: Observatory
) -> None:
    site = bench()
    by_hand(observatory, "openshutter")
    clock.sleep(60)
    by_hand(observatory, "closeshutter")
    clock.sleep(5)
    with site.leased(60) as guard:
        assert guard.report().fault is None
        clock.sleep(100)
        assert guard.report().open_and_safe, "it opens again once it is shut"
    closes = site.when("closeshutter")
    assert len(closes) == 2, "by hand, and at the end"


@as_worker
def test_a_roof_that_somebody_else_closes_is_not_opened_against_him(
    bench: MakeBench, clock: SimulatedClock, observatory: Observatory
) -> None:
    site = bench()
    with site.in_flats(0) as guard:
        by_hand(observatory, "closeshutter")
        clock.sleep(2000)
        assert site.roof_is_shut
        assert "nobody here has told it to" in guard.report().why_not_open()
    assert len(site.commands("openshutter")) == 1
    assert len(site.commands("closeshutter")) == 1
    assert observatory.world.rigs[0].mount.parked(observatory.world.now_s())


class TestAShutterThatDoesNotTellTheTruth:
    @as_worker
    def test_reading_closed_while_it_opens_is_not_dark_and_is_closed_once(
        self, bench: MakeBench, clock: SimulatedClock, observatory: Observatory
    ) -> None:
        site = bench(move_deadline_s=100.0)
        observatory.faults.add(Fault("dome/0", "shutterstatus", "stuck", value=1))
        with site.leased(60) as guard:
            assert site.roof_is_open
            assert not guard.report().dark
            clock.sleep(300)
            assert "did not open" in str(guard.report().fault)
            assert site.roof_is_shut
        assert len(site.commands("openshutter")) == len(site.commands("closeshutter")) == 1

    @as_worker
    def test_reading_closed_from_one_moment_to_the_next_is_closed_at_once_and_long_not_dark(
        self, bench: MakeBench, clock: SimulatedClock, observatory: Observatory
    ) -> None:
        site = bench(move_deadline_s=200.0, clears_mounts=True)
        with site.leased(100) as guard:
            assert guard.report().open_and_safe
            observatory.faults.add(Fault("dome/0", "shutterstatus", "stuck", value=1))
            lies_from = clock.monotonic()
            clock.sleep(180)
            assert site.roof_is_shut
            assert not guard.report().dark, "its word is a lie, as far as anybody knows"
            assert "reads shut and was not seen closing" in str(guard.report().fault)
            clock.sleep(60)
            assert guard.report().dark
            assert site.when("closeshutter")[0] - lies_from < 8
        assert len(site.commands("openshutter")) == len(site.commands("closeshutter")) == 1

    @as_worker
    def test_reading_closed_over_a_mount_that_does_not_park_is_closed_after_the_parks_deadline(
        self, bench: MakeBench, clock: SimulatedClock, observatory: Observatory
    ) -> None:
        site = bench(move_deadline_s=60.0, park_deadline_s=200.0, if_park_fails="close")
        with site.in_flats(0) as guard:
            observatory.faults.add(Fault("telescope/0", "park", "ignore"))
            observatory.faults.add(Fault("dome/0", "shutterstatus", "stuck", value=1))
            clock.sleep(150)
            assert not guard.report().dark, "it has not been told to close yet"
            assert site.commands("closeshutter") == []
            clock.sleep(100)
            assert site.roof_is_shut
        assert len(site.commands("closeshutter")) == 1

    @as_worker
    def test_reading_closed_while_others_keep_it_open_parks_and_is_long_not_dark(
        self, bench: MakeBench, clock: SimulatedClock, observatory: Observatory
    ) -> None:
        site = bench(mode="observe", move_deadline_s=200.0)
        by_hand(observatory, "openshutter")
        clock.sleep(60)
        with site.guard() as guard:
            site.unpark(0)
            clock.sleep(60)
            assert guard.report().open_and_safe
            observatory.faults.add(Fault("dome/0", "shutterstatus", "stuck", value=1))
            clock.sleep(180)
            assert observatory.devices["telescope", 0].call("get", "atpark", {}) is True
            assert not guard.report().dark
            clock.sleep(60)
            assert guard.report().dark, "a driver that never says that it closes is believed in the end"
        (told,) = site.said("alarm")
        assert "reads shut and has not been seen closing" in told
        assert len(site.commands("closeshutter")) == 0

    @as_worker
    def test_an_error_is_a_fault_and_the_roof_is_closed_once(
        self, bench: MakeBench, clock: SimulatedClock, observatory: Observatory
    ) -> None:
        site = bench()
        with site.leased(100) as guard:
            by_hand(observatory, "closeshutter")
            clock.sleep(1)
            by_hand(observatory, "abortslew")
            clock.sleep(300)
            assert "reports an error" in str(guard.report().fault)
            assert site.roof_is_shut
        assert len(site.commands("openshutter")) == 1
        assert len(site.commands("closeshutter")) == 2, "by hand, and by the guard"


class TestARoofThatNeverCloses:
    @as_worker
    def test_does_not_keep_the_guard_from_ending(
        self, bench: MakeBench, clock: SimulatedClock, observatory: Observatory
    ) -> None:
        site = bench(park_deadline_s=100.0, move_deadline_s=200.0)

        begun: list[float] = []
        with site.leased(100):
            observatory.faults.add(Fault("dome/0", "closeshutter", "ignore"))
            begun.append(clock.monotonic())
        begun.append(clock.monotonic())
        assert 400 <= begun[1] - begun[0] <= 600
        assert any("the roof is closing and does not shut. Nobody" in text for text in site.said("alarm"))


@as_worker
def test_devices_whose_driver_has_restarted_are_connected_again(
    bench: MakeBench, clock: SimulatedClock, observatory: Observatory
) -> None:
    site = bench()
    with site.in_flats(0) as guard:
        for kind in ("dome", "telescope", "safetymonitor"):
            observatory.devices[kind, 0].connected = False
        guard.release("T1")
        clock.sleep(120)
        assert guard.report().roof is RoofState.SHUT
        assert guard.report().safe
    assert observatory.world.collisions == []


@as_worker
def test_a_mount_that_does_not_connect_does_not_keep_the_guard_from_closing_the_roof(
    bench: MakeBench, clock: SimulatedClock, observatory: Observatory
) -> None:
    site = bench(park_deadline_s=60.0)
    by_hand(observatory, "openshutter")
    observatory.faults.add(Fault("telescope/0", "*", "hang"))
    clock.sleep(60)
    with site.guard() as guard:
        clock.sleep(200)
        assert guard.report().roof is RoofState.SHUT
    assert any("the mount of T1 does not connect" in text for text in site.said("alarm"))


class SteppedClock(SimulatedClock):
    """The machine's clock, which somebody sets."""

    set_by = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.set_by


class TestAClockThatIsSet:
    @pytest.fixture
    def clock(self) -> SteppedClock:
        return SteppedClock(DUSK)

    @as_worker
    def test_keeps_the_roof_shut_for_a_while(self, bench: MakeBench, clock: SteppedClock) -> None:
        site = bench(reopen_after_s=600.0)
        with site.guard() as guard:
            clock.sleep(700)
            clock.set_by = timedelta(hours=-1)
            clock.sleep(10)
            guard.hold("T1", 7200)
            clock.sleep(500)
            assert site.commands("openshutter") == []
            clock.sleep(200)
            assert guard.report().open_and_safe
        assert any("clock was set by -3600 s" in text for text in site.said("alarm"))


@as_worker
def test_a_guard_that_says_nothing_is_not_believed(
    bench: MakeBench, clock: SimulatedClock, observatory: Observatory
) -> None:
    site = bench()
    guards: list[Guard] = []
    with site.guard() as guard:
        guards.append(guard)
        guard.hold("T1", 7200)
        clock.sleep(100)
        assert guard.report().open_and_safe
    assert guard.report().safe, "it has just spoken"
    clock.sleep(31)
    assert not guard.report().safe
    assert "has said nothing" in guard.report().why_not_open()
