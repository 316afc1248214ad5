"""The guard where its devices are silent or lie for a moment: what is not known for sure does not count."""

from __future__ import annotations

import pytest

from capture.clock import SimulatedClock
from simulators import Fault, Observatory
from tests.capture.guard.bench import UNSAFE, MakeBench
from tests.wire import Wire
from tests.worker import as_worker


@as_worker
def test_a_safety_monitor_that_is_silent_from_the_start_has_no_word_to_keep(
    bench: MakeBench, clock: SimulatedClock, observatory: Observatory
) -> None:
    site = bench(reopen_after_s=600.0)
    observatory.faults.add(Fault(*UNSAFE, "wrong_json", times=1))
    with site.guard():
        clock.sleep(60)
    assert site.said("safety")[0].startswith("unsafe: no answer about safety")


@pytest.mark.parametrize("device", ["observingconditions/0", "dome/0"])
@as_worker
def test_danger_is_reported_at_once_although_another_device_hangs(
    bench: MakeBench, clock: SimulatedClock, wire: Wire, observatory: Observatory, device: str
) -> None:
    site = bench()
    with site.leased(101):
        observatory.request_log = []
        observatory.faults.add(Fault(device, "*", "hang"))
        wire.says[UNSAFE] = False
        clock.sleep(20)
        observatory.faults.clear()
    assert observatory.request_log
    asked = next(r.time for r in observatory.request_log if (r.device, r.member) == UNSAFE)
    said = next(e.time for e in site.entries if e.text.startswith("unsafe: the safety monitor says"))
    assert (said - asked).total_seconds() < 1.0


@as_worker
def test_a_mount_that_stands_still_without_being_parked_keeps_the_roof_from_closing(
    bench: MakeBench, clock: SimulatedClock, observatory: Observatory
) -> None:
    site = bench(if_park_fails="stay_open", park_deadline_s=60.0)
    with site.guard() as guard:
        guard.hold("T1", 200)
        clock.sleep(100)
        site.unpark(0)
        clock.sleep(60)
        observatory.faults.add(Fault("telescope/0", "park", "ignore"))
        clock.sleep(200)
        assert site.roof_is_open
        assert "T1 did not park" in str(guard.report().fault)
        observatory.faults.clear()
    assert observatory.world.collisions == []


@as_worker
def test_a_mount_that_falls_silent_after_it_has_parked_is_not_known_to_be_parked(
    bench: MakeBench, clock: SimulatedClock, wire: Wire, observatory: Observatory
) -> None:
    site = bench(if_park_fails="close", park_deadline_s=60.0)
    with site.in_flats(1):
        wire.says[UNSAFE] = False
        clock.sleep(9)
        observatory.faults.add(Fault("telescope/0", "*", "hang"))
        clock.sleep(200)
        observatory.faults.clear()
    told = min(at for at in site.when("park") if at > 160)
    (closed,) = site.when("closeshutter")
    assert 60 <= closed - told <= 70, "T2's was parked long before"


@as_worker
def test_a_roof_that_reads_closed_for_a_moment_is_not_shut(
    bench: MakeBench, clock: SimulatedClock, observatory: Observatory
) -> None:
    site = bench()
    with site.leased(101) as guard:
        assert guard.report().open_and_safe
        said = len(site.said("roof"))
        observatory.faults.add(Fault("dome/0", "shutterstatus", "stuck", value=1, times=1))
        clock.sleep(20)
        assert "the roof is shut" not in site.said("roof")[said:]
        assert not guard.report().dark


@as_worker
def test_a_roof_that_reads_closed_for_a_moment_while_it_closes_is_not_dark(
    bench: MakeBench, clock: SimulatedClock, observatory: Observatory
) -> None:
    site = bench()
    with site.leased(101) as guard:
        guard.release("T1")
        while not site.when("closeshutter"):
            clock.sleep(0.5)
        clock.sleep(5)
        observatory.faults.add(Fault("dome/0", "shutterstatus", "stuck", value=1, times=1))
        while not site.roof_is_shut:
            assert not guard.report().dark
            clock.sleep(0.25)
        clock.sleep(10)
        assert guard.report().dark


@pytest.mark.parametrize("kind", ["hang", "cut", "http_500"])
@as_worker
def test_a_close_that_may_have_been_heard_is_sent_again_only_after_its_deadline(
    bench: MakeBench, clock: SimulatedClock, observatory: Observatory, kind: str
) -> None:
    site = bench(move_deadline_s=100.0)
    fault = Fault("dome/0", "closeshutter", kind, times=1, carried_out=False)  # type: ignore[arg-type]
    observatory.faults.add(fault)
    with site.guard() as guard:
        guard.hold("T1", 100)
        clock.sleep(300)
        assert site.roof_is_shut
    first, second = site.when("closeshutter")
    assert 100 <= second - first <= 110
