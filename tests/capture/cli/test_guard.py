"""`nightcal guard` as a process: small, whole or not at all, and asked from the command line."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

import capture.cli.guard
from capture.clock import SimulatedClock, SystemClock
from simulators import Observatory, Server, demo_settings, serve
from tests.capture.cli.command import CONFIG, NOBODY, ROOF, Ended, Nightcal, as_process, write_config

GUARD = "\n[guard]\n"
BIG = ["numpy", "astropy", "sqlalchemy", "PIL", "jinja2", "apscheduler", "rich", "typer", "simulators"]


def without(line: str) -> str:
    return CONFIG + ROOF.replace(line, "") + GUARD


def test_its_process_imports_no_database_no_image_and_no_web() -> None:
    script = f"import sys, capture.guard.process; print([m for m in {BIG} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (CONFIG + GUARD, "has no section [roof]"),
        (CONFIG + ROOF, "has no section [guard]"),
        (CONFIG, "has no section [roof]"),
        (without('mode = "operate"'), "[roof] lacks the key 'mode'"),
        (without('if_park_fails = "stay_open"'), "[roof] lacks the key 'if_park_fails'"),
        (without('safety_monitors = ["{server}/0"]'), "[roof] lacks the key 'safety_monitors'"),
        (without('"{server}/0"]').replace("safety_monitors = [", "safety_monitors = []"), "safety_monitors"),
    ],
)
def test_a_config_that_is_not_whole_is_refused_in_one_sentence(
    tmp_path: Path, text: str, wanted: str
) -> None:
    path = write_config(tmp_path, text=text)
    ended = ended_of(["--config", str(path)])
    assert ended.status == 2
    assert wanted in ended.sentence()


def test_devices_that_cannot_be_reached_are_named_and_do_not_keep_it_from_starting(
    tmp_path: Path, nightcal: Nightcal
) -> None:
    with guarding(tmp_path, NOBODY) as process:
        assert process.told.count("does not connect") == 3
        assert f"dome 0 at {NOBODY}" in process.told
        said = nightcal("guard", "status")
        assert "not safe: no answer about safety" in said.out


def ended_of(arguments: list[str]) -> Ended:
    command = [sys.executable, "-m", "capture.guard", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def live() -> Iterator[Server]:
    """An observatory at noon in real time."""
    with serve(Observatory(SystemClock(), demo_settings(1, 64, 64))) as server:
        yield server


@dataclass
class Guarding:
    """The guard's process, and what it said until its door was open."""

    process: subprocess.Popen[str]
    told: str


@contextmanager
def guarding(folder: Path, address: str) -> Iterator[Guarding]:
    """`nightcal guard` at work, its door open."""
    write_config(folder, address, CONFIG + ROOF + GUARD)
    command = as_process("guard", "--json")
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            told = ""
            while "guarding the roof" not in told:
                told += process.stdout.readline()
                assert process.poll() is None
            yield Guarding(process, told)
        finally:
            process.kill()


# 05:31 at the site, on the day before the one that has 25 hours.
LONGEST_DAY = datetime(2026, 10, 31, 11, 31, tzinfo=UTC)


def test_people_ask_it_from_the_command_line(
    tmp_path: Path, live: Server, nightcal: Nightcal, monkeypatch: pytest.MonkeyPatch
) -> None:
    with guarding(tmp_path, live.address) as guard:
        assert nightcal("guard", "reset").out == "the roof has no fault\n"
        with monkeypatch.context() as patch:
            patch.setattr(capture.cli.guard, "clock_of_this_process", lambda: SimulatedClock(LONGEST_DAY))
            held = nightcal("roof", "hold", "--until", "05:30")
        assert (held.status, held.out[:31]) == (0, "held until 2026-11-01 12:30 UTC")
        said = nightcal("guard", "status").out
        assert "held open for: observers (" in said
        assert nightcal("roof", "release").out == "released\n"
        assert "held open for: nobody" in nightcal("guard", "status").out
        for wrong in ("tomorrow", "2020-01-01T05:30"):
            refused = nightcal("roof", "hold", "--until", wrong)
            assert refused.status == 2
            assert wrong in refused.sentence()
        began = time.monotonic()
        guard.process.terminate()
        assert guard.process.wait(60) == 0
        assert time.monotonic() - began < 60
    away = nightcal("guard", "status")
    assert away.status == 1
    assert "is `nightcal guard` up?" in away.sentence()


def test_a_config_that_is_wrong_elsewhere_keeps_nobody_from_asking_it(
    tmp_path: Path, live: Server, nightcal: Nightcal
) -> None:
    with guarding(tmp_path, live.address):
        path = tmp_path / "nightcal.toml"
        path.write_text(path.read_text().replace("darks.probe_s = 0", 'darks.probe_s = "soon"'))
        assert nightcal("status").status == 2
        assert nightcal("guard", "status").status == 0
        assert nightcal("guard", "reset").out == "the roof has no fault\n"
        assert nightcal("roof", "hold", "--until", "05:30").out.startswith("held until")
        assert nightcal("roof", "release").out == "released\n"


def test_without_a_guard_section_there_is_nobody_to_ask(tmp_path: Path, nightcal: Nightcal) -> None:
    write_config(tmp_path)
    for command in (["guard", "status"], ["guard", "reset"], ["roof", "release"]):
        ended = nightcal(*command)
        assert ended.status == 2
        assert "has no section [guard]" in ended.sentence()
