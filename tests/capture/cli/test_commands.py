"""Each subcommand does what its help says, in text and in JSON."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from astropy.io import fits

from capture.cli.options import with_farm
from capture.clock import SystemClock
from capture.config import load_config
from capture.errors import BadInput
from capture.journal import Journal
from capture.store import fits_file
from simulators import Observatory, Server, demo_settings, serve
from tests.capture.cli.command import (
    CONFIG,
    ROOF,
    Nightcal,
    as_process,
    sun_here,
    write_config,
)

COMMANDS = [
    "demo", "simulate", "plan", "event", "serve", "status", "run", "run sky-flats", "run bias", "run darks",
    "run panel-flats",
]  # fmt: skip


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_command_explains_itself(nightcal: Nightcal, command: str) -> None:
    ended = nightcal(*command.split(), "--help")
    assert ended.status == 0
    assert ended.err == ""
    assert f"Usage: nightcal {command}".strip() in ended.out


def test_bias_by_hand_ends_as_verified_files_and_a_master(
    nightcal: Nightcal, tmp_path: Path, server: Server
) -> None:
    write_config(tmp_path, server.address, CONFIG + ROOF)
    ended = nightcal("run", "bias", "--count", "5")
    assert (ended.status, ended.err) == (0, "")
    assert "5 good frames of 5 wanted" in ended.out
    frames = sorted((tmp_path / "archive" / "raw").rglob("*.fits"))
    (master,) = (tmp_path / "archive" / "masters").rglob("*.fits")
    assert len(frames) == 5
    for path in [*frames, master]:
        fits_file.verify(path)
    header = fits.getheader(frames[0])
    assert (header["IMAGETYP"], header["EXPTIME"], header["ROOFSHUT"]) == ("Bias Frame", 3.2e-05, True)
    assert fits.getheader(master)["NCOMBINE"] == 5


def test_darks_by_hand_print_json_that_a_program_can_follow(
    nightcal: Nightcal, tmp_path: Path, server: Server
) -> None:
    write_config(tmp_path, server.address)
    ended = nightcal("run", "darks", "--exposures", "0.2,0.1", "--count", "2", "--json")
    assert (ended.status, ended.err) == (0, "")
    entries = [json.loads(line) for line in ended.out.splitlines()]
    frames = [entry for entry in entries if entry["kind"] == "frame"]
    assert [entry["good"] for entry in frames] == [True] * 4
    assert all((tmp_path / "archive" / entry["path"]).exists() for entry in frames)
    assert entries[-1]["kind"] == "done"
    assert entries[-1]["good"] == 4


def test_panel_flats_by_hand_are_good_flats_behind_a_shut_cover_and_leave_the_panel_out(
    nightcal: Nightcal, tmp_path: Path, server: Server
) -> None:
    write_config(tmp_path, server.address, CONFIG + "panel.max_exposure_s = 2.0\n" + ROOF)
    ended = nightcal("run", "panel-flats", "--filters", "L,R", "--count", "2", "--json")
    assert (ended.status, ended.err) == (0, ""), ended.out
    entries = [json.loads(line) for line in ended.out.splitlines()]
    paths = [entry["path"] for entry in entries if entry["kind"] == "frame" and entry["good"]]
    headers = [fits.getheader(tmp_path / "archive" / path) for path in paths]
    assert [header["FILTER"] for header in headers] == ["L", "L", "R", "R"]
    assert all((header["IMAGETYP"], header["ROOFSHUT"]) == ("Flat Field", True) for header in headers)
    rig = server.observatory.world.rigs[0]
    assert (rig.panel.target, rig.cover.target) == (0, 0)


def test_panel_flats_by_hand_need_a_panel(nightcal: Nightcal, tmp_path: Path, server: Server) -> None:
    write_config(tmp_path, server.address, CONFIG.replace('cover_calibrator = "{server}/0"\n', ""))
    ended = nightcal("run", "panel-flats", "--filters", "L", "--count", "2")
    assert ended.status == 2
    assert "T1: panel flats need the key cover_calibrator" in ended.err


def test_a_run_that_gains_less_than_it_was_asked_for_ends_with_status_1(
    nightcal: Nightcal, tmp_path: Path
) -> None:
    # Our Sun sets just now, but where the camera looks it is midnight, and too dim for any flat.
    midnight = SystemClock(rate=100, start=datetime(2026, 11, 22, 7, 0, tzinfo=UTC))
    with serve(Observatory(midnight, demo_settings(width_px=64, height_px=64))) as server:
        write_config(tmp_path, server.address, sun_here(-3))
        ended = nightcal("run", "sky-flats", "--filters", "L", "--count", "3")
    assert (ended.status, ended.err) == (1, "")
    assert "0 good frames of 3 wanted (" in ended.out
    assert "sky is too dim now" in ended.out.lower()


def test_status_tells_what_is_held_without_asking_a_device(
    nightcal: Nightcal, tmp_path: Path, server: Server
) -> None:
    write_config(tmp_path, server.address)
    assert nightcal("run", "bias", "--count", "5").status == 0
    # No device answers at the new address, and none is asked.
    write_config(tmp_path)
    text = nightcal("status")
    assert (text.status, text.err) == (0, "")
    for word in ("Demo Ridge", "Sun at", "T1: next flats", "last run: bias", "MasterBias"):
        assert word in text.out
    ended = nightcal("status", "--json")
    report = json.loads(ended.out)
    assert -90 <= report["sun_altitude_deg"] <= 90
    (rig,) = report["rigs"]
    (bias,) = rig["sets"]
    assert (rig["rig"], bias["set"], bias["good"]) == ("T1", "bias", 5)
    assert bias["master"].startswith("MasterBias")


def test_a_reader_who_goes_away_does_not_end_the_run(tmp_path: Path, server: Server) -> None:
    write_config(tmp_path, server.address)
    for extra in ([], ["--json"]):
        command = as_process("run", "darks", "--exposures", "0.3", "--count", "4", *extra)
        with subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.readline()
            process.stdout.close()
            assert process.stderr.read() == ""
            assert process.wait(30) == 0
    assert len(list((tmp_path / "archive" / "raw").rglob("*.fits"))) == 8


def test_a_work_that_fails_is_raised_where_the_farm_was_opened(tmp_path: Path, server: Server) -> None:
    settings, clock = load_config(write_config(tmp_path, server.address)), SystemClock()

    def work(_farm: object) -> None:
        raise BadInput("what was asked makes no sense")

    with pytest.raises(BadInput, match="makes no sense"):
        with_farm(settings, clock, Journal(clock), work)


def test_the_environment_may_name_the_config(tmp_path: Path, server: Server) -> None:
    path = write_config(tmp_path, server.address)
    done = subprocess.run(
        as_process("plan", "--json"),
        cwd="/",
        env=os.environ | {"NIGHTCAL_CONFIG": str(path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)[0]["rig"] == "T1"
