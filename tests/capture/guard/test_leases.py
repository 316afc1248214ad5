"""The roof opens for whom asked, and closes when nobody does any more."""

from __future__ import annotations

import pytest

from capture.clock import SimulatedClock
from capture.guard.client import OpenAir, RoofState
from simulators import Observatory
from tests.capture.guard.bench import UNSAFE, MakeBench
from tests.conftest import DUSK
from tests.wire import Wire
from tests.worker import as_worker


@as_worker
def test_the_roof_stays_shut_while_nobody_asks(bench: MakeBench, clock: SimulatedClock) -> None:
    site = bench()
    with site.guard() as guard:
        clock.sleep(3600)
        assert guard.report().roof is RoofState.SHUT
        assert guard.report().opens_at is None
    assert site.commands() == []


@as_worker
def test_the_roof_opens_for_a_lease_when_it_has_been_safe_long_enough(
    bench: MakeBench, clock: SimulatedClock
) -> None:
    site = bench(reopen_after_s=600.0)
    with site.guard() as guard:
        guard.hold("T1", 3600)
        clock.sleep(300)
        assert site.commands() == []
        opens_at = guard.report().opens_at
        assert opens_at is not None
        assert (opens_at - DUSK).total_seconds() == pytest.approx(600, abs=10)
        assert "opens at" in guard.report().why_not_open()
        clock.sleep(400)
        assert guard.report().open_and_safe
        assert guard.report().holders == ("T1",)
        assert site.roof_is_open
    assert site.when("openshutter") == [pytest.approx(600, abs=10)]


@pytest.mark.parametrize("end", ["released", "ran out"])
@as_worker
def test_the_roof_closes_when_the_last_lease_ends(bench: MakeBench, clock: SimulatedClock, end: str) -> None:
    site = bench()
    with site.guard() as guard:
        guard.hold("T1", 7200)
        guard.hold("T2", 300)
        clock.sleep(400)
        assert site.roof_is_open, "T1 still holds it"
        if end == "released":
            guard.release("T1")
        else:
            guard.hold("T1", 60)
            clock.sleep(60)
        ended = clock.monotonic()
        clock.sleep(120)
        assert site.roof_is_shut
        assert guard.report().roof is RoofState.SHUT
        assert site.when("closeshutter")[0] - ended <= 10
    assert len(site.commands("closeshutter")) == 1


@as_worker
def test_a_renewed_lease_keeps_the_roof_open(bench: MakeBench, clock: SimulatedClock) -> None:
    site = bench()
    with site.guard() as guard:
        for _ in range(40):
            guard.hold("T1", 60)
            clock.sleep(30)
        assert site.roof_is_open


@as_worker
def test_a_new_lease_does_not_turn_back_a_roof_that_is_closing(
    bench: MakeBench, clock: SimulatedClock, observatory: Observatory
) -> None:
    site = bench()
    with site.in_flats(0) as guard:
        guard.release("T1")
        clock.sleep(3)
        guard.hold("T2", 7200)
        assert not guard.report().open_and_safe
        clock.sleep(300)
        assert site.roof_is_open, "it was opened again once it was shut"
    order = [command.member for command in site.commands("openshutter", "closeshutter")]
    assert order == ["openshutter", "closeshutter", "openshutter", "closeshutter"]
    assert observatory.world.collisions == []


@as_worker
def test_stopping_closes_the_roof_and_waits_for_it(bench: MakeBench, clock: SimulatedClock) -> None:
    site = bench()
    with site.in_flats(0):
        pass
    assert site.roof_is_shut
    assert site.observatory.world.collisions == []


@as_worker
def test_a_roof_found_open_is_closed_when_nobody_holds_it(
    bench: MakeBench, clock: SimulatedClock, observatory: Observatory
) -> None:
    site = bench()
    observatory.devices["dome", 0].connected = True
    observatory.devices["dome", 0].call("put", "openshutter", {})
    clock.sleep(60)
    with site.guard() as guard:
        clock.sleep(120)
        assert guard.report().roof is RoofState.SHUT


@as_worker
def test_a_change_of_the_report_wakes_its_subscribers_at_once(
    bench: MakeBench, clock: SimulatedClock, wire: Wire
) -> None:
    site = bench()
    news: list[tuple[float, RoofState, bool]] = []
    with site.guard() as guard:
        signal = clock.signal()
        guard.subscribe(signal)
        clock.sleep(10)
        signal.clear()
        guard.hold("T1", 7200)
        for _ in range(4):
            assert signal.wait(600)
            signal.clear()
            report = guard.report()
            news.append((clock.monotonic(), report.roof, report.safe))
            if report.roof is RoofState.OPEN:
                wire.says[UNSAFE] = False
    assert (RoofState.OPENING, True) in [entry[1:] for entry in news]
    assert (RoofState.OPEN, True) in [entry[1:] for entry in news]
    assert any(not safe for _, _, safe in news)


def test_without_a_roof_the_sky_is_always_open() -> None:
    guard = OpenAir(DUSK)
    guard.hold("T1", 60)
    assert guard.report().open_and_safe
    assert guard.report().dark, "the camera's own shutter must do"
    guard.release("T1")
    assert guard.report().roof is RoofState.NONE
