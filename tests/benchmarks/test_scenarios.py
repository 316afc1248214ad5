"""Which twilights are played, how their scores add up, and what the command writes."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.sky_flats.run import OURS, Task, play
from benchmarks.sky_flats.scenarios import (
    CONFIGURATIONS,
    FAMILIES,
    SCENARIOS,
    twilight_before,
    twilight_spec,
)
from benchmarks.sky_flats.score import Score, summary
from benchmarks.sky_flats.truth import Twilight, TwilightSpec

CCD = CONFIGURATIONS["ccd_lrgbsho_10"]


def _specs(scenario: str, count: int, *, final: bool = False) -> list[TwilightSpec]:
    return [twilight_spec(SCENARIOS[scenario], CCD, n, final=final) for n in range(count)]


def test_the_twilights_kept_back_are_others() -> None:
    ours, theirs = _specs("clouds", 60), _specs("clouds", 60, final=True)
    assert not {spec.seed for spec in ours} & {spec.seed for spec in theirs}
    assert not {spec.longitude_deg for spec in ours} & {spec.longitude_deg for spec in theirs}


def test_a_twilight_has_the_same_sky_for_every_camera_and_weather() -> None:
    for name, configuration in CONFIGURATIONS.items():
        specs = [twilight_spec(scenario, configuration, 7, final=False) for scenario in SCENARIOS.values()]
        skies = {(s.seed, s.night, s.setting, s.latitude_deg, s.longitude_deg, s.family) for s in specs}
        assert skies == {(s.seed, s.night, s.setting, s.latitude_deg, s.longitude_deg, s.family)
                         for s in _specs("clear", 8)[7:]}, name  # fmt: skip


def test_twelve_twilights_see_every_kind_of_sky() -> None:
    specs = _specs("clouds", 12)
    assert len({spec.family for spec in specs}) >= len(FAMILIES) - 2
    assert {spec.setting for spec in specs} == {True, False}
    assert len({round(spec.latitude_deg, -1) for spec in specs}) >= 4
    assert any(spec.night.month == 6 for spec in specs)
    assert len({spec.veil for spec in specs}) >= 3
    assert all(spec.veil is None for spec in _specs("clear", 12))


def test_every_twilight_can_be_played() -> None:
    for spec in _specs("faults", 40) + _specs("faults", 20, final=True):
        twilight, before = Twilight(spec), Twilight(twilight_before(spec))
        assert twilight.end_s > 1500
        assert before.when(before.end_s) <= twilight.epoch


def test_what_was_learned_is_half_a_magnitude_off_where_the_scenario_says_so() -> None:
    spec = _specs("faults", 1)[0]
    now, then = dict(spec.throughput_mag), dict(twilight_before(spec).throughput_mag)
    assert {abs(now[name] - then[name]) for name in now} == {0.5}


def test_percentages_are_of_sums_and_the_tenth_percentile_of_twilights() -> None:
    best = Score(
        good=10, good_20=10, complete=1, saved=10, out_of_band=0, far_out=0, squares=0, frames=10, probes=0
    )
    half = replace(best, good=5, complete=0, saved=8, out_of_band=2, squares=0.08)
    nothing = replace(best, good=0)
    figures = summary([best, half, nothing], [best, best, nothing], [10.0, 20.0, 5.0], [None, 6.0, None])
    assert figures["twilights"] == 2
    assert figures["percent_of_oracle"] == pytest.approx(75)
    assert figures["percent_of_bound"] == pytest.approx(50)
    assert figures["percent_of_causal_bound"] == pytest.approx(100 * 5 / 6)
    assert figures["tenth_percentile"] == pytest.approx(55)
    assert figures["filters_complete"] == pytest.approx(0.5)
    assert figures["rms_percent"] == pytest.approx(100 * (0.08 / 18) ** 0.5)
    assert figures["out_of_band_saved"] == 2


@pytest.mark.parametrize("scenario", ["clouds", "faults"])
def test_a_twilight_played_twice_gives_the_same(scenario: str) -> None:
    task = Task("ccd_ubvri_10", scenario, 1, final=False)
    first, again = play(task), play(task)
    assert first.scores == again.scores
    assert first.causal == again.causal
    assert (f"{OURS} cold" in first.scores) == SCENARIOS[scenario].warm


def test_the_command_prints_the_table_and_writes_it(tmp_path: Path) -> None:
    out = tmp_path / "table.json"
    command = [sys.executable, "-m", "benchmarks.sky_flats", "--twilights", "2", "--workers", "1"]
    wanted = ["--only", "ccd_ubvri_10", "--only", "clear", "--json", str(out), "--plots", str(tmp_path)]
    printed = subprocess.run(command + wanted, capture_output=True, text=True, check=True).stdout
    assert "ccd_ubvri_10, clear (2 twilights)" in printed
    figures = json.loads(out.read_text())["ccd_ubvri_10"]["clear"]
    assert {"oracle", OURS, "NINA", "pyobs"} <= set(figures)
    assert figures["oracle"]["percent_of_oracle"] == 100
    assert {
        "percent_of_oracle", "percent_of_bound", "filters_complete", "rms_percent", "tenth_percentile",
        "out_of_band_saved", "planner_ms", "step_ms",
    } <= set(figures[OURS])  # fmt: skip
    assert len(list(tmp_path.glob("*.svg"))) == 2
