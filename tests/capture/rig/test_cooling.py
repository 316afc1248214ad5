"""Cooling: reached, steady, no faster than is safe, and given up with a word that helps."""

from __future__ import annotations

from itertools import pairwise

import pytest

from capture.clock import SimulatedClock
from capture.config import CoolingConfig
from capture.errors import (
    BadInput,
    NotCold,
    Stopped,
)
from capture.frame import Kind
from capture.rig.rig import Rig
from simulators import Observatory
from tests.capture.rig.bench import RigBench, later, on_a_rig
from tests.wire import Wire
from tests.worker import as_worker


class TestCooling:
    @as_worker
    def test_waits_until_the_temperature_is_reached_and_steady(
        self, shut_bench: RigBench, observatory: Observatory, clock: SimulatedClock
    ) -> None:
        cooler = observatory.camera(0).cooler
        with shut_bench.rig() as rig:
            rig.cool()
            now = observatory.world.now_s()
            last_minute = [cooler.temperature_c(now - seconds) for seconds in range(60)]
            assert max(abs(value + 10) for value in last_minute) <= 0.6
            assert abs(last_minute[0] - last_minute[-1]) <= 0.35
        assert 100 < clock.monotonic() < 600
        assert any("steady at -10." in entry.text for entry in shut_bench.entries)

    @as_worker
    def test_goes_down_no_faster_than_the_safe_rate(
        self, shut_bench: RigBench, observatory: Observatory, clock: SimulatedClock
    ) -> None:
        cooling = CoolingConfig(set_temperature_c=-10.0, ramp_c_per_min=2.0)
        temperatures: list[float] = []

        def watch() -> None:
            for _ in range(60):
                temperatures.append(observatory.camera(0).cooler.temperature_c(clock.now().timestamp()))
                clock.sleep(15)

        clock.spawn(watch, "watch")
        with shut_bench.rig(cooling=cooling) as rig:
            rig.cool()
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
