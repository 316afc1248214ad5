"""`nightcal match` and `nightcal calibrate` as an operator meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from capture.store.lights import LightState, NewLight
from tests.capture.cli.command import Nightcal
from tests.capture.library.lights import configured, fill, opened, write_light
from tests.capture.store.frames import FLAT, NIGHT, START


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A folder with a config and an archive that has masters; where the command runs."""
    archive = opened(configured(tmp_path))
    fill(archive)
    archive.close()
    return tmp_path


def test_match_says_what_calibrates_a_light_and_fails_where_something_is_lacking(
    library: Path, nightcal: Nightcal
) -> None:
    write_light(library / "good.fits")
    write_light(library / "bad.fits", FILTER="L")
    good = nightcal("match", "good.fits", "--json")
    told = json.loads(good.out)
    assert (good.status, told["complete"]) == (0, True)
    assert {one["kind"]: len(one["sha256"]) for one in told["masters"]} == {"dark": 64, "flat": 64}
    bad = nightcal("match", "bad.fits")
    assert bad.status == 1
    assert 'nightcal plan T1 --tonight "L"' in bad.out


def test_match_refuses_what_is_no_light_in_one_sentence(library: Path, nightcal: Nightcal) -> None:
    write_light(library / "dark.fits", IMAGETYP="Dark Frame")
    ended = nightcal("match", "dark.fits")
    assert ended.status == 2
    assert "is no light" in ended.sentence()


def test_calibrate_goes_on_after_a_light_that_stays_raw_and_says_so(
    library: Path, nightcal: Nightcal
) -> None:
    write_light(library / "bad.fits", FILTER="L")
    write_light(library / "good.fits")
    ended = nightcal("calibrate", "bad.fits", "good.fits", "--out", "done", "--json")
    bad, good = json.loads(ended.out)
    assert ended.status == 1
    assert "its filter is Ha, not L" in bad["reason"]
    assert (library / "done" / "good_cal.fits").exists()
    assert good["calstat"] == "BDF"


def test_lights_says_what_became_of_what_came_in(library: Path, nightcal: Nightcal) -> None:
    archive = opened(configured(library))
    new = NewLight("/in/x.fits", "0" * 64, "T1", "jdoe", NIGHT, START, FLAT)
    archive.catalogue.lights.add(new, START, LightState.WAITING, "no flat Ha: there is none")
    archive.close()
    assert "jdoe  T1  x.fits: waiting, no flat Ha: there is none" in nightcal("lights").out
    assert json.loads(nightcal("lights", "--state", "calibrated", "--json").out) == []


def test_library_alone_shows_the_board_and_fails_where_a_need_is_not_met(
    library: Path, nightcal: Nightcal
) -> None:
    ended = nightcal("library", "--json")
    rows = {(row["kind"], row["exposure_s"], row["set_temperature_c"]): row for row in json.loads(ended.out)}
    assert ended.status == 1
    dark = rows["dark", 120.0, -10.0]
    assert (dark["have"], dark["need"], dark["gain"], dark["state"]) == (6, 0, 100, "beyond")
    assert dark["master"].endswith("MasterDark_120s_G100_O30_-10C_BIN1_2026-11-21.fits")
    assert rows["bias", 0.0, None]["state"] in ("short", "stale")
    assert "bias" in nightcal("library").out
