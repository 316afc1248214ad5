"""A clear night of two rigs, lived once and looked at from all sides."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from capture.frame import Kind
from capture.store.fits_file import verify
from capture.store.gates import gates_of
from simulators import check_master
from tests.nights.harness import SITE, Night, live, settings

IMAGE_TYPES = {"bias": "Bias Frame", "dark": "Dark Frame", "flat": "Flat Field"}

pytestmark = pytest.mark.xdist_group("a clear night")


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Night:
    return live(tmp_path_factory.mktemp("night"), settings(size_px=128))


def test_every_need_of_both_rigs_is_met(night: Night) -> None:
    held = Counter((f.rig, str(f.spec.set_key())) for f in night.frames if f.good)
    assert held == {
        ("T1", "bias"): 6, ("T1", "dark 60 s"): 5, ("T1", "dark 300 s"): 5,
        ("T1", "flat L"): 4, ("T1", "flat G"): 4, ("T1", "flat Ha"): 4,
        ("T2", "bias"): 6, ("T2", "dark 120 s"): 5, ("T2", "flat V"): 4, ("T2", "flat I"): 4,
    }  # fmt: skip
    assert night.result.failures == {}


def test_every_set_becomes_a_master_that_agrees_with_the_truth(night: Night) -> None:
    assert len(night.result.masters) == 10
    for master in night.result.masters:
        check = check_master(night.observatory, night.folder / master.path)
        assert check.ok, [figure for figure in check.figures if not figure.ok]


def test_every_file_is_whole_and_its_header_tells_what_the_camera_was_asked(night: Night) -> None:
    asked = {
        (command.device, command.time): command.parameters
        for command in night.observatory.command_log
        if command.member == "startexposure"
    }
    for frame in night.frames:
        path = night.folder / frame.path
        verify(path)
        header = fits.getheader(path)
        camera = {"T1": "camera/0", "T2": "camera/1"}[frame.rig]
        parameters = asked[(camera, frame.taken)]
        light = parameters["Light"].lower() == "true"
        assert header["IMAGETYP"] == IMAGE_TYPES[frame.kind]
        assert light == (frame.kind is Kind.FLAT)
        assert header["EXPTIME"] == pytest.approx(float(parameters["Duration"]), abs=1e-6)
        assert header["TELESCOP"] == frame.rig
        middle = frame.taken + timedelta(seconds=header["EXPTIME"] / 2)
        assert header["SUNALT"] == pytest.approx(SITE.sun_altitude_deg(middle), abs=0.001)


@pytest.mark.skipif(
    shutil.which("fitsverify") is None, reason="fitsverify is missing: apt install fitsverify"
)
def test_fitsverify_finds_no_error_and_no_warning_in_any_kind_of_file(night: Night) -> None:
    one_of_each = {(f.rig, f.kind): night.folder / f.path for f in night.frames}.values()
    masters = [night.folder / master.path for master in night.result.masters]
    told = subprocess.run(
        ["fitsverify", "-q", *map(str, one_of_each), *map(str, masters)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout
    assert all("OK" in line for line in told.stdout.splitlines() if line.strip()), told.stdout


def test_one_line_tells_of_each_flat_its_level_its_verdict_and_what_comes_next(night: Night) -> None:
    lines = [e.text for e in night.entries if e.kind == "frame" and e.data["frame"] == "flat"]
    assert len(lines) == sum(frame.kind is Kind.FLAT for frame in night.frames)
    for line in lines:
        assert re.fullmatch(
            r"\d+, window to \d\d:\d\d UTC, \d+ min left  flat \w+  [\d.]+ s  \d+ of \d+ ADU \([+-]\d+ %\)"
            r"  Sun -?[\d.]+ deg  (good|rejected: .+)"
            r"  (next \w+ [\d.]+ s|probes \w+ [\d.]+ s|waits: .+|ends: .+)",
            line,
        ), line


def test_what_the_judge_measured_is_in_the_catalogue_and_in_the_header(night: Night) -> None:
    for frame in night.frames:
        assert bool(frame.gates) == (frame.kind is Kind.FLAT)
        header = fits.getheader(night.folder / frame.path)
        assert gates_of(header) == {name: pytest.approx(value, 1e-5) for name, value in frame.gates.items()}
        assert header["VERDICT"] == ("good" if frame.good else "rejected")


def test_no_flat_of_a_clear_sky_is_refused_for_what_is_not_there(night: Night) -> None:
    flats = [frame for frame in night.frames if frame.kind is Kind.FLAT]
    named = {reason.partition(":")[0] for frame in flats for reason in frame.verdict.reasons}
    assert named <= {"level", "saturation"}
    assert not [entry for entry in night.entries if entry.kind == "alarm"]


def test_darks_and_bias_are_taken_under_a_shut_roof_and_flats_under_an_open_one(night: Night) -> None:
    for frame in night.frames:
        assert frame.facts.roof_shut == (frame.kind is not Kind.FLAT)


def test_darks_are_taken_at_the_set_temperature(night: Night) -> None:
    set_c = {"T1": -10.0, "T2": -20.0}
    for frame in night.frames:
        if frame.kind is Kind.DARK:
            assert frame.facts.ccd_temperature_c == pytest.approx(set_c[frame.rig], abs=0.5)


def test_flats_are_taken_only_in_twilight_on_both_sides_of_the_night(night: Night) -> None:
    flats = [frame for frame in night.frames if frame.kind is Kind.FLAT]
    assert all(-10 <= frame.facts.sun_altitude_deg <= 0 for frame in flats)
    assert {SITE.sun_is_setting(frame.taken) for frame in flats} == {True, False}
    assert all(76 - 5 < (frame.facts.altitude_deg or 0) < 76 + 5 for frame in flats)


def test_the_stars_move_between_flats_of_one_filter(night: Night) -> None:
    for rig in ("T1", "T2"):
        flats = [f for f in night.frames if f.rig == rig and f.kind is Kind.FLAT]
        for one, other in pairwise(flats):
            if one.spec.filter == other.spec.filter:
                assert other.taken - one.taken > timedelta(seconds=0.8)


def test_the_roof_moves_over_parked_mounts_only_and_ends_shut(night: Night) -> None:
    assert night.observatory.world.collisions == []
    assert len(night.commands("dome/0", "openshutter")) == 2
    assert len(night.commands("dome/0", "closeshutter")) == 2
    assert night.commands("dome/0", "closeshutter")[-1] > night.frames[-1].taken


def test_both_rigs_work_at_the_same_time(night: Night) -> None:
    spans = {
        rig: [f.taken for f in night.frames if f.rig == rig and f.kind is Kind.DARK] for rig in ("T1", "T2")
    }
    assert spans["T1"][0] < spans["T2"][-1]
    assert spans["T2"][0] < spans["T1"][-1]


def test_the_same_night_again_gives_the_same_pixels(night: Night, tmp_path: Path) -> None:
    again = live(tmp_path, settings(size_px=128))
    assert [f.path for f in again.frames] == [f.path for f in night.frames]
    assert [f.taken for f in again.frames] == [f.taken for f in night.frames]
    for frame in night.frames:
        one, other = (fits.getdata(n.folder / frame.path) for n in (night, again))
        assert np.array_equal(one, other), frame.path


def test_another_seed_gives_another_sky(night: Night, tmp_path: Path) -> None:
    other = live(tmp_path, settings(size_px=128, seed=4))
    first = [next(f for f in n.frames if f.kind is Kind.FLAT) for n in (night, other)]
    pixels = [fits.getdata(n.folder / f.path) for n, f in zip((night, other), first, strict=True)]
    assert not np.array_equal(*pixels)


def test_dawn_learns_from_the_flats_of_dusk(night: Night) -> None:
    assert sorted(night.said("learned")) == [
        "sky_flats learns from 4 flats of 1 night, the last of 2026-11-21",
        "sky_flats learns from 6 flats of 1 night, the last of 2026-11-21",
        "sky_flats learns from nothing yet",
        "sky_flats learns from nothing yet",
    ]


def test_dawn_waits_for_the_light_of_its_filters_without_looking_about_for_it(night: Night) -> None:
    for rig in ("T1", "T2"):
        mine = [entry for entry in night.entries if entry.source == rig]
        (taught,) = [e.time for e in mine if e.kind == "learned" and "flats of" in e.text]
        looks = [e.time for e in mine if e.kind == "probe" and e.time > taught]
        assert not looks or looks[0] - taught > timedelta(minutes=5)
