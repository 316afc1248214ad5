"""`nightcal health`: a table, JSON and plots of what the masters tell, and an exit status that says so."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from capture.clock import SystemClock
from capture.config import load_config
from capture.frame import Frame, FrameSpec, Kind
from capture.store.archive import Archive
from tests.capture.cli.command import CONFIG, NOBODY, Nightcal, write_config
from tests.capture.store.frames import NIGHT, make_frame

BIAS = FrameSpec(Kind.BIAS, gain=100, offset=30)
BIAS_OF_MODE = replace(BIAS, readout_mode="Normal")
# A name from a driver, and what a careless page would make of it.
HOSTILE = "<script>alert(1)</script>"


def with_masters(folder: Path, noises_adu: list[float]) -> Path:
    """A folder whose catalogue has a master bias for each of these noises, a month apart."""
    write_config(folder, NOBODY, CONFIG)
    archive = Archive.of(load_config(folder / "nightcal.toml"), SystemClock())
    for number, noise_adu in enumerate(noises_adu):
        frame = make_frame(BIAS, np.full((8, 8), 500, np.uint16), 43_200 * number)
        row = archive.save(named(frame), None, NIGHT)
        archive.catalogue.add_master(
            rig="T1",
            spec=row.spec.set_key(),
            path=f"masters/T1/MasterBias_{number}.fits",
            sha256=f"{number:064x}",
            method="clip",
            built=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=30 * number),
            inputs=[row],
            figures={"read_noise_adu": noise_adu, "median_adu": 500.0},
        )
    archive.close()
    return folder


def named(frame: Frame) -> Frame:
    return replace(frame, spec=replace(frame.spec, readout_mode=HOSTILE))


STEADY = [5.1, 5.12, 5.08, 5.1, 5.11, 5.09, 5.1]


def test_a_healthy_rig_ends_with_0_and_says_what_is_usual(tmp_path: Path, nightcal: Nightcal) -> None:
    with_masters(tmp_path, STEADY)
    ended = nightcal("health")
    assert (ended.status, ended.err) == (0, "")
    assert "read noise" in ended.out
    assert "5.1 +- 0.255" in ended.out


def test_a_rig_that_has_left_its_history_ends_with_1_and_names_the_master(
    tmp_path: Path, nightcal: Nightcal
) -> None:
    with_masters(tmp_path, [*STEADY, 6.5])
    ended = nightcal("health", "T1", "--json")
    assert ended.status == 1
    told = json.loads(ended.out)
    (alarm,) = told["alarms"]
    assert alarm.endswith("is 6.5 ADU, where 5.1 +- 0.255 was usual: MasterBias_7.fits")
    (noise,) = [trend for trend in told["trends"] if trend["quantity"] == "read_noise_adu"]
    assert [bool(point["out"]) for point in noise["points"]] == [False] * 7 + [True]


def test_a_set_that_is_stale_for_too_long_is_an_alarm_with_the_others(
    tmp_path: Path, nightcal: Nightcal
) -> None:
    needs = "readout_mode = 0\nbias = {count = 3}\ndarks = {count = 0}\nflats = {count = 0}\n"
    write_config(tmp_path, NOBODY, CONFIG.replace("darks.probe_s = 0\n", needs))
    config, clock = load_config(tmp_path / "nightcal.toml"), SystemClock()
    with closing(Archive.of(config, clock)) as archive:
        old = timedelta(days=1000)
        for minute in range(3):
            frame = make_frame(replace(BIAS_OF_MODE, set_temperature_c=-10.0), minutes=minute)
            taken = replace(frame, facts=replace(frame.facts, started=clock.now() - old))
            archive.save(taken, None, NIGHT)
    ended = nightcal("health", "--json")
    (alarm,) = json.loads(ended.out)["alarms"]
    assert ended.status == 1
    assert alarm.startswith("T1: bias is stale since ")
    assert alarm in nightcal("health").out.replace("\n", " ")


def test_the_plots_are_whole_images_and_carry_no_script(tmp_path: Path, nightcal: Nightcal) -> None:
    with_masters(tmp_path, [*STEADY, 6.5])
    nightcal("health", "--plots", str(tmp_path / "plots"))
    plots = sorted((tmp_path / "plots").glob("*.svg"))
    assert len(plots) == 2
    for plot in plots:
        root = ET.fromstring(plot.read_text())
        assert root.tag.endswith("svg")
        assert "script" not in {element.tag.rpartition("}")[2] for element in root.iter()}
    drawn = plots[1].read_text()
    assert drawn.count('class="good"') == 7
    assert drawn.count('class="out"') == 1


def test_a_plot_of_a_single_master_can_be_drawn_too(tmp_path: Path, nightcal: Nightcal) -> None:
    with_masters(tmp_path, [5.1])
    assert nightcal("health", "--plots", str(tmp_path / "plots")).status == 0
    assert len(list((tmp_path / "plots").glob("*.svg"))) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("T9",), "T9"), (("--plots", "/dev/null/plots"), "the plots cannot be written")],
)
def test_nonsense_is_refused_with_one_sentence(
    arguments: tuple[str, ...], said: str, tmp_path: Path, nightcal: Nightcal
) -> None:
    with_masters(tmp_path, STEADY)
    ended = nightcal("health", *arguments)
    assert ended.status == 2
    assert said in ended.sentence()


def test_an_empty_library_says_so(tmp_path: Path, nightcal: Nightcal) -> None:
    with_masters(tmp_path, [])
    ended = nightcal("health")
    assert ended.status == 0
    assert "no masters yet" in ended.out
