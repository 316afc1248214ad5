"""`nightcal run`: one sequence with all its options, shown before it is started, or taken."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from capture.clock import SystemClock
from simulators import Observatory, Server, demo_settings, serve
from tests.capture.cli.command import CONFIG, Nightcal, sun_here, write_config


def write(folder: Path, text: str) -> Path:
    path = folder / "flats.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_plans_jobs_run_in_its_order_with_each_lines_binning(nightcal: Nightcal, tmp_path: Path) -> None:
    plan = write(tmp_path, "2, Ha, 2\n3, L, 1\n1, R, 1\n")
    # Our Sun sets just now, but where the camera looks it is midnight, and too dim for any flat.
    midnight = SystemClock(rate=100, start=datetime(2026, 11, 22, 7, 0, tzinfo=UTC))
    with serve(Observatory(midnight, demo_settings(width_px=64, height_px=64))) as server:
        write_config(tmp_path, server.address, sun_here(-3))
        ended = nightcal("run", "sky-flats", "T1", "--plan", str(plan))
    assert (ended.status, ended.err) == (1, "")
    starts = [line.split("starts: ")[1] for line in ended.out.splitlines() if "starts: " in line]
    assert starts == ["2 frames wanted", "4 frames wanted"]
    assert "0 good frames of 6 wanted" in ended.out
    assert "missing 2 of Ha" in ended.out
    assert "missing 3 of L, 1 of R" in ended.out


def test_a_filter_that_the_wheel_lacks_is_told_by_its_line_before_anything_moves(
    nightcal: Nightcal, tmp_path: Path, server: Server
) -> None:
    write_config(tmp_path, server.address)
    plan = write(tmp_path, "2, L, 1\n3, Lum, 1\n")
    ended = nightcal("run", "sky-flats", "--plan", str(plan))
    assert ended.status == 2
    assert ended.sentence() == (
        "line 2 of the flat plan wants the filter 'Lum', but the wheel has L R G B Ha OIII SII"
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--filters", "L"), "the flat plan says which filters, how many and how binned; leave those out"),
        (("--count", "3"), "the flat plan says which filters, how many and how binned; leave those out"),
        (("--binning", "2"), "the flat plan says which filters, how many and how binned; leave those out"),
        (("T1", "--rig", "T2"), "two rigs are named, T1 and T2; name one"),
    ],
)
def test_options_that_contradict_are_refused(
    nightcal: Nightcal, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    write_config(tmp_path)
    plan = write(tmp_path, "2, L, 1\n")
    ended = nightcal("run", "sky-flats", "--plan", str(plan), *arguments)
    assert (ended.status, ended.sentence()) == (2, sentence)


def test_darks_are_taken_binned_and_at_the_gain_that_are_asked_for(
    nightcal: Nightcal, tmp_path: Path, server: Server
) -> None:
    write_config(tmp_path, server.address, CONFIG.replace("darks.probe_s", "gain = 100\ndarks.probe_s"))
    ended = nightcal("run", "darks", "--exposures", "1", "--count", "2", "--binning", "2", "--gain", "120")
    assert (ended.status, ended.err) == (0, "")
    held = json.loads(nightcal("library", "--json").out)
    (row,) = (row for row in held if row["have"] == 2)
    assert (row["binning"], row["gain"]) == (2, 120)


def test_a_wheel_that_was_seen_once_is_known_to_orders_without_a_flat_of_its_filters(
    nightcal: Nightcal, tmp_path: Path, server: Server
) -> None:
    write_config(tmp_path, server.address)
    assert nightcal("plan", "T1", "--tonight", "Lum x3").status == 0, "nobody knows better yet"
    assert nightcal("run", "bias", "--count", "1").status == 0
    assert nightcal("plan", "T1", "--tonight", "SII x3").status == 0
    assert "L, R, G, B, Ha, OIII, SII" in nightcal("plan", "T1", "--tonight", "Lum x3").sentence()


def test_a_dry_run_shows_the_sets_and_asks_no_device(nightcal: Nightcal, tmp_path: Path) -> None:
    write_config(tmp_path)
    asked = ("run", "darks", "--exposures", "60,300", "--count", "5", "--binning", "2", "--dry-run")
    ended = nightcal(*asked)
    assert (ended.status, ended.err) == (0, "")
    assert "dark 300 s 2x2" in ended.out
    assert "10 frames, 30 min of exposure; it needs a shut roof" in ended.out
    job = json.loads(nightcal(*asked, "--json").out)
    assert [(one["spec"]["exposure_s"], one["count"]) for one in job["sets"]] == [(60.0, 5), (300.0, 5)]


def test_a_dry_run_of_a_flat_plan_shows_each_line(nightcal: Nightcal, tmp_path: Path) -> None:
    write_config(tmp_path)
    plan = write(tmp_path, "2, Ha, 2\n3, L, 1\n")
    job = json.loads(nightcal("run", "sky-flats", "--plan", str(plan), "--dry-run", "--json").out)
    sets = [(one["spec"]["filter"], one["spec"]["binning"], one["count"]) for one in job["sets"]]
    assert sets == [("Ha", 2, 2), ("L", 1, 3)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("darks", "--binning", "9"), "a binning of 9: it is from 1 to 8"),
        (("bias", "--gain", "-1"), "a gain of -1: it is a whole number from 0"),
        (("darks", "--temperature", "-300"), "-300.0 C: give a temperature from -100 to 40 C"),
        (("darks", "--temperature", "-20"), "T1 is not cooled; leave the temperature out"),
        (("bias", "--gain", "5"), "T1 leaves the gain to its camera; leave it out"),
        (("darks", "--binning", "8"), "binning 8: the camera bins up to 4"),
        (("sky-flats", "--filters", "Lum"), "T1 has no filter 'Lum'; its wheel has L, R, G, B, Ha"),
    ],
)
def test_what_the_rig_has_not_is_refused_before_anything_moves(
    nightcal: Nightcal, tmp_path: Path, server: Server, arguments: tuple[str, ...], words: str
) -> None:
    write_config(tmp_path, server.address)
    ended = nightcal("run", *arguments)
    assert ended.status == 2
    assert words in ended.err
