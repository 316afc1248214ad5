"""The rig over HTTP: facts, filters, cooling, exposures, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from capture.clock import SimulatedClock
from capture.config import Config, CoolingConfig, TimeoutsConfig
from capture.errors import (
    BadInput,
    DeviceError,
    DeviceTimeout,
    DeviceUnreachable,
    NotCold,
    Preempted,
    Stopped,
    Unsafe,
)
from capture.frame import Frame, FrameSpec, Kind
from capture.guard.client import RoofState
from capture.rig.rig import Rig
from simulators import Fault, Observatory, Server
from tests.capture.guard.bench import Bench
from tests.capture.rig.bench import RigBench, later
from tests.wire import Wire

UNSAFE = ("safetymonitor/0", "issafe")
DARK_600 = FrameSpec(Kind.DARK, 600.0)


def on_a_rig(bench: RigBench, work: Callable[[Rig], Frame | None], **changes: Any) -> Frame | None:
    """Run `work` with the connected rig as a worker."""

    def main() -> Frame | None:
        with bench.rig(**changes) as rig:
            return work(rig)

    return bench.clock.run(main)


def taken(bench: RigBench, kind: Kind, exposure_s: float = 0.0, filter_name: str | None = None) -> Frame:
    frame = on_a_rig(bench, lambda rig: rig.expose(rig.spec(kind, exposure_s, filter_name)))
    assert frame is not None
    return frame


class TestConnecting:
    def test_reads_what_the_camera_says_of_itself(self, shut_bench: RigBench, clock: SimulatedClock) -> None:
        def main() -> None:
            with shut_bench.rig() as rig:
                facts = rig.camera
                assert facts.name == "T1 CMOS camera"
                assert (facts.width_px, facts.height_px) == (96, 64)
                assert facts.pixel_size_um == (3.76, 3.76)
                assert facts.electrons_per_adu == pytest.approx(0.8)
                assert facts.saturation_adu == pytest.approx(51_000 / 0.8), (
                    "the well fills before the converter"
                )
                assert (facts.gain, facts.offset) == (0, 50)
                assert facts.readout_modes == ("Normal", "Low noise")
                assert facts.bayer_pattern is None
                assert facts.can_cool
                assert rig.filters == ("L", "R", "G", "B", "Ha", "OIII", "SII")

        clock.run(main)

    def test_leaves_out_what_the_camera_does_not_have(
        self, ccd_bench: RigBench, clock: SimulatedClock
    ) -> None:
        def main() -> None:
            with ccd_bench.rig() as rig:
                assert (rig.camera.gain, rig.camera.offset) == (None, None)
                assert rig.camera.saturation_adu == 65535
                spec = rig.spec(Kind.FLAT, 2.0, "V")
                assert (spec.gain, spec.offset, spec.readout_mode) == (None, None, None)
                assert spec.set_temperature_c == -20

        clock.run(main)

    def test_ends_an_exposure_that_a_vanished_client_left_running(
        self, shut_bench: RigBench, clock: SimulatedClock
    ) -> None:
        camera = shut_bench.observatory.devices["camera", 0]
        camera.connected = True
        camera.call("put", "startexposure", {"Duration": "3000", "Light": "false"})
        frame = on_a_rig(shut_bench, lambda rig: rig.expose(FrameSpec(Kind.DARK, 1.0)))
        assert frame is not None
        assert clock.monotonic() < 10

    def test_takes_a_rig_of_only_a_camera(self, shut_bench: RigBench) -> None:
        bare = {"filter_wheel": None, "telescope": None, "cover_calibrator": None, "cooling": None}

        def work(rig: Rig) -> Frame:
            assert rig.filters == ()
            rig.cool()
            rig.stay_at_flat_spot()
            with pytest.raises(BadInput, match="it has none"):
                rig.select_filter("R")
            with rig.ready_for_dark():
                return rig.expose(rig.spec(Kind.DARK, 1.0))

        frame = on_a_rig(shut_bench, work, **bare)
        assert frame is not None
        assert frame.facts.altitude_deg is None

    def test_to_a_server_that_is_gone_names_device_and_remedy(
        self, shut_bench: RigBench, served: Server
    ) -> None:
        served.close()
        with pytest.raises(DeviceUnreachable, match=r"camera 0 at .*; check that its server runs"):
            on_a_rig(shut_bench, lambda _: None)


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


class TestCooling:
    def test_waits_until_the_temperature_is_reached_and_steady(
        self, shut_bench: RigBench, observatory: Observatory, clock: SimulatedClock
    ) -> None:
        cooler = observatory.camera(0).cooler

        def main() -> None:
            with shut_bench.rig() as rig:
                rig.cool()
                now = observatory.world.now_s()
                last_minute = [cooler.temperature_c(now - seconds) for seconds in range(60)]
                assert max(abs(value + 10) for value in last_minute) <= 0.6
                assert abs(last_minute[0] - last_minute[-1]) <= 0.35

        clock.run(main)
        assert 100 < clock.monotonic() < 600
        assert any("steady at -10." in entry.text for entry in shut_bench.entries)

    def test_goes_down_no_faster_than_the_safe_rate(
        self, shut_bench: RigBench, observatory: Observatory, clock: SimulatedClock
    ) -> None:
        cooling = CoolingConfig(set_temperature_c=-10.0, ramp_c_per_min=2.0)
        temperatures: list[float] = []

        def watch() -> None:
            for _ in range(60):
                temperatures.append(observatory.camera(0).cooler.temperature_c(clock.now().timestamp()))
                clock.sleep(15)

        def main() -> None:
            clock.spawn(watch, "watch")
            with shut_bench.rig(cooling=cooling) as rig:
                rig.cool()

        clock.run(main)
        assert min(temperatures) < -9
        # A step of 15 s, and what the simulated cooler overshoots.
        assert all(one - other <= 0.5 + 0.4 for one, other in pairwise(temperatures))

    def test_gives_up_as_soon_as_the_cooler_at_its_limit_gains_nothing(
        self, shut_bench: RigBench, clock: SimulatedClock
    ) -> None:
        cooling = CoolingConfig(set_temperature_c=-60.0, ramp_c_per_min=20.0)
        expected = r"T1: the cooler cannot reach -60 C: .* stays at -\d+\.\d C; choose a warmer set_temp"
        with pytest.raises(NotCold, match=expected):
            on_a_rig(shut_bench, lambda rig: rig.cool(), cooling=cooling)
        assert clock.monotonic() < 900

    def test_is_left_where_the_cooler_regulates_when_the_set_point_is_out_of_reach(
        self, shut_bench: RigBench, observatory: Observatory, clock: SimulatedClock
    ) -> None:
        cooler = observatory.camera(0).cooler

        def work(rig: Rig) -> None:
            assert not rig.cool_for_flats()
            rig.clock.sleep(120)
            now = observatory.world.now_s()
            assert cooler.on
            assert cooler.temperature_c(now) == pytest.approx(cooler.setpoint_c, abs=0.5)
            assert cooler.power_percent(now) < 97

        on_a_rig(shut_bench, work, cooling=CoolingConfig(set_temperature_c=-60.0, ramp_c_per_min=20.0))
        assert any("Flats are taken as cold as it gets" in e.text for e in shut_bench.entries)

    def test_costs_one_reading_where_the_sensor_has_been_steady(
        self, shut_bench: RigBench, wire: Wire
    ) -> None:
        def work(rig: Rig) -> None:
            rig.cool()
            rig.clock.sleep(60)
            rig.keep_cold()
            calls, begun = len(wire.calls), rig.clock.monotonic()
            rig.cool()
            assert wire.calls[calls:] == [("GET", "camera/0", "ccdtemperature")]
            assert rig.clock.monotonic() == begun

        on_a_rig(shut_bench, work)

    def test_is_watched_anew_when_the_last_readings_are_old_or_show_a_drift(
        self, shut_bench: RigBench, wire: Wire
    ) -> None:
        def takes_s(rig: Rig) -> float:
            begun = rig.clock.monotonic()
            rig.cool()
            return rig.clock.monotonic() - begun

        def work(rig: Rig) -> None:
            rig.cool()
            rig.clock.sleep(1800)
            assert takes_s(rig) >= 60
            wire.says["camera/0", "ccdtemperature"] = -9.6
            later(rig.clock, 10.0, wire.says.clear)
            assert takes_s(rig) >= 60

        on_a_rig(shut_bench, work)

    def test_at_another_set_point_lasts_until_the_next_one(
        self, shut_bench: RigBench, observatory: Observatory
    ) -> None:
        cooler = observatory.camera(0).cooler

        def work(rig: Rig) -> None:
            rig.cool(-5.0)
            rig.keep_cold()
            assert cooler.setpoint_c == -5.0
            rig.cool()
            assert cooler.setpoint_c == -10.0

        on_a_rig(shut_bench, work)

    def test_gives_up_with_a_clear_word_when_the_temperature_stays_off(
        self, shut_bench: RigBench, wire: Wire, clock: SimulatedClock
    ) -> None:
        wire.says["camera/0", "ccdtemperature"] = -8.5
        cooling = CoolingConfig(set_temperature_c=-10.0, deadline_s=900.0)
        expected = r"T1: the camera did not settle at -10 C within 900 s \(last -8.5 C\); choose a set point"
        with pytest.raises(NotCold, match=expected):
            on_a_rig(shut_bench, lambda rig: rig.cool(), cooling=cooling)
        assert clock.monotonic() == pytest.approx(900 + 18, abs=5)

    @pytest.mark.parametrize("measured_c", [-11.0, -9.0])
    def test_takes_no_temperature_that_is_off_to_either_side(
        self, shut_bench: RigBench, wire: Wire, measured_c: float
    ) -> None:
        wire.says["camera/0", "ccdtemperature"] = measured_c
        cooling = CoolingConfig(set_temperature_c=-10.0, deadline_s=300.0)
        with pytest.raises(NotCold):
            on_a_rig(shut_bench, lambda rig: rig.cool(), cooling=cooling)

    def test_follows_the_season(self, shut_bench: RigBench, observatory: Observatory) -> None:
        november = {"months": [10, 11], "set_temperature_c": -15.0}
        cooling = CoolingConfig.model_validate({"set_temperature_c": -5.0, "season": [november]})

        def work(rig: Rig) -> None:
            rig.cool()
            assert rig.spec(Kind.DARK, 60.0).set_temperature_c == -15.0

        on_a_rig(shut_bench, work, cooling=cooling)
        assert observatory.camera(0).cooler.setpoint_c == -15.0

    def test_is_regained_after_a_power_cut(self, shut_bench: RigBench, observatory: Observatory) -> None:
        cooler = observatory.camera(0).cooler

        def work(rig: Rig) -> None:
            rig.cool()
            begun = rig.clock.monotonic()
            rig.keep_cold()
            assert rig.clock.monotonic() - begun < 1, "nothing is done about a sensor that is cold"
            cooler.switch(observatory.world.now_s(), False)
            rig.clock.sleep(60)
            rig.keep_cold()
            assert cooler.temperature_c(observatory.world.now_s()) == pytest.approx(-10, abs=0.5)

        on_a_rig(shut_bench, work)

    def test_is_let_up_slowly_and_then_switched_off(
        self, shut_bench: RigBench, observatory: Observatory, clock: SimulatedClock
    ) -> None:
        cooler = observatory.camera(0).cooler

        def work(rig: Rig) -> None:
            rig.cool()
            begun, from_c = clock.monotonic(), cooler.temperature_c(observatory.world.now_s())
            rig.warm_up()
            assert not cooler.on
            gained_c = cooler.temperature_c(observatory.world.now_s()) - from_c
            assert 15 < gained_c <= 5.0 * (clock.monotonic() - begun) / 60 + 1.5
            begun = clock.monotonic()
            rig.warm_up()
            assert clock.monotonic() == begun, "one that is off already is left alone"

        on_a_rig(shut_bench, work)

    def test_is_refused_for_a_camera_without_a_cooler(self, shut_bench: RigBench, wire: Wire) -> None:
        wire.says["camera/0", "cansetccdtemperature"] = False
        with pytest.raises(BadInput, match=r"T1: .* take \[rig.cooling\] out of the config"):
            on_a_rig(shut_bench, lambda rig: rig.cool())

    def test_can_be_stopped(self, shut_bench: RigBench, clock: SimulatedClock) -> None:
        def work(rig: Rig) -> None:
            later(clock, 33, lambda: rig.patience.stop("an operator asked"))
            rig.cool()

        with pytest.raises(Stopped):
            on_a_rig(shut_bench, work)
        assert clock.monotonic() <= 35


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


@pytest.mark.parametrize("onset_s", [160.0, 182.2, 204.4])
def test_under_the_real_guard_danger_ends_flats_parks_and_closes_in_time(
    config: Config, observatory: Observatory, wire: Wire, clock: SimulatedClock, onset_s: float
) -> None:
    site = Bench(config, observatory)
    rigs = [RigBench(config, observatory, RoofState.SHUT, rig=number) for number in (0, 1)]

    def flats(rig: Rig, filter_name: str) -> None:
        with rig.ready_for_sky():
            while True:
                rig.expose(rig.spec(Kind.FLAT, 20.0, filter_name))

    def main() -> None:
        with site.guard() as guard, rigs[0].rig(guard) as first, rigs[1].rig(guard) as second:
            workers = [
                clock.spawn(lambda: flats(first, "Ha"), "T1", rank=20),
                clock.spawn(lambda: flats(second, "V"), "T2", rank=21),
            ]
            clock.sleep(onset_s - clock.monotonic())
            assert site.roof_is_open
            wire.says[UNSAFE] = False
            for worker in workers:
                with pytest.raises(Unsafe):
                    worker.join()
            clock.sleep(120)
            assert site.roof_is_shut

    clock.run(main)
    world = observatory.world
    aborts, parks, closes = site.when("abortexposure"), site.when("park"), site.when("closeshutter")
    assert len(aborts) == 2
    assert max(aborts) - onset_s <= 10
    parks = [at for at in parks if at >= onset_s]
    assert len(parks) == 2
    assert max(parks) - onset_s <= 10
    (close,) = closes
    start = (clock.now() - timedelta(seconds=clock.monotonic())).timestamp()
    steps = np.arange(onset_s, close + 1, 0.1)
    at_park = next(s for s in steps if all(rig.mount.parked(start + s) for rig in world.rigs))
    assert 0 <= close - at_park <= 10
    assert world.collisions == []
    assert all(not rig.mount.tracking(world.now_s()) for rig in world.rigs)
    assert all(rig.cover.value(world.now_s()) == 0 for rig in world.rigs)
