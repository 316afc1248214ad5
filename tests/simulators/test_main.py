"""`python -m simulators` serves until it is told to end, and refuses bad input in one sentence."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from capture.clock import ADDRESS_VARIABLE, SimulatedClock, serve_clock

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@contextmanager
def ending(process: subprocess.Popen[str]) -> Iterator[None]:
    """A server that a failed test would leave running is not waited for."""
    try:
        yield
    finally:
        process.kill()


def test_it_serves_and_ends_cleanly(tmp_path: Path) -> None:
    faults = tmp_path / "faults.json"
    faults.write_text('[{"kind": "http_500", "device": "dome/0", "member": "slewing"}]', "utf-8")
    command = [
        sys.executable,
        "-m",
        "simulators",
        "--port",
        "0",
        "--rate",
        "60",
        "--size",
        "64",
        "--start",
        "2026-11-22T00:00",
        "--platform",
        "6",
        "--faults",
        str(faults),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process, ending(process):
        assert process.stdout is not None
        first = process.stdout.readline()
        port = int(first.split()[3].rstrip(",").rpartition(":")[2])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/management/v1/configureddevices")
        assert len(json.loads(connection.getresponse().read())["Value"]) == 15
        connection.request("GET", "/api/v1/dome/0/interfaceversion")
        assert json.loads(connection.getresponse().read())["Value"] == 2
        connection.request("GET", "/api/v1/dome/0/slewing")
        assert connection.getresponse().status == 500
        connection.close()
        process.send_signal(signal.SIGTERM)
        rest = process.stdout.read()
        assert process.wait(20) == 0
    assert "camera/0" in rest
    assert "fault: http_500 at dome/0 slewing" in rest
    assert rest.endswith("ended\n")


def test_it_lives_by_the_simulated_clock_that_its_environment_names() -> None:
    clock = SimulatedClock(datetime(2026, 11, 22, 0, 0, tzinfo=UTC))
    command = [sys.executable, "-m", "simulators", "--port", "0", "--size", "64"]

    def ask(address: str) -> str:
        connection = http.client.HTTPConnection(address, timeout=20)
        connection.request("GET", "/api/v1/telescope/0/utcdate")
        value: str = json.loads(connection.getresponse().read())["Value"]
        connection.close()
        return value

    with serve_clock(clock) as server:
        environment = os.environ | {ADDRESS_VARIABLE: server.address}
        with (
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process,
            ending(process),
        ):
            assert process.stdout is not None
            address = process.stdout.readline().split()[3].rstrip(",")
            connection = http.client.HTTPConnection(address, timeout=20)
            connection.request("PUT", "/api/v1/telescope/0/connected", "Connected=True", FORM)
            connection.getresponse().read()
            connection.close()
            assert ask(address).startswith("2026-11-22T00:00:00")
            clock.run(lambda: clock.sleep(3600))
            assert ask(address).startswith("2026-11-22T01:00:00")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--start", "yesterday"], "yesterday"),
        (["--rate", "0"], "rate"),
        (["--port", "70000"], "--port"),
        (["--faults", "nowhere.json"], "nowhere.json"),
        (["--faults", __file__], "faults"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(arguments: list[str], word: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "simulators", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert word in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_in_use_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "simulators", "--size", "64", "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert str(port) in done.stderr
    assert "Traceback" not in done.stderr
