"""What is not known to be safe parks the mounts, then closes the roof; and when it opens again."""

from __future__ import annotations

from math import inf

import pytest

from capture.clock import SimulatedClock
from capture.guard.client import RoofState
from simulators import Observatory
from tests.capture.guard.bench import UNSAFE, MakeBench
from tests.conftest import DUSK
from tests.wire import Wire
from tests.worker import as_worker


@pytest.mark.parametrize("onset_s", [100.0, 101.3, 103.9])
@as_worker
def test_danger_parks_the_mounts_and_then_closes_the_roof_in_time(
    bench: MakeBench, clock: SimulatedClock, wire: Wire, observatory: Observatory, onset_s: float
) -> None:
    site = bench()
    with site.leased(60) as guard:
        site.unpark(0)
        site.unpark(1)
        clock.sleep(onset_s - clock.monotonic())
        wire.says[UNSAFE] = False
        clock.sleep(300)
        assert site.roof_is_shut
        assert guard.report().roof is RoofState.SHUT
    # The moment at which the last mount read AtPark.
    moments = (onset_s + 0.1 * number for number in range(3000))
    rigs = observatory.world.rigs
    parked_s = next(
        (at for at in moments if all(rig.mount.parked(DUSK.timestamp() + at) for rig in rigs)), inf
    )
    parks, closes = [at for at in site.when("park") if at > onset_s], site.when("closeshutter")
    assert len(parks) == 2
    assert max(parks) - onset_s <= 10
    assert len(closes) == 1, "close is sent once"
    assert 0 <= closes[0] - parked_s <= 10
    assert observatory.world.collisions == []


@as_worker
def test_after_danger_the_roof_reopens_only_when_it_has_been_safe_long_enough(
    bench: MakeBench, clock: SimulatedClock, wire: Wire
) -> None:
    site = bench(reopen_after_s=600.0)
    with site.guard() as guard:
        guard.hold("T1", 20_000)
        clock.sleep(1000)
        wire.says[UNSAFE] = False
        clock.sleep(500)
        wire.says[UNSAFE] = True
        clock.sleep(300)
        wire.says[UNSAFE] = False
        clock.sleep(60)
        wire.says[UNSAFE] = True
        clock.sleep(1000)
    assert site.when("openshutter") == [pytest.approx(600, abs=10), pytest.approx(1860 + 600, abs=10)]


@as_worker
def test_a_moment_of_danger_closes_the_roof_although_it_passes_while_the_mounts_park(
    bench: MakeBench, clock: SimulatedClock, wire: Wire, observatory: Observatory
) -> None:
    site = bench(reopen_after_s=600.0)
    with site.guard() as guard:
        guard.hold("T1", 20_000)
        clock.sleep(1000)
        site.unpark(0)
        clock.sleep(60)
        wire.says[UNSAFE] = False
        clock.sleep(5)
        wire.says[UNSAFE] = True
        clock.sleep(5)
        assert guard.report().safe
        assert not guard.report().open_and_safe, "the roof is about to move: nobody may unpark now"
        clock.sleep(200)
        assert site.roof_is_shut
    assert observatory.world.collisions == []


@as_worker
def test_a_roof_that_others_move_is_only_watched_but_its_mounts_are_parked_in_danger(
    bench: MakeBench, clock: SimulatedClock, wire: Wire, observatory: Observatory
) -> None:
    site = bench(mode="observe")
    with site.leased(60) as guard:
        assert guard.report().roof is RoofState.SHUT
        observatory.devices["dome", 0].call("put", "openshutter", {})
        clock.sleep(60)
        assert guard.report().open_and_safe
        site.unpark(0)
        clock.sleep(60)
        assert site.commands("park") == []
        danger = clock.monotonic()
        wire.says[UNSAFE] = False
        clock.sleep(60)
        assert not guard.report().open_and_safe
        assert max(site.when("park")) - danger <= 10
    assert len(site.commands("park")) == 2
    assert len(site.commands("openshutter", "closeshutter")) == 1
    assert observatory.world.rigs[0].mount.parked(observatory.world.now_s())
    assert site.roof_is_open


@as_worker
def test_danger_is_reported_before_any_mount_is_parked(
    bench: MakeBench, clock: SimulatedClock, wire: Wire
) -> None:
    site = bench()
    with site.in_flats(0):
        wire.says[UNSAFE] = False
        clock.sleep(100)
    texts = [entry.text for entry in site.entries]
    said = next(n for n, text in enumerate(texts) if text.startswith("unsafe"))
    assert said < texts.index("parking the mounts, then closing the roof")
