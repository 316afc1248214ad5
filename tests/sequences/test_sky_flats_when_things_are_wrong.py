"""Sky flats on a rig with something wrong: a clear sentence, in finite time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from capture.clock import SimulatedClock
from capture.config import Config
from capture.errors import BadInput, DeviceError, DeviceTimeout
from capture.frame import Frame, Kind
from capture.guard.client import RoofState
from capture.rig.rig import Rig
from capture.site import Window
from sequences.job import Job, Want
from sequences.sky_flats import sky_flats
from simulators import Observatory
from simulators.faults import Fault
from simulators.members import Member, absent
from tests.capture.rig.bench import RigBench
from tests.wire import Wire


@pytest.fixture
def clock() -> SimulatedClock:
    """The Sun stands at -3 deg."""
    return SimulatedClock(datetime(2026, 11, 22, 0, 8, tzinfo=UTC))


@pytest.fixture
def bench(config: Config, observatory: Observatory) -> RigBench:
    return RigBench(config, observatory, RoofState.OPEN)


def flats(
    bench: RigBench, filter_name: str = "R", count: int = 2, meanwhile: Callable[[Rig], object] | None = None
) -> tuple[list[Frame], str]:
    """The frames of a run of half an hour from now, and why it ended."""

    def main() -> tuple[list[Frame], str]:
        with bench.rig() as rig:
            now = bench.clock.now()
            want = Want(rig.spec(Kind.FLAT, 0.0, filter_name), count)
            window = Window(now, now + timedelta(minutes=30))
            job = Job("sky_flats", "T1", now.date(), window, (want,), {want.spec.setup: 500.0})
            sequence, frames = sky_flats(rig, job), []
            if meanwhile is not None:
                meanwhile(rig)
            while True:
                try:
                    frames.append(next(sequence))
                except StopIteration as end:
                    return frames, end.value

    return bench.clock.run(main)


def test_a_cover_that_is_shut_although_it_says_open_is_told(
    bench: RigBench, observatory: Observatory, clock: SimulatedClock, wire: Wire
) -> None:
    wire.says["covercalibrator/0", "coverstate"] = 3
    frames, why = flats(bench)
    assert "no light reaches the camera" in why
    assert "is the cover shut" in why
    assert not any(frame.verdict.good for frame in frames)
    assert any(entry.kind == "alarm" and "no light" in entry.text for entry in bench.entries)
    assert clock.monotonic() < 300


def test_a_cover_that_does_not_open_is_told_in_finite_time(
    bench: RigBench, observatory: Observatory, clock: SimulatedClock
) -> None:
    observatory.faults.add(Fault("covercalibrator/0", "opencover", "ignore"))
    with pytest.raises(DeviceTimeout, match="T1: the cover did not open within 90 s, it says 'closed'"):
        flats(bench)
    assert clock.monotonic() < 200
    assert bench.commands("startexposure") == []


def test_a_cover_that_reports_an_error_is_not_waited_for(
    bench: RigBench, clock: SimulatedClock, wire: Wire
) -> None:
    wire.says["covercalibrator/0", "coverstate"] = 5
    with pytest.raises(DeviceError, match="T1: the cover did not open: it reports an error"):
        flats(bench)
    assert clock.monotonic() < 60


def test_a_filter_that_the_wheel_lacks_is_told_before_anything_is_exposed(bench: RigBench) -> None:
    with pytest.raises(BadInput, match="T1 has no filter 'Z'; it has L R G"):
        flats(bench, "Z")
    assert bench.commands("startexposure") == []


def test_a_wheel_that_never_arrives_is_given_up(bench: RigBench, clock: SimulatedClock, wire: Wire) -> None:
    wire.says["filterwheel/0", "position"] = -1
    with pytest.raises(DeviceTimeout, match="T1: the wheel's way to R was not done within 60 s"):
        flats(bench)
    assert bench.commands("startexposure") == []


def test_a_camera_without_sub_frames_takes_them_all_the_same(
    bench: RigBench, observatory: Observatory
) -> None:
    camera = observatory.devices["camera", 0]
    for member in ("startx", "starty", "numx", "numy"):
        camera.members["put", member] = Member(absent(member), (), True)
    frames, _ = flats(bench)
    assert sum(frame.verdict.good for frame in frames) == 2


def test_the_guard_is_left_and_the_cover_shut_whatever_was_wrong(
    bench: RigBench, observatory: Observatory, wire: Wire, tmp_path: Path
) -> None:
    wire.says["filterwheel/0", "position"] = -1
    with pytest.raises(DeviceTimeout):
        flats(bench)
    assert bench.guard.holders == set()
    assert bench.world_rig.cover.value(observatory.world.now_s()) == 0


def test_flats_and_probes_are_asked_for_on_the_cameras_own_grid_of_exposures(
    bench: RigBench, wire: Wire
) -> None:
    wire.says["camera/0", "exposureresolution"] = 0.3
    frames, _ = flats(bench, count=4)
    asked_s = [float(command.parameters["Duration"]) for command in bench.commands("startexposure")]
    assert len(asked_s) > 4, "probes too"
    assert [s for s in asked_s if abs(s / 0.3 - round(s / 0.3)) > 1e-6] == []
    assert [frame.spec.exposure_s for frame in frames] == asked_s[-len(frames) :]


def test_the_wheel_leaves_for_the_next_filter_while_the_last_frame_of_one_is_read_out(
    config: Config, observatory: Observatory, clock: SimulatedClock
) -> None:
    ccd = RigBench(config, observatory, RoofState.OPEN, rig=1)

    def main() -> list[Frame]:
        with ccd.rig() as rig:
            now = clock.now()
            wants = tuple(Want(rig.spec(Kind.FLAT, 0.0, name), 2) for name in ("B", "V", "R"))
            window = Window(now, now + timedelta(minutes=30))
            job = Job("sky_flats", "T2", now.date(), window, wants, {wants[0].spec.setup: 1000.0})
            return [frame for frame in sky_flats(rig, job) if frame.verdict.good]

    good = clock.run(main)
    filters = [frame.spec.filter for frame in good]
    assert sorted(str(name) for name in filters) == ["B", "B", "R", "R", "V", "V"]
    turns = [command.time for command in ccd.commands("position")]
    ends = [frame.facts.started + timedelta(seconds=frame.facts.exposure_s) for frame in good]
    ahead = [turn for turn in turns if any(timedelta() <= turn - end < timedelta(seconds=2) for end in ends)]
    assert len(ahead) >= 2, "the readout takes ten seconds"
