"""The running service, asked by other commands: status, watch, pause, resume, stop, and runs by hand."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.capture.cli.command import Nightcal, as_process, site_at, write_config
from tests.capture.cli.running import PATIENCE_S, running, simulators, value

EXPOSING, IDLE = 2, 0
# Far below the 600 s of the exposure that is aborted, and enough for a machine with much else to do.
SOON_S = 10.0
ONLY_DARKS = "flats = { count = 0 }\nbias = { count = 0 }\n"


def by_night() -> str:
    return site_at(23) + ONLY_DARKS + "darks.exposures_s = [600]\n"


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.1)


def is_exposing(server: str) -> bool:
    return bool(value(server, "camera/0/camerastate") == EXPOSING)


def rig_of(nightcal: Nightcal) -> dict[str, Any]:
    """What the service says of its first rig; empty while no service runs."""
    running = json.loads(nightcal("status", "--json").out)["service"]
    return running["rigs"][0] if running else {}


def seconds_from_asked_to_ended(folder: Path) -> float:
    """From the word of the person to the end of the run, by the journal's own times."""
    lines = (folder / "archive" / "journal.jsonl").read_text().splitlines()
    entries = [json.loads(line) for line in lines]
    (asked,) = [e for e in entries if e["kind"] == "stop"]
    ends = [e for e in entries if e["kind"] == "run" and "darks ends" in e["text"]]
    return (datetime.fromisoformat(ends[-1]["time"]) - datetime.fromisoformat(asked["time"])).total_seconds()


def test_a_rig_is_paused_at_once_stays_so_over_a_restart_and_is_resumed(
    tmp_path: Path, nightcal: Nightcal
) -> None:
    with simulators(rate=1) as server:
        write_config(tmp_path, server, by_night())
        with running(tmp_path, "serve") as service:
            service.until(lambda: is_exposing(server))
            rig = rig_of(nightcal)
            assert rig["run"]["sequence"] == "darks"
            assert rig["paused"] is None
            shown = nightcal("status").out
            assert re.search(r"exposing dark, \d+ s, \d+ s left", shown)
            assert re.search(r"the sensor was at -?\d+\.\d C at [\d:]+ UTC", shown)
            told = nightcal("pause", "--rig", "T1", "--who", "ada", "--why", "a visitor")
            assert (told.status, told.out) == (0, "paused: T1\n")
            until(lambda: value(server, "camera/0/camerastate") == IDLE)
            until(lambda: not rig_of(nightcal)["run"])
            assert seconds_from_asked_to_ended(tmp_path) < SOON_S
            assert "paused by ada" in rig_of(nightcal)["paused"]
            assert (
                nightcal("run", "bias", "--count", "2").sentence().endswith("nightcal resume --rig T1 first")
            )
            service.signal()
            assert service.ended()[0] == 130
        assert "no service is running; from the catalogue" in nightcal("status").out
        with running(tmp_path, "serve") as service:
            service.until(lambda: "a visitor" in service.out)
            assert "a visitor" in nightcal("status").out
            assert not is_exposing(server)
            assert nightcal("resume").out == "no rig is paused\n"
            service.until(lambda: is_exposing(server))
            told = nightcal("stop", "--who", "ada", "--why", "enough")
            assert (told.status, told.out) == (0, "the service ends\n")
            assert service.ended()[0] == 130
            assert "stopped by ada: enough" in service.err
    connection = sqlite3.connect(tmp_path / "archive" / "catalogue.sqlite")
    kinds = [
        kind for (kind,) in connection.execute("SELECT kind FROM entries WHERE kind IN ('pause', 'resume')")
    ]
    connection.close()
    assert kinds == ["pause", "resume"]


def test_by_day_the_service_does_what_is_asked_by_hand_and_a_watcher_sees_it(
    tmp_path: Path, nightcal: Nightcal
) -> None:
    with simulators(rate=1) as server:
        write_config(tmp_path, server, site_at(14))
        with running(tmp_path, "serve") as service:
            service.until(lambda: "the next night begins" in service.out)
            command = as_process("watch")
            with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as watcher:
                assert watcher.stdout is not None
                # The watcher is let in before the run is asked for, or the first entries would be missed.
                assert watcher.stdout.readline().startswith("watching;")
                told = nightcal("run", "bias", "--count", "2")
                assert told.status == 0, told.err
                assert "the running service does it: T1 takes bias x2 now" in told.out
                lines = []
                for line in watcher.stdout:
                    lines.append(line)
                    if "bias ends after 2 frames" in line:
                        break
                watcher.kill()
            assert sum("1/2" in line or "2/2" in line for line in lines) == 2
            last = rig_of(nightcal)["last_frame"]
            assert last["good"] is True
            refused = nightcal("run", "sky-flats", "T1").sentence()
            assert "nightcal plan --tonight" in refused


def test_a_second_service_is_refused_and_doctor_works_beside_the_first(
    tmp_path: Path, nightcal: Nightcal
) -> None:
    with simulators(rate=1) as server:
        write_config(tmp_path, server, site_at(14))
        with running(tmp_path, "serve") as service:
            service.until(lambda: "the next night begins" in service.out)
            second = nightcal("serve")
            assert second.status == 2
            assert f"is in use by another nightcal (pid {service.process.pid}, since " in second.sentence()
            checked = nightcal("doctor", "--json")
            assert checked.status in (0, 1), checked.err
            assert "in use" not in checked.out
            told = nightcal("run", "bias", "--count", "1")
            assert told.status == 0, told.err
            service.until(lambda: "bias ends after 1 frames" in service.out)


@pytest.mark.parametrize("command", ["watch", "pause", "resume", "stop"])
def test_without_a_service_the_commands_say_so_in_one_sentence(
    tmp_path: Path, nightcal: Nightcal, command: str
) -> None:
    write_config(tmp_path)
    told = nightcal(command)
    assert told.status == 2
    assert "no service answers" in told.sentence()


def test_who_cannot_read_the_token_cannot_ask(tmp_path: Path, nightcal: Nightcal) -> None:
    with simulators(rate=1) as server:
        write_config(tmp_path, server, site_at(14))
        with running(tmp_path, "serve") as service:
            service.until(lambda: "the next night begins" in service.out)
            door = tmp_path / "archive" / "service" / "door"
            assert door.stat().st_mode & 0o777 == 0o600
            written = json.loads(door.read_text())
            door.write_text(json.dumps(written | {"token": "0" * 32}))
            assert "the token is wrong" in nightcal("pause").sentence()
