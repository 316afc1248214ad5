"""Programs that run beside the test: the simulators, and the command itself."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE_S = 40.0


@contextmanager
def simulators(rate: float, start: str = "2026-11-22T00:05") -> Iterator[str]:
    """`python -m simulators`; yields its address. By default it is a clear dusk there, the roof shut."""
    command = [sys.executable, "-m", "simulators", "--port", "0", "--size", "64"]
    command += ["--rate", str(rate), "--start", start]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[3].rstrip(",")
        finally:
            process.terminate()
            process.communicate()


def value(server: str, member: str) -> Any:
    """What the device says of `camera/0/camerastate` and the like; None while it is not connected."""
    connection = http.client.HTTPConnection(server, timeout=10)
    try:
        connection.request("GET", f"/api/v1/{member}")
        return json.loads(connection.getresponse().read()).get("Value")
    finally:
        connection.close()


def faults(server: str, *them: dict[str, Any]) -> None:
    """Put these faults in force at the simulators, and no others."""
    connection = http.client.HTTPConnection(server, timeout=10)
    try:
        connection.request("PUT", "/simulator/faults", json.dumps(them))
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
    finally:
        connection.close()


@dataclass
class Running:
    """The command as a process of its own, its output in files."""

    process: subprocess.Popen[bytes]
    out_path: Path
    err_path: Path

    @property
    def out(self) -> str:
        return self.out_path.read_text()

    @property
    def err(self) -> str:
        return self.err_path.read_text()

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for `condition`; fail when the command ends before."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert self.process.poll() is None, self.out + self.err
            assert time.monotonic() < deadline, self.out + self.err
            time.sleep(0.02)

    def signal(self, number: signal.Signals = signal.SIGINT) -> None:
        """Press Ctrl-C, or send another signal."""
        self.process.send_signal(number)

    def ended(self) -> tuple[int, float]:
        """Wait for its end: the exit status, and how many seconds it took."""
        began = time.monotonic()
        status = self.process.wait(PATIENCE_S)
        return status, time.monotonic() - began


@contextmanager
def running(folder: Path, *arguments: str, sigint_ignored: bool = False) -> Iterator[Running]:
    """Start the command in `folder`; `sigint_ignored`: as a script's `command &` starts it."""
    out, err = folder / "out.txt", folder / "err.txt"
    environment = os.environ | {"COLUMNS": "200"}
    command = [sys.executable, "-m", "capture", *arguments]
    if sigint_ignored:
        command = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh", *command]
    with (
        out.open("wb") as stdout,
        err.open("wb") as stderr,
        subprocess.Popen(command, cwd=folder, stdout=stdout, stderr=stderr, env=environment) as process,
    ):
        try:
            yield Running(process, out, err)
        finally:
            if process.poll() is None:
                process.kill()
