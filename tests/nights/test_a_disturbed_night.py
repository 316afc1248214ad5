"""Nights in which something happens: clouds, a stop, a dead camera, a lying roof."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from capture.clock import Clock
from capture.errors import DeviceError
from capture.frame import Kind
from capture.night.farm import Farm
from simulators import Observatory
from simulators.settings import CloudSettings
from tests.nights.harness import Night, live, settings

DUSK = datetime(2026, 11, 22, 0, 0, tzinfo=UTC)
NEEDS = {
    ("T1", "bias"): 6, ("T1", "dark 60 s"): 5, ("T1", "dark 300 s"): 5,
    ("T1", "flat L"): 4, ("T1", "flat G"): 4, ("T1", "flat Ha"): 4,
    ("T2", "bias"): 6, ("T2", "dark 120 s"): 5, ("T2", "flat V"): 4, ("T2", "flat I"): 4,
}  # fmt: skip


def held(night: Night) -> Counter[tuple[str, str]]:
    return Counter((frame.rig, str(frame.spec.set_key())) for frame in night.frames if frame.good)


def test_clouds_at_dusk_close_the_roof_within_seconds_and_dawn_makes_up_for_it(tmp_path: Path) -> None:
    cloud = CloudSettings(DUSK - timedelta(minutes=5), DUSK + timedelta(minutes=90), 3.0, overcast=True)
    night = live(tmp_path, settings(clouds=(cloud,)))
    unsafe = next(e.time for e in night.entries if e.kind == "safety" and "unsafe" in e.text)
    shut = [time for time in night.commands("dome/0", "closeshutter") if time >= unsafe]
    parked = [t for n in (0, 1) for t in night.commands(f"telescope/{n}", "park") if t >= unsafe]
    assert parked
    assert min(parked) - unsafe < timedelta(seconds=10)
    assert shut[0] - unsafe < timedelta(seconds=60)
    assert night.observatory.world.collisions == []
    assert held(night) == NEEDS


def test_a_stopped_night_resumes_with_only_the_missing_frames(tmp_path: Path) -> None:
    def stop_later(farm: Farm, observatory: Observatory) -> None:
        farm.clock.sleep_until(DUSK + timedelta(hours=1, minutes=10))
        farm.stop("stopped by the test")

    first = live(tmp_path, settings(), meanwhile=stop_later)
    assert first.result.stopped
    taken = held(first)
    assert 0 < sum(taken.values()) < sum(NEEDS.values())
    stopped = DUSK + timedelta(hours=1, minutes=10)
    assert max(first.commands("camera/0", "startexposure")) <= stopped
    # The camera is warmed up first, from -20 C at 5 C a minute.
    assert first.ended - stopped < timedelta(minutes=10)
    assert not any(first.observatory.camera(n).cooler.on for n in (0, 1))

    second = live(tmp_path, settings(seed=5), start=first.ended + timedelta(minutes=5))
    assert held(second) == NEEDS
    dark = (Kind.BIAS, Kind.DARK)
    shut = [frame for frame in second.frames if frame.taken > first.ended and frame.kind in dark]
    missing = sum(count for (_, what), count in (Counter(NEEDS) - taken).items() if "flat" not in what)
    assert len(shut) == missing, "nothing is taken that is held already"


def test_a_dead_camera_costs_its_own_rig_and_no_other(tmp_path: Path) -> None:
    def kill(farm: Farm, observatory: Observatory) -> None:
        farm.clock.sleep_until(DUSK - timedelta(minutes=10))
        observatory.devices.pop(("camera", 1))

    night = live(tmp_path, settings(), meanwhile=kill)
    assert list(night.result.failures) == ["T2"]
    assert "camera 1" in night.result.failures["T2"]
    assert {key: count for key, count in held(night).items() if key[0] == "T1"} == {
        key: count for key, count in NEEDS.items() if key[0] == "T1"
    }


def test_a_roof_that_opens_by_itself_ends_the_darks_and_costs_no_lie(tmp_path: Path) -> None:
    def meddle(farm: Farm, observatory: Observatory) -> None:
        farm.clock.sleep_until(DUSK + timedelta(hours=1))
        observatory.devices[("dome", 0)].call("put", "openshutter", {})

    night = live(tmp_path, settings(), meanwhile=meddle)
    moved = DUSK + timedelta(hours=1)
    for frame in night.frames:
        if frame.kind is Kind.DARK and frame.good:
            end = frame.taken + timedelta(seconds=frame.facts.exposure_s)
            assert end < moved or frame.taken > moved + timedelta(seconds=60)
    assert held(night) == NEEDS


def test_observers_get_the_roof_and_darks_give_way(tmp_path: Path) -> None:
    def observe(farm: Farm, observatory: Observatory) -> None:
        clock: Clock = farm.clock
        clock.sleep_until(DUSK + timedelta(hours=1, minutes=5))
        farm.guard.hold("observers", 3600.0)
        clock.sleep(60.0)
        opened.append(farm.guard.report().roof.value)
        clock.sleep(3000.0)
        farm.guard.release("observers")

    opened: list[str] = []
    night = live(tmp_path, settings(), meanwhile=observe)
    assert opened == ["open"]
    assert held(night) == NEEDS


def test_no_exposure_is_shortened(tmp_path: Path) -> None:
    night = live(tmp_path, settings(), change=lambda text: text.replace("[60, 300]", "[600]"))
    darks = [frame for frame in night.frames if frame.rig == "T1" and frame.kind is Kind.DARK]
    assert len(darks) == 5
    for one, other in pairwise(darks):
        assert other.taken - one.taken >= timedelta(seconds=600)


def test_a_full_disk_ends_the_run_and_loses_no_acknowledged_frame(tmp_path: Path) -> None:
    def block(farm: Farm, observatory: Observatory) -> None:
        farm.clock.sleep_until(DUSK + timedelta(minutes=2))
        folder = farm.archive.root / "raw"
        folder.rename(farm.archive.root / "kept")
        folder.write_text("a file where the folder should be")

    night = live(tmp_path, settings(), meanwhile=block)
    assert set(night.result.failures) == {"T1", "T2"}
    for frame in night.frames:
        assert (night.folder / frame.path.replace("raw/", "kept/", 1)).exists()
    assert DeviceError.__name__ not in str(night.result.failures)
