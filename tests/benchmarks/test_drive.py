"""The driver: what time passes, what is measured, what counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from benchmarks.sky_flats.drive import Shot, drive
from benchmarks.sky_flats.score import score
from benchmarks.sky_flats.truth import Faults, Twilight, TwilightSpec
from sequences.flat_controller import Action, Expose, Measurement, Probe, Stop, Wait

SPEC = TwilightSpec(seed=5, night=datetime(2026, 3, 20, tzinfo=UTC), setting=True)
QUOTAS = {"L": 10, "R": 10}


class Script:
    """Does what it is told, keeps everything, remembers what it saw."""

    def __init__(self, actions: Sequence[Action]) -> None:
        self._actions = list(actions)
        self.asked: list[datetime] = []
        self.seen: list[Measurement] = []

    def next(self, now: datetime) -> Action:
        self.asked.append(now)
        return self._actions.pop(0) if self._actions else Stop("the script ends")

    def observe(self, measurement: Measurement) -> None:
        self.seen.append(measurement)

    def saves(self, measurement: Measurement) -> bool:
        return True


def _steady(faults: Faults | None = None) -> Twilight:
    camera = replace(SPEC.camera, download_jitter_s=0.0)
    return Twilight(replace(SPEC, camera=camera, faults=faults or Faults()))


def _opened(actions: Sequence[Action]) -> list[float]:
    return [shot.started_s for shot in drive(Script(actions), _steady(), QUOTAS)]


def test_a_frame_costs_its_open_shutter_and_its_download() -> None:
    assert _opened([Expose("L", 5.0), Expose("L", 7.0), Expose("L", 2.0)]) == pytest.approx(
        [0.0, 17.02, 36.04]
    )


def test_a_probe_costs_a_part_of_the_download() -> None:
    assert _opened([Probe("L", 2.0), Expose("L", 2.0)]) == pytest.approx([0.0, 5.02])


def test_the_wheel_turns_while_the_frame_is_read() -> None:
    assert _opened([Expose("L", 5.0), Expose("R", 5.0)]) == pytest.approx([0.0, 17.02])
    assert _opened([Probe("L", 5.0), Expose("R", 5.0)]) == pytest.approx([0.0, 11.02])


def test_a_wait_ends_when_it_was_to_and_one_into_the_past_passes_all_the_same() -> None:
    twilight = _steady()
    until = twilight.epoch + timedelta(seconds=100)
    script = Script([Wait(until, "later"), Wait(until, "earlier"), Expose("L", 2.0)])
    drive(script, twilight, QUOTAS)
    assert [(now - twilight.epoch).total_seconds() for now in script.asked[:3]] == pytest.approx(
        [0, 100, 101]
    )


def test_a_strategy_that_never_stops_is_stopped_by_the_windows_end() -> None:
    twilight = _steady()
    shots = drive(Script([Expose("L", 60.0)] * 10_000), twilight, QUOTAS)
    assert shots[-1].started_s < twilight.end_s < shots[-1].started_s + 73


def test_what_is_measured_is_the_truth_with_a_little_noise_and_clips_at_saturation() -> None:
    twilight = _steady()
    when = twilight.epoch + timedelta(seconds=1500)
    script = Script([Probe("R", 30.0), Wait(when, ""), *[Expose("R", 4.0)] * 20])
    shots = drive(script, twilight, QUOTAS)
    assert shots[0].level_adu > 100_000
    assert script.seen[0].level_adu == 64_535
    assert script.seen[0].saturated_fraction == 1
    faint = [(seen.level_adu, shot.level_adu) for seen, shot in zip(script.seen[1:], shots[1:], strict=True)]
    errors = [seen - level for seen, level in faint]
    assert any(errors)
    assert max(abs(error) - 0.005 * level for error, (_, level) in zip(errors, faint, strict=True)) < 15


def test_a_verdict_is_told_back_and_a_probe_never_counts() -> None:
    script = Script([Probe("L", 2.0), Expose("L", 2.0)])
    shots = drive(script, _steady(), QUOTAS)
    assert [seen.counted for seen in script.seen] == [False, True]
    assert [shot.saved for shot in shots] == [False, True]


def test_a_lost_frame_costs_its_time_and_is_not_seen() -> None:
    script = Script([Expose("L", 5.0)] * 40)
    shots = drive(script, _steady(Faults(lost_fraction=0.4)), QUOTAS)
    assert 4 < len(script.seen) < 36
    assert sum(shot.saved for shot in shots) == len(script.seen)
    assert shots[-1].started_s == pytest.approx(39 * 17.02)


def test_the_same_seed_plays_the_same() -> None:
    faults = Faults(lost_fraction=0.3, download_jitter_s=2.0)
    plays = [drive(Script([Expose("L", 5.0)] * 30), _steady(faults), QUOTAS) for _ in range(2)]
    assert plays[0] == plays[1]


def _shots(name: str, count: int, off: float = 0.0, exposure_s: float = 5.0, **more: bool) -> list[Shot]:
    flags = {"saved": True, "probe": False} | more
    return [Shot(name, 0.0, exposure_s, 30_000 * (1 + off), flags["saved"], flags["probe"])] * count


def test_good_frames_count_up_to_the_quota() -> None:
    result = score(_shots("L", 15) + _shots("R", 4), _steady(), QUOTAS)
    assert (result.good, result.complete, result.saved) == (14, 1, 19)


@pytest.mark.parametrize(
    ("shots", "good", "good_20", "out_of_band", "far_out"),
    [
        (_shots("L", 3, off=0.099), 3, 3, 0, 0),
        (_shots("L", 3, off=-0.15), 0, 3, 3, 0),
        (_shots("L", 3, off=0.3), 0, 0, 3, 3),
        (_shots("L", 3, saved=False), 0, 0, 0, 0),
        (_shots("L", 3, exposure_s=1.9), 0, 0, 0, 0),
        (_shots("L", 3, exposure_s=60.5), 0, 0, 0, 0),
        (_shots("L", 3, probe=True), 0, 0, 0, 0),
    ],
)
def test_good_is_saved_in_band_and_within_the_exposure_limits(
    shots: list[Shot], good: int, good_20: int, out_of_band: int, far_out: int
) -> None:
    result = score(shots, _steady(), QUOTAS)
    assert (result.good, result.good_20) == (good, good_20)
    assert (result.out_of_band, result.far_out) == (out_of_band, far_out)
