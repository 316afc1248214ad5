"""Looks: short, of a part of the sensor, and nothing that could be kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from capture.clock import SimulatedClock
from capture.errors import Stopped
from capture.frame import FrameSpec, Kind
from capture.rig.region import Region
from capture.rig.taking import Look
from simulators import Observatory, ObservatorySettings, demo_settings
from simulators.faults import Fault
from tests.capture.rig.bench import RigBench, later
from tests.worker import as_worker

LIT = FrameSpec(Kind.FLAT, 0.5, "R")
GEOMETRY = ("startx", "starty", "numx", "numy")


def geometry(bench: RigBench, number: int = 0) -> list[int]:
    device = bench.observatory.devices["camera", number]
    return [device.call("get", member, {}) for member in GEOMETRY]


class TestOfAPart:
    @pytest.fixture(params=[False, True], ids=["mono", "colour"])
    def settings(self, request: pytest.FixtureRequest) -> ObservatorySettings:
        demo = demo_settings(seed=7, width_px=90, height_px=70)
        first = replace(demo.rigs[0], camera=replace(demo.rigs[0].camera, bayer=request.param))
        return replace(demo, rigs=(first, *demo.rigs[1:]))

    @as_worker
    def test_a_look_sees_what_a_frame_has_there(self, open_bench: RigBench, clock: SimulatedClock) -> None:
        with open_bench.rig() as rig, rig.ready_for_sky():
            look = rig.look(LIT)
            frame = rig.expose(LIT)
            assert not look.is_whole
            assert frame.pixels.shape == (70, 90)
            assert look.levels.median_adu == pytest.approx(rig.middle_of(frame).median_adu, rel=0.02)
            assert look.levels.median_adu > 1.005 * frame.statistics.median_adu, "the middle is brighter"

    @pytest.mark.parametrize("binning", [1, 2, 3])
    @as_worker
    def test_it_begins_with_a_whole_cell_of_colours(
        self, open_bench: RigBench, clock: SimulatedClock, binning: int
    ) -> None:
        with open_bench.rig() as rig, rig.ready_for_sky():
            rig.look(replace(LIT, binning=binning))
        starts_px = [
            int(value)
            for command in open_bench.commands("startx", "starty")
            for name, value in command.parameters.items()
            if name.startswith("Start")
        ]
        assert any(starts_px)
        assert [px for px in starts_px if px % 2] == []

    @as_worker
    def test_the_whole_frame_is_set_again_at_once_and_after_a_stop(
        self, open_bench: RigBench, clock: SimulatedClock
    ) -> None:
        with open_bench.rig() as rig, rig.ready_for_sky():
            rig.look(LIT)
            assert geometry(open_bench) == [0, 0, 90, 70]
            later(clock, 5, lambda: rig.patience.stop("enough"))
            with pytest.raises(Stopped):
                rig.look(replace(LIT, exposure_s=60.0))
            assert geometry(open_bench) == [0, 0, 90, 70]


@as_worker
def test_a_look_costs_a_ccd_a_quarter_of_its_readout_and_does_not_mislead_about_the_rest(
    ccd_bench: RigBench, clock: SimulatedClock
) -> None:
    with ccd_bench.rig() as rig:
        spec = rig.spec(Kind.DARK, 1.0)
        took_s = []
        for take in (rig.expose, rig.look, rig.expose, rig.look):
            begun = clock.monotonic()
            take(spec)  # type: ignore[operator]
            took_s.append(clock.monotonic() - begun - 1.0)
        assert took_s[1] == pytest.approx(0.25 * took_s[0], rel=0.15)
        assert took_s[2:] == pytest.approx(took_s[:2], abs=0.1)
        assert rig.readout_s == pytest.approx(took_s[0], abs=0.1)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("camera/0", "numx", "error", method="PUT"),
        Fault("camera/0", "starty", "error", method="PUT"),
        Fault("camera/0", "numy", "ignore", method="PUT"),
        Fault("camera/0", "imagearray", "wrong_dimensions", times=1),
    ],
    ids=lambda fault: f"{fault.member} {fault.kind}",
)
def test_a_camera_that_reads_no_parts_reads_the_whole_frame_and_is_told_of_once(
    open_bench: RigBench, observatory: Observatory, clock: SimulatedClock, fault: Fault
) -> None:
    def main() -> list[Look]:
        with open_bench.rig() as rig, rig.ready_for_sky():
            rig.expose(LIT)
            observatory.faults.add(fault)
            looks = [rig.look(LIT) for _ in range(3)]
            assert rig.expose(LIT).pixels.shape == (64, 96)
            return looks

    looks = clock.run(main)
    assert [look.is_whole for look in looks] == [True] * 3
    assert looks[0].middle.median_adu != looks[0].levels.median_adu
    told = [entry.text for entry in open_bench.entries if entry.kind == "probe"]
    assert len(told) == 1
    assert told[0].startswith("probes read the whole frame from now on: ")


@as_worker
def test_a_camera_that_stays_at_the_part_exposes_no_frame(
    open_bench: RigBench, observatory: Observatory, clock: SimulatedClock
) -> None:
    with open_bench.rig() as rig, rig.ready_for_sky():
        rig.expose(LIT)
        device = observatory.devices["camera", 0]
        later(clock, 0.3, lambda: observatory.faults.add(Fault("camera/0", "numx", "ignore", method="PUT")))
        rig.look(LIT)
        assert device.call("get", "numx", {}) == 24
        started = len(open_bench.commands("startexposure"))
        with pytest.raises(Exception, match="T1: the camera did not take NumX 96, it says 24"):
            rig.expose(LIT)
        assert len(open_bench.commands("startexposure")) == started


@pytest.mark.parametrize(("width_px", "height_px"), [(9576, 6388), (4656, 3520), (96, 64), (17, 16), (1, 1)])
def test_the_middle_lies_in_the_middle_and_within(width_px: int, height_px: int) -> None:
    whole = Region.whole(width_px, height_px)
    part = whole.middle()
    assert part.x_px % 2 == part.y_px % 2 == 0
    assert part.of(np.zeros((height_px, width_px), np.uint16)).shape == (part.height_px, part.width_px)
    assert abs(2 * part.x_px + part.width_px - width_px) <= 4
    assert part.width_px * part.height_px <= max(16 * 16, width_px * height_px / 16)
