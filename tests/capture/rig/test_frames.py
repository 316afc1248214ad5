"""A frame is what the sensor saw, and tells the truth about itself."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from capture.clock import SimulatedClock
from capture.errors import (
    BadInput,
)
from capture.frame import Frame, FrameSpec, Kind
from capture.guard.client import RoofState
from capture.rig.rig import Rig
from simulators import Observatory
from tests.capture.rig.bench import DARK_600, RigBench, later, on_a_rig, taken
from tests.wire import Wire


class TestAFrame:
    def test_of_bias_is_the_shortest_exposure(self, shut_bench: RigBench) -> None:
        frame = taken(shut_bench, Kind.BIAS)
        (start,) = shut_bench.commands("startexposure")
        assert float(start.parameters["Duration"]) == 0.000032
        assert start.parameters["Light"] == "False"
        assert frame.spec == FrameSpec(
            Kind.BIAS, gain=0, offset=50, readout_mode="Normal", set_temperature_c=-10.0
        )
        assert frame.facts.exposure_s == 0.000032
        assert 400 < frame.statistics.median_adu < 600

    def test_of_a_camera_that_takes_zero_seconds_is_a_true_bias(self, ccd_bench: RigBench) -> None:
        frame = taken(ccd_bench, Kind.BIAS)
        assert frame.facts.exposure_s == 0
        assert frame.spec.readout_mode is None

    def test_tells_the_truth_about_itself(
        self, shut_bench: RigBench, observatory: Observatory, clock: SimulatedClock
    ) -> None:
        frame = taken(shut_bench, Kind.DARK, 120.0)
        facts = frame.facts
        (start,) = shut_bench.commands("startexposure")
        assert (facts.rig, facts.camera) == ("T1", "T1 CMOS camera")
        assert facts.started == start.time
        assert facts.exposure_s == 120
        middle = (start.time + timedelta(seconds=60)).timestamp()
        assert facts.sun_altitude_deg == pytest.approx(
            float(observatory.world.sky.sun_altitude_deg(middle)), abs=0.05
        )
        assert facts.ccd_temperature_c == pytest.approx(
            observatory.camera(0).cooler.temperature_c(clock.now().timestamp()), abs=0.1
        )
        assert facts.roof_shut is True
        assert facts.altitude_deg is None, "a dark looks nowhere"
        assert facts.downloaded_s == pytest.approx(1.0, abs=0.5)
        assert facts.electrons_per_adu == pytest.approx(0.8)
        assert facts.pixel_size_um == (3.76, 3.76)
        assert frame.verdict.good

    def test_is_what_the_sensor_saw_row_by_row(self, shut_bench: RigBench, observatory: Observatory) -> None:
        frame = taken(shut_bench, Kind.DARK, 5.0)
        np.testing.assert_array_equal(frame.pixels, observatory.camera(0).image())
        assert frame.statistics.mean_adu == pytest.approx(frame.pixels.mean())

    def test_of_the_sky_says_where_it_looked(self, open_bench: RigBench, observatory: Observatory) -> None:
        def work(rig: Rig) -> Frame:
            with rig.ready_for_sky():
                return rig.expose(rig.spec(Kind.FLAT, 2.0, "Ha"))

        frame = on_a_rig(open_bench, work)
        assert frame is not None
        facts = frame.facts
        assert facts.altitude_deg == pytest.approx(76, abs=0.5)
        assert facts.azimuth_deg is not None
        assert facts.right_ascension_h is not None
        assert facts.declination_deg == pytest.approx(
            float(open_bench.world_rig.mount.ha_dec(observatory.world.now_s())[1]), abs=0.1
        )
        assert facts.roof_shut is False
        assert frame.spec.filter == "Ha"
        assert open_bench.commands("startexposure")[0].parameters["Light"] == "True"
        assert frame.statistics.median_adu > 600, "the twilight sky is in it"

    @pytest.mark.parametrize(("roof", "shut"), [(RoofState.NONE, None), (RoofState.OPENING, False)])
    def test_knows_whether_the_roof_was_shut(
        self, shut_bench: RigBench, roof: RoofState, shut: bool | None
    ) -> None:
        shut_bench.guard.says(roof=roof)
        assert taken(shut_bench, Kind.DARK, 1.0).facts.roof_shut is shut

    def test_was_not_in_the_dark_when_the_roof_opened_meanwhile(
        self, shut_bench: RigBench, clock: SimulatedClock
    ) -> None:
        def work(rig: Rig) -> Frame:
            later(clock, 30, lambda: shut_bench.guard.says(roof=RoofState.OPENING))
            return rig.expose(rig.spec(Kind.DARK, 60.0))

        frame = on_a_rig(shut_bench, work)
        assert frame is not None
        assert frame.facts.roof_shut is False

    def test_is_binned_as_configured(self, shut_bench: RigBench) -> None:
        frame = on_a_rig(shut_bench, lambda rig: rig.expose(rig.spec(Kind.BIAS)), binning=2)
        assert frame is not None
        assert frame.pixels.shape == (32, 48)
        assert frame.spec.binning == 2

    def test_is_taken_with_the_configured_gain_offset_and_mode_set_only_once(
        self, shut_bench: RigBench
    ) -> None:
        def work(rig: Rig) -> Frame:
            rig.expose(rig.spec(Kind.BIAS))
            return rig.expose(rig.spec(Kind.BIAS))

        frame = on_a_rig(shut_bench, work, gain=100, offset=20, readout_mode=1)
        assert frame is not None
        assert (frame.spec.gain, frame.spec.offset, frame.spec.readout_mode) == (100, 20, "Low noise")
        for member, sent in (("gain", "100"), ("offset", "20"), ("readoutmode", "1")):
            assert [next(iter(c.parameters[k] for k in c.parameters if k.lower() == member))
                    for c in shut_bench.commands(member)] == [sent]  # fmt: skip

    @pytest.mark.parametrize("seconds", [0.0, 4000.0])
    def test_of_an_impossible_length_is_refused_before_it_starts(
        self, shut_bench: RigBench, seconds: float
    ) -> None:
        with pytest.raises(BadInput, match=r"T1: the camera takes 3.2e-05 to 3600 s, not"):
            taken(shut_bench, Kind.DARK, seconds)
        assert shut_bench.commands("startexposure") == []

    def test_of_ten_minutes_costs_a_handful_of_requests(self, shut_bench: RigBench, wire: Wire) -> None:
        def work(rig: Rig) -> None:
            rig.expose(DARK_600)
            wire.calls.clear()
            rig.expose(DARK_600)

        on_a_rig(shut_bench, work)
        assert wire.gets("camera/0", "imageready") <= 3
        assert len(wire.calls) <= 12, "five looks whether the camera is still ours, and seven calls"
