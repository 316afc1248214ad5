"""The sky: roof, mount and cover made ready, and everything undone whatever happens."""

from __future__ import annotations

import pytest

from capture.clock import SimulatedClock
from capture.config import TimeoutsConfig
from capture.errors import (
    DeviceError,
    Stopped,
    Unsafe,
)
from capture.frame import Kind
from capture.guard.client import RoofState
from capture.rig.rig import Rig
from simulators import Fault, Observatory
from tests.capture.rig.bench import RigBench, later, on_a_rig
from tests.wire import Wire


class TestReadyForSky:
    def test_opens_the_cover_and_points_and_undoes_it_all(self, open_bench: RigBench) -> None:
        world_rig = open_bench.world_rig
        now = open_bench.observatory.world.now_s

        def work(rig: Rig) -> None:
            with rig.ready_for_sky():
                assert world_rig.cover.value(now()) == 1
                assert float(world_rig.mount.alt_az(now())[0]) == pytest.approx(76, abs=0.5)
                assert open_bench.guard.holders == {"T1"}
            assert world_rig.cover.value(now()) == 0
            assert open_bench.guard.holders == set()

        on_a_rig(open_bench, work)

    @pytest.mark.parametrize("failure", [ValueError, DeviceError, Unsafe, Stopped, KeyboardInterrupt])
    def test_is_undone_whatever_happens_within(
        self, open_bench: RigBench, failure: type[BaseException]
    ) -> None:
        world_rig = open_bench.world_rig
        telescope = open_bench.observatory.devices["telescope", 0]

        def breaks(rig: Rig) -> None:
            with rig.ready_for_sky():
                telescope.call("put", "tracking", {"Tracking": "true"})
                raise failure("something broke")

        def work(rig: Rig) -> None:
            with pytest.raises(failure, match="something broke"):
                breaks(rig)
            now = open_bench.observatory.world.now_s()
            assert world_rig.cover.value(now) == 0
            assert not world_rig.mount.tracking(now)
            assert open_bench.guard.holders == set()

        on_a_rig(open_bench, work)

    def test_is_undone_although_a_stop_comes_in_the_middle_of_it(
        self, open_bench: RigBench, clock: SimulatedClock
    ) -> None:
        telescope = open_bench.observatory.devices["telescope", 0]

        def work(rig: Rig) -> None:
            with rig.ready_for_sky():
                telescope.call("put", "tracking", {"Tracking": "true"})
                later(clock, 3, lambda: rig.patience.stop("Ctrl-C"))
            now = open_bench.observatory.world.now_s()
            assert open_bench.world_rig.cover.value(now) == 0
            assert not open_bench.world_rig.mount.tracking(now)
            assert open_bench.guard.holders == set()
            with pytest.raises(Stopped):
                rig.patience.checkpoint()

        on_a_rig(open_bench, work)

    def test_releases_the_roof_although_the_cover_does_not_shut(
        self, open_bench: RigBench, wire: Wire
    ) -> None:
        telescope = open_bench.observatory.devices["telescope", 0]

        def work(rig: Rig) -> None:
            with rig.ready_for_sky():
                telescope.call("put", "tracking", {"Tracking": "true"})
                wire.mute.add("covercalibrator/0")
            assert telescope.call("get", "tracking", {}) is False
            assert open_bench.guard.holders == set()

        on_a_rig(open_bench, work)

    def test_waits_for_the_roof_and_says_so_and_renews_its_lease(
        self, shut_bench: RigBench, clock: SimulatedClock
    ) -> None:
        def work(rig: Rig) -> None:
            later(clock, 600, lambda: shut_bench.guard.says(roof=RoofState.OPEN))
            with rig.ready_for_sky():
                assert clock.monotonic() >= 600

        on_a_rig(shut_bench, work)
        holds = shut_bench.guard.log.count("hold T1")
        assert 600 / 60 < holds < 600 / 5
        assert any("waiting: the roof is shut" in entry.text for entry in shut_bench.entries)

    def test_is_over_when_the_sky_is_withdrawn(self, open_bench: RigBench, clock: SimulatedClock) -> None:
        def work(rig: Rig) -> None:
            with rig.ready_for_sky():
                open_bench.guard.says(roof=RoofState.CLOSING)
                rig.patience.pause(60)

        with pytest.raises(Unsafe, match="T1: the roof is closing"):
            on_a_rig(open_bench, work)
        assert open_bench.guard.holders == set()

    def test_the_lease_is_renewed_while_frames_are_taken(self, open_bench: RigBench) -> None:
        def work(rig: Rig) -> None:
            with rig.ready_for_sky():
                before = len(open_bench.guard.log)
                rig.expose(rig.spec(Kind.FLAT, 300.0, "Ha"))
                renewals = len(open_bench.guard.log) - before
                assert 300 / 60 <= renewals <= 300 / 10

        on_a_rig(open_bench, work)

    def test_the_lease_outlasts_calls_that_are_answered_only_just_in_time(
        self, open_bench: RigBench, observatory: Observatory
    ) -> None:
        def work(rig: Rig) -> None:
            for device in ("telescope/0", "filterwheel/0", "covercalibrator/0"):
                observatory.faults.add(Fault(device, "*", "slow", method="PUT", seconds=58))
            observatory.faults.add(Fault("camera/0", "imagearray", "slow", seconds=115))
            observatory.devices["telescope", 0].call("put", "park", {})
            rig.patience.pause(120)
            with rig.ready_for_sky():
                for name in ("L", "Ha"):
                    rig.expose(rig.spec(Kind.FLAT, 2.0, name))
            assert open_bench.guard.log.count("release T1") == 1

        on_a_rig(open_bench, work)
        assert "lapsed T1" not in open_bench.guard.log

    @pytest.mark.parametrize(
        ("timeouts", "lease_s"),
        [
            (TimeoutsConfig(), 240.0),
            (TimeoutsConfig(image_s=300.0), 420.0),
            (TimeoutsConfig(slow_write_s=200.0), 660.0),
        ],
    )
    def test_the_lease_of_a_rig_that_hangs_ends_by_the_timeouts_of_its_devices(
        self, open_bench: RigBench, timeouts: TimeoutsConfig, lease_s: float
    ) -> None:
        def work(rig: Rig) -> None:
            with rig.ready_for_sky():
                assert open_bench.guard.leases_s == {"T1": lease_s}

        on_a_rig(open_bench, work, timeouts=timeouts)
