"""The terminal's live line: what each rig does, the countdown of its exposure, when the run ends."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from capture.cli.progress import describe, live_line
from capture.clock import SimulatedClock, SystemClock
from capture.config import load_config
from capture.errors import Stopped
from capture.journal import Journal
from capture.night.farm import open_farm
from capture.night.run import Progress
from capture.rig.patience import Activity, Patience
from simulators import Server
from tests.capture.cli.command import as_process, write_config

NOW = datetime(2026, 11, 22, 4, 30, tzinfo=UTC)
DARKS = Progress("darks", 3, 10, NOW + timedelta(minutes=42, seconds=10), by_the_sky=False)


@pytest.mark.parametrize(
    ("progress", "activity", "line"),
    [
        (None, None, ""),
        (DARKS, None, "T1 darks 3/10, ends about 05:12 UTC (in 42:10)"),
        (
            DARKS,
            Activity("an exposure of 600 s", 100.0, 701.0),
            "T1 darks 3/10, ends about 05:12 UTC (in 42:10): an exposure of 600 s, 8:21 left",
        ),
        (DARKS, Activity("an exposure of 60 s", 100.0, 160.0), None),
        (None, Activity("cooling", 0.0, None), "T1: cooling, 3:20 so far"),
        (None, Activity("the twilight", 0.0, 4000.0), "T1: the twilight, 1:03:20 left"),
        (
            Progress("sky_flats", 7, 40, NOW + timedelta(minutes=20), by_the_sky=True),
            Activity("too bright yet for Ha", 190.0, 210.0),
            "T1 sky_flats 7, window to 04:50 UTC (in 20:00): too bright yet for Ha, 0:10 left",
        ),
    ],
)
def test_a_rig_is_told_by_its_run_and_by_what_it_waits_for(
    progress: Progress | None, activity: Activity | None, line: str | None
) -> None:
    said = describe("T1", progress, activity, NOW, ticks=200.0)
    if line is None:
        assert said.endswith("an exposure of 60 s, done any moment")
    else:
        assert said == line


def test_every_wait_says_what_it_is_for_and_until_when() -> None:
    clock = SimulatedClock(NOW)
    patience = Patience("T1", clock)
    seen: list[Activity | None] = []

    def look() -> bool:
        seen.append(patience.activity)
        return True

    def main() -> None:
        clock.sleep(10)
        patience.wait("an exposure of 60 s", look, deadline_s=180, expected_s=60)
        patience.wait("the slew", look, deadline_s=180)
        clock.spawn(
            lambda: (clock.sleep(30), seen.append(patience.activity), patience.stop("enough")), "stop"
        )
        with pytest.raises(Stopped):
            patience.pause_long(3600, "the twilight")

    clock.run(main)
    assert seen == [
        Activity("an exposure of 60 s", 10, 70),
        Activity("the slew", 70, None),
        Activity("the twilight", 70, 3670),
    ]
    assert patience.activity is None


def test_the_live_line_shows_the_rigs_of_a_farm_and_goes_when_it_ends(tmp_path: Path, server: Server) -> None:
    settings, clock = load_config(write_config(tmp_path, server.address)), SystemClock()
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, width=120, _environ={"TERM": "xterm"})

    def main() -> None:
        with open_farm(settings, clock, Journal(clock)) as farm, live_line([farm], clock, console):
            farm.rigs["T1"].patience.pause(1.2, "a test")

    clock.run(main)
    assert re.search(r"\d\d:\d\d:\d\d  \|  T1: a test, 0:01 left", output.getvalue())
    # The line is erased at the end, and the cursor is back.
    assert output.getvalue().endswith("\x1b[2K")
    assert "\x1b[?25h" in output.getvalue()


def test_where_there_is_no_terminal_nothing_is_shown() -> None:
    output = io.StringIO()
    with live_line([], SystemClock(), Console(file=output)):
        pass
    assert output.getvalue() == ""


@pytest.mark.parametrize("as_json", [False, True])
def test_an_operator_at_a_terminal_sees_the_countdown_but_no_json_reader_does(
    tmp_path: Path, server: Server, as_json: bool
) -> None:
    write_config(tmp_path, server.address)
    command = as_process("run", "darks", "--exposures", "2", "--count", "1", *["--json"] * as_json)
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        stdout=theirs,
        stderr=theirs,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "120"},
    ) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                shown += os.read(ours, 4096)
            except OSError:  # Linux's word for the end of a terminal.
                break
        assert process.wait(30) == 0
    os.close(ours)
    countdown = rb"T1 darks 0/1, ends about \d\d:\d\d UTC \(in 0:0\d\): an exposure of 2 s, 0:0\d left"
    assert bool(re.search(countdown, shown)) is not as_json
    assert b"good" in shown
