"""Cameras of every kind: colour, uncooled, with limits and settings of their own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from capture.clock import SimulatedClock
from capture.config import Config, FlatsConfig, FlatSetConfig
from capture.errors import BadInput
from capture.frame import Frame, FrameSpec, Kind, Statistics
from simulators import ObservatorySettings, demo_settings
from tests.capture.rig.bench import RigBench
from tests.wire import Wire
from tests.worker import as_worker


def with_camera(**changes: Any) -> ObservatorySettings:
    """The demo with the first rig's camera so."""
    demo = demo_settings(seed=7, width_px=96, height_px=64)
    first = replace(demo.rigs[0], camera=replace(demo.rigs[0].camera, **changes))
    return replace(demo, rigs=(first, *demo.rigs[1:]))


class TestColour:
    @pytest.fixture
    def settings(self) -> ObservatorySettings:
        return with_camera(bayer=True)

    def taken(self, bench: RigBench, binning: int) -> Frame:
        def main() -> Frame:
            with bench.rig(binning=binning) as rig, rig.ready_for_sky():
                return rig.expose(rig.spec(Kind.FLAT, 2.0, "R"))

        return bench.clock.run(main)

    def test_the_brightest_plane_is_the_level(self, open_bench: RigBench) -> None:
        frame = self.taken(open_bench, 1)
        planes = [frame.pixels[row::2, column::2] for row in (0, 1) for column in (0, 1)]
        medians = [float(np.median(plane)) for plane in planes]
        assert max(medians) > 1.3 * min(medians), "the planes differ"
        assert frame.statistics.median_adu == pytest.approx(max(medians), abs=1)
        assert frame.facts.bayer_pattern == "RGGB"

    def test_binned_it_is_a_colour_no_more(self, open_bench: RigBench) -> None:
        frame = self.taken(open_bench, 2)
        assert frame.facts.bayer_pattern is None
        assert frame.statistics.median_adu == pytest.approx(float(np.median(frame.pixels)), abs=1)


@pytest.mark.parametrize("brightest", [(0, 0), (0, 1), (1, 0), (1, 1)])
@pytest.mark.parametrize("side_px", [64, 3001])
def test_no_plane_of_a_mosaic_is_overlooked_however_large_it_is(
    brightest: tuple[int, int], side_px: int
) -> None:
    pixels = np.full((side_px, side_px), 1000, dtype=np.uint16)
    pixels[brightest[0] :: 2, brightest[1] :: 2] = 65535
    measured = Statistics.of(pixels, 60000.0, mosaic=True)
    assert measured.median_adu == 65535
    assert measured.saturated_fraction == 1


class TestUncooled:
    @pytest.fixture
    def settings(self) -> ObservatorySettings:
        return with_camera(has_cooler=False)

    def test_frames_of_every_kind_are_taken_and_their_temperature_recorded(
        self, open_bench: RigBench, clock: SimulatedClock
    ) -> None:
        air_c = float(open_bench.observatory.world.weather.temperature_c(clock.now().timestamp()))

        def main() -> list[Frame]:
            with open_bench.rig(cooling=None) as rig:
                rig.cool()
                frames = [rig.expose(rig.spec(Kind.BIAS)), rig.expose(rig.spec(Kind.DARK, 1.0))]
                with rig.ready_for_sky():
                    return [*frames, rig.expose(rig.spec(Kind.FLAT, 1.0, "R"))]

        for frame in clock.run(main):
            assert frame.spec.set_temperature_c is None
            assert frame.facts.ccd_temperature_c == pytest.approx(air_c, abs=2)


class TestAGridOfExposures:
    @pytest.fixture
    def settings(self) -> ObservatorySettings:
        return with_camera(exposure_step_s=0.25, exposure_min_s=0.4)

    def test_is_kept_to(self, shut_bench: RigBench, clock: SimulatedClock) -> None:
        def main() -> list[Frame]:
            with shut_bench.rig() as rig:
                wanted_s = [rig.camera.nearest_s(asked_s) for asked_s in (0.01, 0.6, 2.13, 3599.9, 9999.0)]
                assert wanted_s == [0.5, 0.5, 2.25, 3600.0, 3600.0]
                return [rig.expose(FrameSpec(Kind.DARK, asked_s)) for asked_s in (0.4, 2.1)]

        frames = clock.run(main)
        assert [command.parameters["Duration"] for command in shut_bench.commands("startexposure")] == [
            "0.5",
            "2.0",
        ]
        assert [frame.facts.exposure_s for frame in frames] == [0.5, 2.0]

    @pytest.mark.parametrize("said", [0.0, -1.0, float("nan"), 3600.0])
    def test_that_makes_no_sense_is_none(
        self, shut_bench: RigBench, clock: SimulatedClock, wire: Wire, said: float
    ) -> None:
        wire.says["camera/0", "exposureresolution"] = said

        def main() -> float:
            with shut_bench.rig() as rig:
                return rig.camera.nearest_s(2.13)

        assert clock.run(main) == 2.13


class TestLimits:
    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"binning": 8}, r'\[\[rig\]\] "T1" binning 8: the camera bins up to 4'),
            ({"gain": 301}, r'"T1" gain 301: the camera takes 0 to 300'),
            ({"offset": -1}, r'"T1" offset -1: the camera takes 0 to 200'),
            ({"readout_mode": 2}, r"readout_mode 2: the camera has 0 'Normal', 1 'Low noise'"),
            (
                {"flats": FlatsConfig(set=(FlatSetConfig(filters=("R", "G"), binning=5),))},
                r'"T1".flats.set\]\] of R G, binning 5: the camera bins up to 4',
            ),
            (
                {"flats": FlatsConfig(min_exposure_s=4000.0, max_exposure_s=5000.0)},
                r'"T1".flats\] allows exposures of 4000 to 5000 s, but the camera takes 3.2e-05 to 3600 s',
            ),
        ],
    )
    def test_of_the_camera_are_told_before_anything_moves(
        self, open_bench: RigBench, clock: SimulatedClock, changes: dict[str, Any], says: str
    ) -> None:
        def main() -> None:
            with open_bench.rig(**changes):
                pass

        with pytest.raises(BadInput, match=says):
            clock.run(main)
        assert open_bench.commands("slewtoaltazasync", "opencover", "startexposure", "binx") == []

    def test_a_gain_that_the_camera_does_not_have_is_told(
        self, config: Config, ccd_bench: RigBench, clock: SimulatedClock
    ) -> None:
        def main() -> None:
            with ccd_bench.rig(gain=5):
                pass

        with pytest.raises(BadInput, match=r'"T2" gain 5: the camera has no such setting; take the key out'):
            clock.run(main)

    def test_gains_with_names_are_counted_from_0(
        self, open_bench: RigBench, clock: SimulatedClock, wire: Wire
    ) -> None:
        wire.says["camera/0", "gains"] = ["low", "high"]

        def main() -> None:
            with open_bench.rig(gain=2):
                pass

        with pytest.raises(BadInput, match="gain 2: the camera takes 0 to 1"):
            clock.run(main)


@as_worker
def test_a_frame_may_ask_for_other_settings_and_the_next_has_the_usual_ones_again(
    open_bench: RigBench, clock: SimulatedClock
) -> None:
    device = open_bench.observatory.devices["camera", 0]
    seen = []
    with open_bench.rig(gain=None, offset=None, readout_mode=None) as rig:
        usual = rig.spec(Kind.BIAS)
        other = replace(usual, gain=120, binning=2, readout_mode="Low noise")
        for spec in (usual, other, usual, FrameSpec(Kind.BIAS, gain=0, offset=50)):
            rig.expose(spec)
            seen.append([device.call("get", member, {}) for member in ("gain", "binx", "readoutmode")])
    assert [gain for gain, _, _ in seen] == [0, 120, 0, 0]
    assert [binning for _, binning, _ in seen] == [1, 2, 1, 1]
    assert [mode for _, _, mode in seen] == [0, 1, 0, 0]
