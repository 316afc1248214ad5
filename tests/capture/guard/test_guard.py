"""The guard over a simulated roof: the command log and the world tell whether it kept its word."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from math import inf

import pytest

from capture.clock import SimulatedClock
from capture.guard.client import OpenAir, RoofState
from simulators import Fault, Observatory, ObservatorySettings, Server
from tests.capture.guard.bench import Bench
from tests.conftest import DUSK
from tests.wire import Wire

MakeBench = Callable[..., Bench]
UNSAFE = ("safetymonitor/0", "issafe")


def test_the_roof_stays_shut_while_nobody_asks(bench: MakeBench, clock: SimulatedClock) -> None:
    site = bench()

    def main() -> None:
        with site.guard() as guard:
            clock.sleep(3600)
            assert guard.report().roof is RoofState.SHUT
            assert guard.report().opens_at is None

    clock.run(main)
    assert site.commands() == []


def test_the_roof_opens_for_a_lease_when_it_has_been_safe_long_enough(
    bench: MakeBench, clock: SimulatedClock
) -> None:
    site = bench(reopen_after_s=600.0)

    def main() -> None:
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

    clock.run(main)
    assert site.when("openshutter") == [pytest.approx(600, abs=10)]


def test_the_roof_does_not_open_while_it_is_unsafe(
    bench: MakeBench, clock: SimulatedClock, wire: Wire
) -> None:
    site = bench()
    wire.says[UNSAFE] = False

    def main() -> None:
        with site.guard() as guard:
            guard.hold("T1", 7200)
            clock.sleep(3600)
            assert not guard.report().safe
            assert "not safe: the safety monitor says unsafe" in guard.report().why_not_open()

    clock.run(main)
    assert site.commands() == []


@pytest.mark.parametrize("end", ["released", "ran out"])
def test_the_roof_closes_when_the_last_lease_ends(bench: MakeBench, clock: SimulatedClock, end: str) -> None:
    site = bench()

    def main() -> None:
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

    clock.run(main)
    assert len(site.commands("closeshutter")) == 1


def test_a_renewed_lease_keeps_the_roof_open(bench: MakeBench, clock: SimulatedClock) -> None:
    site = bench()

    def main() -> None:
        with site.guard() as guard:
            for _ in range(40):
                guard.hold("T1", 60)
                clock.sleep(30)
            assert site.roof_is_open

    clock.run(main)


@pytest.mark.parametrize("onset_s", [100.0, 101.3, 103.9])
def test_danger_parks_the_mounts_and_then_closes_the_roof_in_time(
    bench: MakeBench, clock: SimulatedClock, wire: Wire, observatory: Observatory, onset_s: float
) -> None:
    site = bench()

    def main() -> None:
        with site.guard() as guard:
            guard.hold("T1", 7200)
            clock.sleep(60)
            site.unpark(0)
            site.unpark(1)
            clock.sleep(onset_s - clock.monotonic())
            wire.says[UNSAFE] = False
            clock.sleep(300)
            assert site.roof_is_shut
            assert guard.report().roof is RoofState.SHUT

    clock.run(main)
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


def test_a_roof_that_clears_the_mounts_closes_at_once(
    bench: MakeBench, clock: SimulatedClock, wire: Wire, observatory: Observatory
) -> None:
    site = bench(clears_mounts=True)

    def main() -> None:
        with site.guard() as guard:
            guard.hold("T1", 7200)
            clock.sleep(60)
            site.unpark(0)
            clock.sleep(40)
            wire.says[UNSAFE] = False
            clock.sleep(120)
            assert guard.report().roof is RoofState.SHUT

    clock.run(main)
    assert site.when("closeshutter")[0] - 100 <= 10
    assert [command.device for command in site.commands("park")] == ["telescope/0", "telescope/1"]


def test_after_danger_the_roof_reopens_only_when_it_has_been_safe_long_enough(
    bench: MakeBench, clock: SimulatedClock, wire: Wire
) -> None:
    site = bench(reopen_after_s=600.0)

    def main() -> None:
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

    clock.run(main)
    assert site.when("openshutter") == [pytest.approx(600, abs=10), pytest.approx(1860 + 600, abs=10)]


def test_a_moment_of_danger_closes_the_roof_although_it_passes_while_the_mounts_park(
    bench: MakeBench, clock: SimulatedClock, wire: Wire, observatory: Observatory
) -> None:
    site = bench(reopen_after_s=600.0)

    def main() -> None:
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

    clock.run(main)
    assert observatory.world.collisions == []


def test_a_new_lease_does_not_turn_back_a_roof_that_is_closing(
    bench: MakeBench, clock: SimulatedClock, observatory: Observatory
) -> None:
    site = bench()

    def main() -> None:
        with site.guard() as guard:
            guard.hold("T1", 7200)
            clock.sleep(100)
            site.unpark(0)
            clock.sleep(60)
            guard.release("T1")
            clock.sleep(3)
            guard.hold("T2", 7200)
            assert not guard.report().open_and_safe
            clock.sleep(300)
            assert site.roof_is_open, "it was opened again once it was shut"

    clock.run(main)
    order = [command.member for command in site.commands("openshutter", "closeshutter")]
    assert order == ["openshutter", "closeshutter", "openshutter", "closeshutter"]
    assert observatory.world.collisions == []


def test_an_unparked_mount_is_parked_before_the_roof_opens_over_it(
    bench: MakeBench, clock: SimulatedClock, observatory: Observatory
) -> None:
    site = bench()
    site.unpark(1)

    def main() -> None:
        with site.guard() as guard:
            clock.sleep(60)
            guard.hold("T1", 7200)
            clock.sleep(300)
            assert guard.report().open_and_safe

    clock.run(main)
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

    def test_is_closed_upon_where_the_config_says_so(
        self, bench: MakeBench, clock: SimulatedClock, wire: Wire
    ) -> None:
        site = bench(if_park_fails="close", park_deadline_s=180.0)

        def main() -> None:
            with site.guard() as guard:
                guard.hold("T1", 7200)
                clock.sleep(100)
                site.unpark(0)
                clock.sleep(600)
                wire.says[UNSAFE] = False
                clock.sleep(400)
                assert guard.report().roof is RoofState.SHUT

        clock.run(main)
        parked = [at for at in site.when("park") if at >= 700]
        (closed,) = site.when("closeshutter")
        assert 180 <= closed - parked[0] <= 190
        assert any("did not park" in text for text in site.said("alarm"))

    def test_keeps_the_roof_open_until_it_has_parked_where_the_config_says_so(
        self, bench: MakeBench, clock: SimulatedClock, wire: Wire, observatory: Observatory
    ) -> None:
        site = bench(if_park_fails="stay_open", park_deadline_s=180.0)

        def main() -> None:
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

        clock.run(main)
        assert len(site.commands("closeshutter")) == 1
        assert observatory.world.collisions == []
        assert any("A person must look" in text for text in site.said("alarm"))

    def test_is_not_opened_over(
        self, bench: MakeBench, clock: SimulatedClock, observatory: Observatory
    ) -> None:
        site = bench(park_deadline_s=180.0)
        site.unpark(0)

        def main() -> None:
            clock.sleep(600)
            with site.guard() as guard:
                guard.hold("T1", 7200)
                clock.sleep(1000)
                assert guard.report().fault is not None
                assert guard.report().roof is RoofState.SHUT

        clock.run(main)
        assert site.commands("openshutter") == []
        assert observatory.world.collisions == []


def test_a_roof_that_does_not_take_an_order_is_an_alarm_and_gets_it_again_after_the_deadline(
    bench: MakeBench, clock: SimulatedClock, wire: Wire
) -> None:
    site = bench(move_deadline_s=300.0)

    def main() -> None:
        with site.guard() as guard:
            guard.hold("T1", 200)
            clock.sleep(100)
            wire.mute.add(("dome/0", "closeshutter"))
            wire.says["dome/0", "shutterstatus"] = 0
            clock.sleep(500)
            wire.mute.clear()
            del wire.says["dome/0", "shutterstatus"]

    clock.run(main)
    first, second = site.when("closeshutter")
    assert 300 <= second - first <= 310
    assert any("did not take the order to be shut" in text for text in site.said("alarm"))


def test_a_safety_monitor_that_is_silent_once_keeps_its_word(
    bench: MakeBench, clock: SimulatedClock, observatory: Observatory
) -> None:
    site = bench()

    def main() -> None:
        with site.guard() as guard:
            guard.hold("T1", 7200)
            clock.sleep(101)
            observatory.faults.add(Fault("safetymonitor/0", "issafe", "wrong_json", times=1))
            clock.sleep(60)
            assert guard.report().open_and_safe
            assert site.roof_is_open

    clock.run(main)
    assert len(site.said("safety")) == 1


def test_a_safety_monitor_that_is_silent_twice_is_danger(
    bench: MakeBench, clock: SimulatedClock, wire: Wire
) -> None:
    site = bench()

    def main() -> None:
        with site.guard() as guard:
            guard.hold("T1", 7200)
            clock.sleep(101)
            wire.mute.add("safetymonitor/0")
            clock.sleep(11)
            assert not guard.report().safe
            assert "no answer about safety: safetymonitor 0 at" in guard.report().why_not_open()
            clock.sleep(100)
            assert guard.report().roof is RoofState.SHUT

    clock.run(main)
    assert site.when("closeshutter")[0] - 101 <= 20


@pytest.mark.parametrize("answer", ["true", 1, None, "no", [True]])
def test_only_a_plain_yes_is_safe(
    bench: MakeBench, clock: SimulatedClock, wire: Wire, answer: object
) -> None:
    site = bench()
    wire.says[UNSAFE] = answer

    def main() -> None:
        with site.guard() as guard:
            guard.hold("T1", 7200)
            clock.sleep(60)
            assert not guard.report().safe

    clock.run(main)
    assert site.commands() == []


def test_a_weather_station_that_falls_silent_is_danger_as_soon_as_its_reading_is_too_old(
    bench: MakeBench, clock: SimulatedClock, wire: Wire
) -> None:
    site = bench()
    frozen_s = 60.0

    def main() -> None:
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

    clock.run(main)
    assert site.when("park")[-1] - (frozen_s + 300.0) <= 10.0


@pytest.mark.parametrize(
    ("member", "answer", "word"),
    [("rainrate", 0.2, "rain"), ("rainrate", "wet", "weather|answer"), ("timesincelastupdate", 4000, "old"),
     ("timesincelastupdate", -60, "old"), ("timesincelastupdate", "long", "weather|answer")],
)  # fmt: skip
def test_rain_and_stale_or_senseless_weather_are_danger(
    bench: MakeBench, clock: SimulatedClock, wire: Wire, member: str, answer: object, word: str
) -> None:
    site = bench()
    wire.says["observingconditions/0", member] = answer

    def main() -> None:
        with site.guard() as guard:
            guard.hold("T1", 7200)
            clock.sleep(120)
            assert not guard.report().safe

    clock.run(main)
    assert site.commands() == []


def test_a_roof_that_others_move_is_only_watched_but_its_mounts_are_parked_in_danger(
    bench: MakeBench, clock: SimulatedClock, wire: Wire, observatory: Observatory
) -> None:
    site = bench(mode="observe")

    def main() -> None:
        with site.guard() as guard:
            guard.hold("T1", 7200)
            clock.sleep(60)
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

    clock.run(main)
    assert len(site.commands("park")) == 2
    assert len(site.commands("openshutter", "closeshutter")) == 1
    assert observatory.world.rigs[0].mount.parked(observatory.world.now_s())
    assert site.roof_is_open


def test_stopping_closes_the_roof_and_waits_for_it(bench: MakeBench, clock: SimulatedClock) -> None:
    site = bench()

    def main() -> None:
        with site.guard() as guard:
            guard.hold("T1", 7200)
            clock.sleep(100)
            site.unpark(0)
            clock.sleep(60)

    clock.run(main)
    assert site.roof_is_shut
    assert site.observatory.world.collisions == []


def test_a_roof_found_open_is_closed_when_nobody_holds_it(
    bench: MakeBench, clock: SimulatedClock, observatory: Observatory
) -> None:
    site = bench()
    observatory.devices["dome", 0].connected = True
    observatory.devices["dome", 0].call("put", "openshutter", {})

    def main() -> None:
        clock.sleep(60)
        with site.guard() as guard:
            clock.sleep(120)
            assert guard.report().roof is RoofState.SHUT

    clock.run(main)


class TestARoofThatIsSlow:
    @pytest.fixture
    def settings(self, settings: ObservatorySettings) -> ObservatorySettings:
        return replace(settings, roof=replace(settings.roof, open_s=400.0))

    def test_to_open_has_a_fault_and_is_closed_again(self, bench: MakeBench, clock: SimulatedClock) -> None:
        site = bench(move_deadline_s=300.0)

        def main() -> None:
            with site.guard() as guard:
                guard.hold("T1", 20_000)
                clock.sleep(400)
                assert guard.report().fault == "it did not open within 300 s"
                clock.sleep(1000)
                assert site.roof_is_shut
            assert len(site.commands("openshutter")) == 1

        clock.run(main)

    def test_to_close_is_told_again_only_after_the_deadline(
        self, bench: MakeBench, clock: SimulatedClock
    ) -> None:
        site = bench(move_deadline_s=300.0)

        def main() -> None:
            with site.guard() as guard:
                guard.hold("T1", 100)
                clock.sleep(1200)
                assert guard.report().roof is RoofState.SHUT

        clock.run(main)
        closes = site.when("closeshutter")
        assert all(later - earlier >= 300 for earlier, later in pairwise(closes))

    def test_is_waited_for_when_the_guard_stops_after_a_fault(
        self, bench: MakeBench, clock: SimulatedClock
    ) -> None:
        site = bench(move_deadline_s=300.0)

        def main() -> None:
            with site.guard() as guard:
                guard.hold("T1", 20_000)
                clock.sleep(310)
                assert guard.report().fault is not None

        clock.run(main)
        assert site.roof_is_shut


def test_a_roof_whose_state_cannot_be_read_is_not_taken_for_open_and_closed(
    bench: MakeBench, clock: SimulatedClock, wire: Wire, observatory: Observatory
) -> None:
    site = bench()

    def main() -> None:
        with site.guard() as guard:
            guard.hold("T1", 7200)
            clock.sleep(101)
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

    clock.run(main)
    assert len(site.commands("openshutter")) == 1, "no blind opening"
    assert any("cannot be read" in text for text in site.said("alarm"))


def test_a_change_of_the_report_wakes_its_subscribers_at_once(
    bench: MakeBench, clock: SimulatedClock, wire: Wire
) -> None:
    site = bench()
    news: list[tuple[float, RoofState, bool]] = []

    def main() -> None:
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

    clock.run(main)
    assert (RoofState.OPENING, True) in [entry[1:] for entry in news]
    assert (RoofState.OPEN, True) in [entry[1:] for entry in news]
    assert any(not safe for _, _, safe in news)


def test_danger_is_reported_before_any_mount_is_parked(
    bench: MakeBench, clock: SimulatedClock, wire: Wire
) -> None:
    site = bench()

    def main() -> None:
        with site.guard() as guard:
            guard.hold("T1", 7200)
            clock.sleep(100)
            site.unpark(0)
            clock.sleep(60)
            wire.says[UNSAFE] = False
            clock.sleep(100)

    clock.run(main)
    texts = [entry.text for entry in site.entries]
    said = next(n for n, text in enumerate(texts) if text.startswith("unsafe"))
    assert said < texts.index("parking the mounts, then closing the roof")


def test_a_vanished_server_does_not_end_the_guard(
    bench: MakeBench, clock: SimulatedClock, served: Server, wire: Wire
) -> None:
    site = bench()

    def main() -> None:
        with site.guard() as guard:
            guard.hold("T1", 7200)
            clock.sleep(101)
            wire.mute |= {"dome/0", "safetymonitor/0", "telescope/0", "telescope/1", "observingconditions/0"}
            clock.sleep(60)
            assert not guard.report().safe
            wire.mute.clear()
            clock.sleep(700)
            assert guard.report().open_and_safe

    clock.run(main)


def test_without_a_roof_the_sky_is_always_open() -> None:
    guard = OpenAir(DUSK)
    guard.hold("T1", 60)
    assert guard.report().open_and_safe
    assert guard.report().dark, "the camera's own shutter must do"
    guard.release("T1")
    assert guard.report().roof is RoofState.NONE
