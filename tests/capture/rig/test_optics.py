"""Wheel, focuser and rotator: each where the frame wants it before anything is exposed."""

from __future__ import annotations

from typing import Any

import pytest

from capture.clock import SimulatedClock
from capture.config import Config, FlatsConfig, FocusConfig
from capture.errors import BadInput, DeviceTimeout, Stopped
from capture.frame import Frame, Kind
from capture.rig.rig import Rig
from simulators.faults import Fault
from tests.capture.rig.bench import RigBench, later
from tests.wire import Wire
from tests.worker import as_worker


@pytest.fixture
def parts(config: Config) -> dict[str, Any]:
    """The addresses of focuser and rotator, number 0 as all of the first rig's devices."""
    return {"focuser": config.rig[0].camera, "rotator": config.rig[0].camera}


def focus_at(bench: RigBench) -> float:
    return bench.world_rig.focus.value(bench.observatory.world.now_s())


class TestFocus:
    FOCUS = FocusConfig(position=21_000, offsets={"R": 150, "Ha": -40})

    @pytest.mark.parametrize(("filter_name", "steps"), [("R", 21_150), ("Ha", 20_960), ("L", 21_000)])
    @as_worker
    def test_each_filter_is_exposed_at_its_own(
        self, open_bench: RigBench, clock: SimulatedClock, parts: dict[str, Any], filter_name: str, steps: int
    ) -> None:
        with open_bench.rig(focus=self.FOCUS, **parts) as rig, rig.ready_for_sky():
            rig.expose(rig.spec(Kind.FLAT, 0.5, filter_name))
            assert focus_at(open_bench) == steps
        (move,) = open_bench.commands("move")
        (start,) = open_bench.commands("startexposure")
        assert (start.time - move.time).total_seconds() >= abs(steps - 20_000) / 400

    @as_worker
    def test_without_a_position_the_one_found_is_that_of_the_filter_in_the_light(
        self, open_bench: RigBench, clock: SimulatedClock, parts: dict[str, Any]
    ) -> None:
        with open_bench.rig(focus=FocusConfig(offsets={"R": 150, "L": 50}), **parts) as rig:
            with rig.ready_for_sky():
                rig.expose(rig.spec(Kind.FLAT, 0.5, "R"))
                assert focus_at(open_bench) == 20_100, "it was found in focus for L"
            with rig.ready_for_sky():
                rig.expose(rig.spec(Kind.FLAT, 0.5, "G"))
                assert focus_at(open_bench) == 19_950, "and then for R"

    @as_worker
    def test_temperature_compensation_is_off_meanwhile_and_on_again_afterwards(
        self, open_bench: RigBench, clock: SimulatedClock, parts: dict[str, Any]
    ) -> None:
        focuser = open_bench.observatory.devices["focuser", 0]
        focuser.connected = True
        focuser.call("put", "tempcomp", {"TempComp": "true"})
        with open_bench.rig(focus=self.FOCUS, **parts) as rig:
            with rig.ready_for_sky():
                assert focuser.call("get", "tempcomp", {}) is False
            assert focuser.call("get", "tempcomp", {}) is True

    @as_worker
    def test_stays_where_it_is_for_a_dark_and_where_it_is_not_configured(
        self, open_bench: RigBench, clock: SimulatedClock, parts: dict[str, Any]
    ) -> None:
        with open_bench.rig(focus=self.FOCUS, **parts) as rig:
            rig.expose(rig.spec(Kind.DARK, 1.0))
        with open_bench.rig(**parts) as rig, rig.ready_for_sky():
            rig.expose(rig.spec(Kind.FLAT, 1.0, "R"))
        assert open_bench.commands("move") == []

    def test_a_stop_halts_it(
        self, open_bench: RigBench, clock: SimulatedClock, parts: dict[str, Any]
    ) -> None:
        def main() -> None:
            with (
                open_bench.rig(focus=FocusConfig(position=45_000), **parts) as rig,
                rig.ready_for_sky(),
            ):
                later(clock, 5, lambda: rig.patience.stop("Ctrl-C"))
                rig.expose(rig.spec(Kind.FLAT, 0.5, "L"))

        with pytest.raises(Stopped):
            clock.run(main)
        assert len(open_bench.commands("halt")) == 1
        assert focus_at(open_bench) < 25_000
        assert open_bench.commands("startexposure") == []

    def test_a_focuser_that_never_arrives_lets_nothing_be_exposed(
        self, open_bench: RigBench, clock: SimulatedClock, wire: Wire, parts: dict[str, Any]
    ) -> None:
        wire.says["focuser/0", "position"] = 20_000

        def main() -> None:
            with open_bench.rig(focus=self.FOCUS, **parts) as rig, rig.ready_for_sky():
                rig.expose(rig.spec(Kind.FLAT, 0.5, "R"))

        with pytest.raises(DeviceTimeout, match="T1: the focuser's way to 21150 was not done within 120 s"):
            clock.run(main)
        assert open_bench.commands("startexposure") == []

    @pytest.mark.parametrize(
        ("focus", "absolute", "says"),
        [
            (
                FocusConfig(position=60_000),
                True,
                "the focus of the camera would be at 60000, but the focuser goes from",
            ),
            (FocusConfig(offsets={"Z": 3}), True, "offsets names the filter 'Z'; the wheel has L R G B"),
            (FocusConfig(position=1000), False, "the focuser is relative"),
        ],
    )
    def test_what_cannot_be_is_said_before_anything_moves(
        self,
        open_bench: RigBench,
        clock: SimulatedClock,
        wire: Wire,
        parts: dict[str, Any],
        focus: FocusConfig,
        absolute: bool,
        says: str,
    ) -> None:
        wire.says["focuser/0", "absolute"] = absolute

        def main() -> None:
            with open_bench.rig(focus=focus, **parts):
                pass

        with pytest.raises(BadInput, match=says):
            clock.run(main)
        assert open_bench.commands("move", "slewtoaltazasync", "opencover") == []


class TestRotator:
    FLATS = FlatsConfig(rotator_deg=200.0)

    def exposed(self, bench: RigBench, parts: dict[str, Any], **changes: Any) -> Frame:
        def work(rig: Rig) -> Frame:
            with rig.ready_for_sky():
                return rig.expose(rig.spec(Kind.FLAT, 0.5, "R"))

        def main() -> Frame:
            with bench.rig(**parts, **changes) as rig:
                return work(rig)

        return bench.clock.run(main)

    @pytest.mark.parametrize("version", [4, 2])
    def test_stands_at_its_angle_and_is_recorded(
        self, open_bench: RigBench, wire: Wire, parts: dict[str, Any], version: int
    ) -> None:
        wire.says["rotator/0", "interfaceversion"] = version
        frame = self.exposed(open_bench, parts, flats=self.FLATS)
        assert frame.spec.rotator_deg == 200
        assert frame.facts.rotator_deg == pytest.approx(200, abs=0.1)
        world_deg = open_bench.world_rig.rotation.value(open_bench.observatory.world.now_s())
        assert world_deg % 360 == pytest.approx(200, abs=0.1)
        assert len(open_bench.commands("movemechanical" if version == 4 else "moveabsolute")) == 1

    def test_is_measured_and_not_turned_where_no_angle_is_wanted(
        self, open_bench: RigBench, parts: dict[str, Any]
    ) -> None:
        frame = self.exposed(open_bench, parts)
        assert frame.spec.rotator_deg is None
        assert frame.facts.rotator_deg == 0
        assert open_bench.commands("movemechanical") == []

    def test_that_never_arrives_lets_nothing_be_exposed(
        self, open_bench: RigBench, wire: Wire, parts: dict[str, Any]
    ) -> None:
        wire.says["rotator/0", "mechanicalposition"] = 17.0
        with pytest.raises(DeviceTimeout, match="T1: the rotator's way to 200 deg was not done within 180 s"):
            self.exposed(open_bench, parts, flats=self.FLATS)
        assert open_bench.commands("startexposure") == []
        assert len(open_bench.commands("halt")) == 1


class TestTheWheelGoesAhead:
    """While a CCD is read out behind its shut shutter the wheel may already turn."""

    @as_worker
    def test_and_the_next_frame_starts_the_earlier(self, ccd_bench: RigBench, clock: SimulatedClock) -> None:
        ends: dict[bool, float] = {}
        with ccd_bench.rig() as rig:
            for ahead in (False, True):
                rig.expose(rig.spec(Kind.DARK, 2.0, "U"))
                begun = clock.monotonic()
                frame = rig.expose(rig.spec(Kind.DARK, 2.0, "U"), "V" if ahead else None)
                assert frame.spec.filter == "U"
                rig.expose(rig.spec(Kind.DARK, 2.0, "V"))
                ends[ahead] = clock.monotonic() - begun
        assert ends[False] - ends[True] > 3.5, "the wheel needs 4 s for two slots"

    @as_worker
    def test_but_never_before_the_exposure_has_ended(
        self, ccd_bench: RigBench, clock: SimulatedClock
    ) -> None:
        with ccd_bench.rig() as rig:
            rig.expose(rig.spec(Kind.DARK, 7.0, "U"), "V")
        (start,), (turn,) = ccd_bench.commands("startexposure"), ccd_bench.commands("position")
        assert 7 <= (turn.time - start.time).total_seconds() <= 8.5

    @as_worker
    def test_and_not_at_all_where_nothing_shuts_the_light_out(
        self, shut_bench: RigBench, clock: SimulatedClock
    ) -> None:
        with shut_bench.rig() as rig:
            rig.expose(rig.spec(Kind.DARK, 7.0, "L"), "R")
        assert shut_bench.commands("position") == []

    @as_worker
    def test_a_wheel_on_its_way_is_not_sent_again(self, ccd_bench: RigBench, clock: SimulatedClock) -> None:
        with ccd_bench.rig(readout_mode=None) as rig:
            rig.prepare_filter("I")
            rig.expose(rig.spec(Kind.DARK, 0.1, "I"))
        assert len(ccd_bench.commands("position")) == 1

    def test_a_wheel_that_fails_in_it_costs_no_frame(
        self, ccd_bench: RigBench, clock: SimulatedClock
    ) -> None:
        ccd_bench.observatory.faults.add(Fault("filterwheel/1", "position", "error", method="PUT"))

        def main() -> Frame:
            with ccd_bench.rig() as rig:
                return rig.expose(rig.spec(Kind.DARK, 1.0, "U"), "V")

        assert clock.run(main).spec.filter == "U"
