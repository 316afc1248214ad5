"""The demo: a night in one command, judged by the simulator's truth."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from astropy.io import fits

import capture.cli.demo
from capture.clock import SimulatedClock
from simulators import MasterCheck, Observatory, check_master, demo_settings
from tests.capture.cli.command import Nightcal
from tests.documents import ROOT, command_lines, documented_keywords, stem


def test_a_short_demo_takes_a_whole_night_and_every_master_agrees_with_the_truth(
    nightcal: Nightcal, tmp_path: Path
) -> None:
    ended = nightcal("demo", "--short", "--size", "128", "--folder", "night")
    assert (ended.status, ended.err) == (0, "")
    assert "18 masters of 18 sets, 18 verified" in ended.out
    assert "DIFFERS" not in ended.out
    assert "<html" in (tmp_path / "night" / "report.html").read_text()
    assert len(list((tmp_path / "night" / "masters").rglob("*.fits"))) == 18
    its_headers_are_as_documented(tmp_path / "night")
    asked = [words for words in command_lines(ROOT / "docs" / "tutorial" / "demo.md") if "--config" in words]
    assert len(asked) == 4
    for words in asked:
        told = nightcal(*(word.replace("demo/", "night/") for word in words))
        # By today's date the sets of that night may be stale.
        assert (told.status in (0, 1), told.err) == (True, ""), words
        assert "T1" in told.out or "verify" in words


def its_headers_are_as_documented(night: Path) -> None:
    """Every keyword of a raw frame, a master and a calibrated light is in docs/reference/fits-headers.md."""
    documented = documented_keywords()
    structure = {"SIMPLE", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "BZERO", "BSCALE", "CHECKSUM", "DATASUM"}
    structure |= {"XTENSION", "PCOUNT", "GCOUNT", "EXTNAME"}
    lights = {
        keyword for file in (night / "lights").rglob("zenith_?.fits") for keyword in fits.getheader(file)
    }
    for place, files, others in (
        ("R", (night / "raw").rglob("*.fits"), set[str]()),
        ("M", (night / "masters").rglob("*.fits"), set[str]()),
        ("C", (night / "lights").rglob("*_cal.fits"), lights - {"SATURATE"}),
    ):
        written: set[str] = set()
        for file in files:
            with fits.open(file) as hdus:
                written |= {stem(keyword) for hdu in hdus for keyword in hdu.header}
        assert len(written) > 20
        missing = {k for k in written - structure - others if place not in documented.get(k, "")}
        assert missing == set(), place


def test_a_demo_in_three_processes_is_the_same_night(nightcal: Nightcal, tmp_path: Path) -> None:
    ended = nightcal("demo", "--short", "--size", "64", "--folder", "night", "--processes", "3")
    assert ended.status == 0
    assert "18 masters of 18 sets, 18 verified" in ended.out
    assert "opening the roof for T1" in (tmp_path / "night" / "guard.log").read_text()


def test_a_demo_whose_masters_are_not_the_truth_ends_with_status_1(
    nightcal: Nightcal, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Judged by another observatory: other sensors, with other patterns, hot pixels and dust.
    other = Observatory(SimulatedClock(datetime(2026, 11, 21, tzinfo=UTC)), demo_settings(2, 64, 64))

    def judge(_observatory: Observatory, master: Path) -> MasterCheck:
        return check_master(other, master)

    monkeypatch.setattr(capture.cli.demo, "check_master", judge)
    ended = nightcal("demo", "--short", "--size", "64", "--folder", "night")
    assert ended.status == 1
    assert "DIFFERS" in ended.out


def test_the_demo_touches_no_folder_that_holds_something_else(nightcal: Nightcal, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.txt").write_text("dear to somebody")
    ended = nightcal("demo", "--folder", "thesis")
    assert ended.status == 2
    assert ended.sentence() == "thesis holds something that is no earlier demo; name another with --folder"
    assert [path.name for path in (tmp_path / "thesis").iterdir()] == ["chapter1.txt"]


@pytest.mark.parametrize("folder", ["file", "file/below"])
def test_a_demo_whose_folder_cannot_be_made_says_so(nightcal: Nightcal, tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").write_text("in the way")
    ended = nightcal("demo", "--folder", folder)
    assert ended.status == 2
    assert f"{folder} cannot be made" in ended.sentence()
    assert "name another with --folder" in ended.sentence()
