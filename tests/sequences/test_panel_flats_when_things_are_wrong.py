"""Panel flats by a panel that lies: the level decides what counts, and the panel is put out at the end."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta

import pytest

from capture.clock import SimulatedClock
from capture.config import Config, PanelConfig
from capture.errors import DeviceError
from capture.frame import Frame, Kind
from capture.guard.client import RoofState
from capture.rig.rig import Rig
from capture.site import Window
from sequences.job import Job, Want
from sequences.panel_flats import panel_flats
from simulators import Observatory
from simulators.faults import Fault
from tests.capture.rig.bench import RigBench
from tests.wire import Wire

STATE = ("covercalibrator/0", "calibratorstate")
TARGET_ADU = 0.5 * 51_000 / 0.8 - 500
OFF, NOT_READY, READY, UNKNOWN, ERROR = 1, 2, 3, 4, 5


@pytest.fixture
def shut_bench(config: Config, observatory: Observatory) -> RigBench:
    return RigBench(config, observatory, RoofState.SHUT)


def flats(bench: RigBench, meanwhile: Callable[[], None] | None = None) -> tuple[list[Frame], str]:
    """The frames of a run for three flats, and why it ended."""

    def main() -> tuple[list[Frame], str]:
        with bench.rig(panel=PanelConfig(max_exposure_s=20.0), cooling=None) as rig:
            if meanwhile is not None:
                bench.clock.spawn(meanwhile, "meanwhile")
            return taken(rig)

    return bench.clock.run(main)


def taken(rig: Rig) -> tuple[list[Frame], str]:
    now = rig.clock.now()
    wants = (Want(rig.spec(Kind.FLAT, 0.0, "G").set_key(), 3),)
    window = Window(now, now + timedelta(hours=2))
    sequence = panel_flats(rig, Job("panel_flats", "T1", now.date(), window, wants))
    frames = []
    while True:
        try:
            frames.append(next(sequence))
        except StopIteration as end:
            return frames, end.value


def are_whole(bench: RigBench, frames: list[Frame]) -> None:
    """Three good flats near the target, under one light, and the panel out behind a shut cover."""
    good = [frame for frame in frames if frame.verdict.good]
    levels_adu = [frame.statistics.median_adu - 500 for frame in good]
    assert len(good) == 3
    assert all(abs(level_adu / TARGET_ADU - 1) < 0.25 for level_adu in levels_adu)
    rates = [level_adu / frame.spec.exposure_s for level_adu, frame in zip(levels_adu, good, strict=True)]
    assert max(rates) / min(rates) < 1.03
    assert bench.world_rig.panel.target == 0
    assert bench.world_rig.cover.target == 0


def alarms(bench: RigBench) -> list[str]:
    return [entry.text for entry in bench.entries if entry.kind == "alarm"]


@pytest.mark.parametrize("steps_per_s", [0.5, 2.0, 8.0])
def test_one_that_says_ready_at_once_is_not_believed_while_it_warms(
    shut_bench: RigBench, wire: Wire, steps_per_s: float
) -> None:
    shut_bench.world_rig.panel.speed_per_s = steps_per_s
    wire.says[STATE] = READY
    frames, why = flats(shut_bench)
    assert why == "complete"
    are_whole(shut_bench, frames)
    assert all("the panel may still be lit" in alarm for alarm in alarms(shut_bench))
    assert alarms(shut_bench)


@pytest.mark.parametrize("state", [NOT_READY, UNKNOWN, OFF])
def test_one_that_never_says_ready_is_told_of_and_its_flats_are_taken(
    shut_bench: RigBench, wire: Wire, state: int
) -> None:
    wire.says[STATE] = state
    frames, why = flats(shut_bench)
    assert why == "complete"
    are_whole(shut_bench, frames)
    assert any("does not say that it is ready" in entry.text for entry in shut_bench.entries)


def test_one_that_flickers_is_given_up_with_the_reason_and_put_out(
    shut_bench: RigBench, clock: SimulatedClock
) -> None:
    panel = shut_bench.world_rig.panel

    def flicker() -> None:
        while panel.target == 0:
            clock.sleep(0.5)
        for step in range(4000):
            lit = shut_bench.commands("calibratoron", "calibratoroff")[-1]
            if lit.member == "calibratoroff":
                return
            wanted = float(lit.parameters["Brightness"]) * (1 + 0.5 * math.sin(step))
            panel.send(clock.now().timestamp(), wanted, 1e6)
            clock.sleep(3.0)

    frames, why = flats(shut_bench, flicker)
    assert why == "G: the panel's light does not settle"
    assert len([frame for frame in frames if frame.verdict.good]) < 3
    assert panel.target == 0


def test_one_that_reports_an_error_ends_the_run_and_is_told_off(shut_bench: RigBench, wire: Wire) -> None:
    def fails() -> None:
        while shut_bench.world_rig.panel.target == 0:
            shut_bench.clock.sleep(0.2)
        wire.says[STATE] = ERROR

    shut_bench.world_rig.panel.speed_per_s = 1.0
    with pytest.raises(DeviceError, match="T1: the panel reports an error; look at it"):
        flats(shut_bench, fails)
    assert shut_bench.world_rig.panel.target == 0


def test_one_that_does_not_answer_is_told_to_go_out_and_alarms(shut_bench: RigBench) -> None:
    def dies() -> None:
        while shut_bench.world_rig.panel.target == 0:
            shut_bench.clock.sleep(0.2)
        shut_bench.observatory.faults.add(Fault("covercalibrator/0", "*", "refuse"))

    with pytest.raises(DeviceError):
        flats(shut_bench, dies)
    assert any("the panel may still be lit" in text for text in alarms(shut_bench))


def test_what_a_killed_run_left_lit_is_put_out_at_the_next_connection(
    shut_bench: RigBench, clock: SimulatedClock
) -> None:
    shut_bench.world_rig.panel.send(clock.now().timestamp() - 60, 200.0)

    def main() -> None:
        with shut_bench.rig():
            assert shut_bench.world_rig.panel.target == 0

    clock.run(main)
    assert any("the panel was found lit" in entry.text for entry in shut_bench.entries)
