"""An exposure ends at once on a stop, on danger, at the window's end, and when the camera fails."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from capture.clock import SimulatedClock
from capture.errors import (
    DeviceError,
    DeviceTimeout,
    DeviceUnreachable,
    Preempted,
    Stopped,
    Unsafe,
)
from capture.frame import Frame, FrameSpec, Kind
from capture.rig.rig import Rig
from tests.capture.rig.bench import DARK_600, RigBench, later, on_a_rig, taken
from tests.wire import Wire


class TestEndingAnExposure:
    def begin_and(self, bench: RigBench, after_s: float, act: Callable[[Rig], object]) -> float:
        """Expose for 600 s and let `act` happen after a while; return when the abort came after it."""

        def work(rig: Rig) -> None:
            later(bench.clock, after_s, lambda: act(rig))
            rig.expose(DARK_600)

        began = bench.clock.now()
        try:
            on_a_rig(bench, work)
        finally:
            (self.abort,) = bench.commands("abortexposure")
        return (self.abort.time - began).total_seconds() - after_s

    @pytest.mark.parametrize("after_s", [0.05, 3.3, 599.9])
    def test_an_operators_stop_aborts_it_within_two_seconds(
        self, shut_bench: RigBench, after_s: float
    ) -> None:
        with pytest.raises(Stopped, match="T1: Ctrl-C"):
            self.begin_and(shut_bench, after_s, lambda rig: rig.patience.stop("Ctrl-C"))
        elapsed = self.abort.time - shut_bench.commands("startexposure")[0].time
        assert elapsed.total_seconds() <= after_s + 2
        assert not shut_bench.observatory.devices["camera", 0].call("get", "imageready", {})

    def test_danger_aborts_it_at_once(self, open_bench: RigBench, clock: SimulatedClock) -> None:
        def work(rig: Rig) -> None:
            with rig.ready_for_sky():
                began.append(clock.monotonic())
                later(clock, 20.2, lambda: open_bench.guard.says(safe=False, reasons=("it rains",)))
                rig.expose(rig.spec(Kind.FLAT, 60.0, "R"))

        began: list[float] = []
        with pytest.raises(Unsafe, match="T1: it is not safe: it rains"):
            on_a_rig(open_bench, work)
        (start,), (abort,) = open_bench.commands("startexposure"), open_bench.commands("abortexposure")
        assert (abort.time - start.time).total_seconds() <= 20.3

    def test_the_windows_end_preempts_it(self, shut_bench: RigBench, clock: SimulatedClock) -> None:
        end = clock.now() + timedelta(seconds=30)

        def work(rig: Rig) -> None:
            with rig.until(end):
                rig.expose(DARK_600)

        with pytest.raises(Preempted, match="T1: the window ended"):
            on_a_rig(shut_bench, work)
        assert (shut_bench.commands("abortexposure")[0].time - end).total_seconds() <= 5

    def test_an_image_that_never_comes_ends_in_a_deadline_and_an_abort(
        self, shut_bench: RigBench, wire: Wire, clock: SimulatedClock
    ) -> None:
        wire.says["camera/0", "imageready"] = False
        with pytest.raises(DeviceTimeout, match="T1: an exposure of 60 s was not done"):
            taken(shut_bench, Kind.DARK, 60.0)
        assert len(shut_bench.commands("abortexposure")) == 1
        assert clock.monotonic() < 300

    def test_a_camera_in_its_error_state_is_not_waited_for(
        self, shut_bench: RigBench, wire: Wire, clock: SimulatedClock
    ) -> None:
        def work(rig: Rig) -> Frame:
            wire.says["camera/0", "imageready"] = False
            wire.says["camera/0", "camerastate"] = 5
            return rig.expose(FrameSpec(Kind.DARK, 60.0))

        with pytest.raises(DeviceError, match="T1: the camera reports that the exposure failed"):
            on_a_rig(shut_bench, work)
        assert clock.monotonic() < 80

    def test_a_camera_that_vanishes_is_an_error_that_names_it(self, shut_bench: RigBench, wire: Wire) -> None:
        def work(rig: Rig) -> Frame:
            wire.mute.add(("camera/0", "imageready"))
            return rig.expose(FrameSpec(Kind.DARK, 60.0))

        with pytest.raises(DeviceUnreachable, match=r"camera 0 at .* GET imageready"):
            on_a_rig(shut_bench, work)
        assert len(shut_bench.commands("abortexposure")) == 1
