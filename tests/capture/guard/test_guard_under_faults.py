"""The guard's promise with a device hung or lying: judged by the simulators' own command log and world."""

from __future__ import annotations

import pytest

from capture.clock import SimulatedClock
from capture.guard.client import RoofState
from simulators import Fault, Observatory
from tests.capture.guard.bench import UNSAFE, MakeBench
from tests.conftest import DUSK
from tests.wire import Wire
from tests.worker import as_worker

PROMISE_S = 10.0
DANGER_S = 160.0


def parked_at_s(observatory: Observatory, rig: int, from_s: float) -> float:
    """When that mount came to its park position, in monotonic seconds, to 0.1 s."""
    at_s = from_s
    while not observatory.world.rigs[rig].mount.parked(DUSK.timestamp() + at_s):
        at_s += 0.1
    return at_s


def after(times: list[float], when_s: float) -> list[float]:
    return [at for at in times if at >= when_s]


@pytest.mark.parametrize("kind", ["hang", "drip", "slow"])
@pytest.mark.parametrize("onset_s", [DANGER_S, DANGER_S + 1.7, DANGER_S + 4.1])
@pytest.mark.parametrize("device", ["telescope/0", "telescope/1", "observingconditions/0"])
@pytest.mark.parametrize("clears_mounts", [False, True])
@as_worker
def test_a_hung_device_delays_neither_parks_nor_close(
    bench: MakeBench,
    clock: SimulatedClock,
    wire: Wire,
    observatory: Observatory,
    device: str,
    onset_s: float,
    kind: str,
    clears_mounts: bool,
) -> None:
    site = bench(clears_mounts=clears_mounts, if_park_fails="close", park_deadline_s=120.0)
    with site.leased(100) as guard:
        site.unpark(0)
        site.unpark(1)
        clock.sleep(onset_s - clock.monotonic())
        observatory.faults.add(Fault(device, "*", kind))  # type: ignore[arg-type]
        wire.says[UNSAFE] = False
        clock.sleep(PROMISE_S)
        assert not guard.report().open_and_safe
        clock.sleep(400)
        observatory.faults.clear()
        assert site.roof_is_shut
    parks = {
        rig: next(
            (clock_s for clock_s, command in zip(site.when("park"), site.commands("park"), strict=True)
             if command.device == f"telescope/{rig}" and clock_s >= onset_s), float("inf"))
        for rig in (0, 1)
    }  # fmt: skip
    assert max(parks.values()) - onset_s <= PROMISE_S, "also the hung mount is told, should it listen"
    (closed,) = after(site.when("closeshutter"), onset_s)
    if clears_mounts:
        assert closed - onset_s <= PROMISE_S
    elif device.startswith("telescope"):
        # What a mount that never answers did is not known: the park's deadline decides.
        assert 0 <= closed - (min(parks.values()) + 120.0) <= PROMISE_S
    else:
        parked = max(parked_at_s(observatory, rig, onset_s) for rig in (0, 1))
        assert 0 <= closed - parked <= PROMISE_S


@pytest.mark.parametrize("onset_s", [DANGER_S, DANGER_S + 1.7, DANGER_S + 4.1, DANGER_S + 4.9])
@as_worker
def test_a_safety_monitor_that_hangs_is_danger_within_the_promise(
    bench: MakeBench, clock: SimulatedClock, observatory: Observatory, onset_s: float
) -> None:
    site = bench()
    with site.leased(100) as guard:
        site.unpark(0)
        clock.sleep(onset_s - clock.monotonic())
        observatory.faults.add(Fault("safetymonitor/0", "issafe", "hang"))
        clock.sleep(200)
        assert guard.report().roof is RoofState.SHUT
    assert after(site.when("park"), onset_s)[0] - onset_s <= PROMISE_S


@pytest.mark.parametrize("onset_s", [DANGER_S, DANGER_S + 1.7, DANGER_S + 4.9])
@pytest.mark.parametrize("member", ["issafe", "*"])
@as_worker
def test_several_safety_devices_that_hang_at_once_delay_danger_no_more_than_one(
    bench: MakeBench, clock: SimulatedClock, observatory: Observatory, onset_s: float, member: str
) -> None:
    one = bench().roof.safety_monitors[0]
    site = bench(safety_monitors=(one,) * 4)
    with site.leased(100) as guard:
        site.unpark(0)
        clock.sleep(onset_s - clock.monotonic())
        observatory.faults.add(Fault("safetymonitor/0", member, "hang"))
        observatory.faults.add(Fault("observingconditions/0", "*", "hang"))
        clock.sleep(200)
        assert guard.report().roof is RoofState.SHUT
    assert after(site.when("park"), onset_s)[0] - onset_s <= PROMISE_S


@as_worker
def test_a_dome_that_hangs_does_not_delay_the_parks(
    bench: MakeBench, clock: SimulatedClock, wire: Wire, observatory: Observatory
) -> None:
    site = bench()
    with site.leased(100) as guard:
        site.unpark(0)
        clock.sleep(DANGER_S - clock.monotonic())
        observatory.faults.add(Fault("dome/0", "*", "hang"))
        wire.says[UNSAFE] = False
        clock.sleep(100)
        observatory.faults.clear()
        clock.sleep(100)
        assert guard.report().roof is RoofState.SHUT
    parks = after(site.when("park"), DANGER_S)
    assert len(parks) == 2
    assert max(parks) - DANGER_S <= PROMISE_S


class TestCloseShutter:
    """What is said to a roof that does not simply obey."""

    @pytest.mark.parametrize("kind", ["error", "http_400"])
    @as_worker
    def test_refused_is_sent_again_soon_and_a_person_is_told_once(
        self, bench: MakeBench, clock: SimulatedClock, observatory: Observatory, kind: str
    ) -> None:
        site = bench()
        fault = Fault("dome/0", "closeshutter", kind, times=3)  # type: ignore[arg-type]
        observatory.faults.add(fault)
        with site.guard() as guard:
            guard.hold("T1", 100)
            clock.sleep(200)
            assert guard.report().roof is RoofState.SHUT
        assert observatory.faults.struck(fault) == 3
        assert site.when("closeshutter")[-1] - 100 <= 35
        assert len([text for text in site.said("alarm") if "did not take the order" in text]) == 1

    @pytest.mark.parametrize("kind", ["hang", "cut", "http_500", "slow", "wrong_json"])
    @as_worker
    def test_taken_but_answered_badly_is_not_sent_twice(
        self, bench: MakeBench, clock: SimulatedClock, observatory: Observatory, kind: str
    ) -> None:
        site = bench()
        observatory.faults.add(Fault("dome/0", "closeshutter", kind))  # type: ignore[arg-type]
        with site.guard() as guard:
            guard.hold("T1", 100)
            clock.sleep(200)
            assert guard.report().roof is RoofState.SHUT
        assert len(site.commands("closeshutter")) == 1

    @as_worker
    def test_ignored_is_sent_again_only_after_the_deadline(
        self, bench: MakeBench, clock: SimulatedClock, observatory: Observatory
    ) -> None:
        site = bench(move_deadline_s=300.0)
        observatory.faults.add(Fault("dome/0", "closeshutter", "ignore", times=1))
        with site.guard() as guard:
            guard.hold("T1", 100)
            clock.sleep(500)
            assert guard.report().roof is RoofState.SHUT
        first, second = site.when("closeshutter")
        assert 300 <= second - first <= 310
        (told,) = [e for e in site.entries if "was told to close and still reads open" in e.text]
        heard_s = clock.monotonic() - (clock.now() - told.time).total_seconds() - first
        assert heard_s < 15, "a person hears of it at once"


class TestAMountWhoseAtParkIsStuckOnTrue:
    @pytest.mark.parametrize("moves", ["open", "shut"])
    @as_worker
    def test_is_parked_all_the_same_before_the_roof_moves(
        self, bench: MakeBench, clock: SimulatedClock, observatory: Observatory, moves: str
    ) -> None:
        site = bench()
        observatory.faults.add(Fault("telescope/0", "atpark", "stuck", value=True))
        if moves == "open":
            site.unpark(0)
        clock.sleep(60)
        with site.guard() as guard:
            guard.hold("T1", 300)
            clock.sleep(100)
            assert site.roof_is_open
            site.unpark(0)
            clock.sleep(400)
            assert guard.report().roof is RoofState.SHUT
        assert observatory.world.collisions == []

    @pytest.mark.parametrize("member", ["slewing", "tracking"])
    @as_worker
    def test_and_that_slews_or_tracks_counts_as_not_parked(
        self, bench: MakeBench, clock: SimulatedClock, observatory: Observatory, member: str
    ) -> None:
        site = bench(park_deadline_s=60.0, if_park_fails="stay_open")
        observatory.faults.add(Fault("telescope/0", "atpark", "stuck", value=True))
        with site.guard() as guard:
            guard.hold("T1", 200)
            clock.sleep(100)
            observatory.faults.add(Fault("telescope/0", member, "stuck", value=True))
            clock.sleep(300)
            assert "T1 did not park" in str(guard.report().fault)
            observatory.faults.clear()
            clock.sleep(120)
            assert site.roof_is_shut, "it parked after all"

    @as_worker
    def test_and_that_moves_without_saying_so_counts_as_not_parked(
        self, bench: MakeBench, clock: SimulatedClock, observatory: Observatory
    ) -> None:
        site = bench()
        observatory.faults.add(
            Fault("telescope/0", "atpark", "stuck", value=True),
            Fault("telescope/0", "slewing", "stuck", value=False),
            Fault("telescope/0", "tracking", "stuck", value=False),
        )
        with site.guard() as guard:
            guard.hold("T1", 200)
            clock.sleep(100)
            site.unpark(0)
            clock.sleep(300)
            assert guard.report().roof is RoofState.SHUT
        assert observatory.world.collisions == []


@as_worker
def test_a_rig_that_turns_a_parking_mount_round_does_not_keep_it_from_parking(
    bench: MakeBench, clock: SimulatedClock, wire: Wire, observatory: Observatory
) -> None:
    site = bench()
    with site.in_flats(0) as guard:
        wire.says[UNSAFE] = False
        clock.sleep(8)
        site.unpark(0)
        clock.sleep(170)
        assert guard.report().roof is RoofState.SHUT
    assert observatory.world.collisions == []
