"""The wheel stands where the frame wants it."""

from __future__ import annotations

import pytest

from capture.clock import SimulatedClock
from capture.errors import (
    BadInput,
    DeviceTimeout,
)
from capture.frame import Kind
from capture.rig.rig import Rig
from tests.capture.rig.bench import RigBench, on_a_rig
from tests.wire import Wire


class TestTheWheel:
    def test_turns_to_the_filter_and_waits_for_it(self, shut_bench: RigBench, clock: SimulatedClock) -> None:
        def work(rig: Rig) -> None:
            for name in ("B", "R", "R", "SII"):
                rig.select_filter(name)
                assert shut_bench.world_rig.filter_at(shut_bench.observatory.world.now_s()).name == name

        on_a_rig(shut_bench, work)
        slots = [command.parameters["Position"] for command in shut_bench.commands("position")]
        assert slots == ["3", "1", "6"]
        assert 7 <= clock.monotonic() < 15

    def test_refuses_a_filter_that_it_does_not_have(self, shut_bench: RigBench) -> None:
        with pytest.raises(BadInput, match="T1 has no filter 'Z'; it has L R G B Ha OIII SII"):
            on_a_rig(shut_bench, lambda rig: rig.select_filter("Z"))

    def test_that_does_not_arrive_lets_nothing_be_exposed(self, shut_bench: RigBench, wire: Wire) -> None:
        wire.says["filterwheel/0", "position"] = -1
        with pytest.raises(DeviceTimeout, match="T1: the wheel's way to G"):
            on_a_rig(shut_bench, lambda rig: rig.expose(rig.spec(Kind.FLAT, 1.0, "G")))
        assert shut_bench.commands("startexposure") == []

    def test_that_somebody_else_turned_is_turned_back_before_the_next_frame(
        self, shut_bench: RigBench, clock: SimulatedClock
    ) -> None:
        def work(rig: Rig) -> None:
            rig.expose(rig.spec(Kind.FLAT, 1.0, "G"))
            shut_bench.observatory.devices["filterwheel", 0].call("put", "position", {"Position": "5"})
            clock.sleep(60)
            rig.expose(rig.spec(Kind.FLAT, 1.0, "G"))

        on_a_rig(shut_bench, work)
        assert [c.parameters["Position"] for c in shut_bench.commands("position")] == ["2", "5", "2"]
