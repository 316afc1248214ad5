"""What a rig tells those who look on: what its worker has seen last, without a call to a device."""

from __future__ import annotations

import pytest

from capture.clock import SimulatedClock
from capture.frame import Kind
from capture.rig.rig import Rig
from simulators import Observatory
from tests.capture.rig.bench import RigBench, later, on_a_rig
from tests.wire import Wire


def test_the_exposure_under_way_is_told_from_its_start_until_it_is_over(
    shut_bench: RigBench, clock: SimulatedClock
) -> None:
    seen = []

    def work(rig: Rig) -> None:
        begins = clock.now()
        later(clock, 40, lambda: seen.append(rig.under_way))
        rig.expose(rig.spec(Kind.DARK, 60.0))
        assert rig.under_way is None
        (under_way,) = seen
        assert under_way is not None
        assert (under_way.started, under_way.exposure_s) == (begins, 60.0)
        assert under_way.spec.kind is Kind.DARK

    on_a_rig(shut_bench, work)


def test_an_exposure_that_was_aborted_is_told_no_longer(shut_bench: RigBench, clock: SimulatedClock) -> None:
    def work(rig: Rig) -> None:
        later(clock, 10, lambda: rig.patience.stop("an operator asked"))
        with pytest.raises(Exception, match="an operator asked"):
            rig.expose(rig.spec(Kind.DARK, 60.0))
        assert rig.under_way is None

    on_a_rig(shut_bench, work)


def test_the_temperature_is_the_newest_reading_also_while_it_is_let_up(
    shut_bench: RigBench, observatory: Observatory, clock: SimulatedClock
) -> None:
    cooler = observatory.camera(0).cooler

    def work(rig: Rig) -> None:
        assert rig.temperature is None
        rig.cool()
        cold = rig.temperature
        assert cold is not None
        assert cold.time == clock.now()
        assert cold.temperature_c == pytest.approx(-10.0, abs=0.5)
        assert cold.cooler_power_percent == pytest.approx(
            cooler.power_percent(observatory.world.now_s()), abs=5
        )
        rig.warm_up()
        assert rig.temperature is not None
        assert rig.temperature.temperature_c > 5
        rig.disconnect()
        assert rig.temperature is None

    on_a_rig(shut_bench, work)


def test_a_camera_that_does_not_tell_its_power_is_asked_once_and_loses_no_frame(
    shut_bench: RigBench, wire: Wire
) -> None:
    wire.says["camera/0", "coolerpower"] = "much"

    def work(rig: Rig) -> None:
        for _ in range(3):
            rig.expose(rig.spec(Kind.DARK, 70.0))
        assert rig.temperature is not None
        assert rig.temperature.cooler_power_percent is None
        assert wire.gets("camera/0", "coolerpower") == 1

    on_a_rig(shut_bench, work)
