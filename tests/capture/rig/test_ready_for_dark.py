"""Darkness: a shut roof and a shut cover, for as long as they stay shut."""

from __future__ import annotations

from datetime import timedelta

import pytest

from capture.clock import SimulatedClock
from capture.errors import (
    Preempted,
)
from capture.frame import Frame, FrameSpec, Kind
from capture.guard.client import RoofState
from capture.rig.rig import Rig
from tests.capture.rig.bench import DARK_600, RigBench, later, on_a_rig


class TestReadyForDark:
    @pytest.mark.parametrize(
        "roof", [RoofState.OPEN, RoofState.OPENING, RoofState.CLOSING, RoofState.UNKNOWN, RoofState.FAULT]
    )
    def test_refuses_a_roof_that_is_not_shut(self, shut_bench: RigBench, roof: RoofState) -> None:
        shut_bench.guard.says(roof=roof)

        def work(rig: Rig) -> None:
            with rig.ready_for_dark():
                rig.expose(DARK_600)

        with pytest.raises(Preempted, match=f"the roof is {roof}"):
            on_a_rig(shut_bench, work)
        assert shut_bench.commands("startexposure", "opencover") == []

    def test_refuses_a_roof_that_is_about_to_open(self, shut_bench: RigBench, clock: SimulatedClock) -> None:
        shut_bench.guard.says(opens_at=clock.now() + timedelta(seconds=3))

        def work(rig: Rig) -> None:
            assert rig.roof_leaves_s() <= 3
            with rig.ready_for_dark():
                pass

        with pytest.raises(Preempted, match="about to open"):
            on_a_rig(shut_bench, work)

    def test_shuts_the_cover(self, shut_bench: RigBench) -> None:
        cover = shut_bench.observatory.devices["covercalibrator", 0]
        cover.connected = True
        cover.call("put", "opencover", {})

        def work(rig: Rig) -> Frame:
            with rig.ready_for_dark():
                assert shut_bench.world_rig.cover.value(shut_bench.observatory.world.now_s()) == 0
                return rig.expose(FrameSpec(Kind.DARK, 1.0))

        assert on_a_rig(shut_bench, work) is not None

    def test_ends_the_exposure_when_the_roof_opens(self, shut_bench: RigBench, clock: SimulatedClock) -> None:
        def work(rig: Rig) -> None:
            later(clock, 100, lambda: shut_bench.guard.says(roof=RoofState.OPENING))
            with rig.ready_for_dark():
                rig.expose(DARK_600)

        with pytest.raises(Preempted, match="the roof is opening"):
            on_a_rig(shut_bench, work)
        (abort,) = shut_bench.commands("abortexposure")
        assert (abort.time - shut_bench.commands("startexposure")[0].time).total_seconds() <= 101

    def test_knows_how_long_the_roof_stays_shut(self, shut_bench: RigBench, clock: SimulatedClock) -> None:
        def work(rig: Rig) -> None:
            assert rig.roof_leaves_s() == float("inf")
            shut_bench.guard.says(opens_at=clock.now() + timedelta(seconds=900))
            assert rig.roof_leaves_s() == 900
            shut_bench.guard.says(roof=RoofState.OPENING)
            assert rig.roof_leaves_s() == 0

        on_a_rig(shut_bench, work)
