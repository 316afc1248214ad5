"""The command in this process, and a simulated observatory to run it on."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from capture.__main__ import main
from capture.clock import SystemClock
from simulators import Observatory, Server, demo_settings, serve
from tests.capture.cli.command import Ended, Nightcal


@pytest.fixture
def nightcal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Nightcal:
    """Run the command in `tmp_path`, where its config is, to its end."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NIGHTCAL_CONFIG", raising=False)

    def run(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["nightcal", *arguments])
        with pytest.raises(SystemExit) as exit_:
            main()
        printed = capsys.readouterr()
        return Ended(int(exit_.value.code or 0), printed.out, printed.err)

    return run


@pytest.fixture
def server() -> Iterator[Server]:
    """The demo's observatory with small sensors, 100 times faster than life, before dusk."""
    clock = SystemClock(rate=100, start=datetime(2026, 11, 21, 20, 0, tzinfo=UTC))
    with serve(Observatory(clock, demo_settings(width_px=64, height_px=64))) as running:
        yield running
