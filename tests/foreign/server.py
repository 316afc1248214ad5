"""Somebody else's Alpaca server, alpaca-simulators from the package index, started for a test on loopback."""

from __future__ import annotations

import http.client
import json
import os
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.ports import free_port

VENV = Path(__file__).parents[2] / ".venv-foreign"
_COMMAND = VENV / "bin" / "alpaca-simulators"
_STARTS_WITHIN_S = 60.0


@dataclass(frozen=True)
class ForeignServer:
    """The running server; `log` is the file that its output goes to."""

    port: int
    log: Path

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def get(self, path: str) -> Any:
        """The JSON that a GET answers."""
        return self._ask("GET", path, "")

    def put(self, path: str, **values: object) -> Any:
        """The JSON that a PUT of a form answers."""
        return self._ask("PUT", path, urlencode(values))

    def value(self, member: str) -> Any:
        """The Value of `telescope/0/altitude` and the like."""
        return self.get(f"/api/v1/{member}")["Value"]

    def _ask(self, method: str, path: str, body: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            headers = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
            connection.request(method, path, body or None, headers)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()


def require_installed() -> None:
    """Skip, naming what is missing; fail in CI, where `make test` has installed it."""
    if _COMMAND.exists():
        return
    missing = f"{_COMMAND} is missing: `make test` installs alpaca-simulators into .venv-foreign"
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)


@contextmanager
def foreign_server(folder: Path, size_px: int) -> Iterator[ForeignServer]:
    """Run the server with sensors of `size_px`, sunlight, and a star catalogue of its own in `folder`."""
    config = folder / "alpaca-simulators.yaml"
    config.write_text(_config(_star_catalogue(folder), size_px))
    astropy_settings = folder / "astropy"
    astropy_settings.mkdir()
    # It asks astropy where the Sun is, which would fetch tables of the Earth's rotation from the net.
    (astropy_settings / "astropy.cfg").write_text(
        "[utils.iers.iers]\nauto_download = False\nauto_max_age = 1e9\niers_degraded_accuracy = warn\n"
    )
    port, log = free_port(), folder / "alpaca-simulators.log"
    environment = os.environ | {"ASTROPY_CONFIG_DIR": str(astropy_settings)}
    # An absolute path keeps its configuration out of its package's own folder.
    command = [str(_COMMAND), "--host", "127.0.0.1", "--port", str(port), "--config", str(config)]
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stdout=output, stderr=output, env=environment, cwd=folder) as process,
    ):
        try:
            server = ForeignServer(port, log)
            _await(server, process)
            yield server
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _await(server: ForeignServer, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _STARTS_WITHIN_S
    while True:
        try:
            server.value("camera/0/connected")
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"alpaca-simulators did not start:\n{server.log.read_text()[-2000:]}")
            time.sleep(0.1)


def _config(catalogue: Path, size_px: int) -> str:
    """Its own template with a few values changed."""
    (template,) = VENV.glob("lib/python*/site-packages/alpaca_simulators/config/template.yaml")
    text = template.read_text()
    changes = {
        "tap_source: null": f"tap_source: {catalogue}",
        "sunlight: false": "sunlight: true",
        "cameraxsize: 1024": f"cameraxsize: {size_px}",
        "cameraysize: 1024": f"cameraysize: {size_px}",
        "numx: 1024": f"numx: {size_px}",
        "numy: 1024": f"numy: {size_px}",
        # Else two exposures of one length from a parked mount are one and the same picture.
        "gaia_query_timeout: 30": "gaia_query_timeout: 30\nimage_cache_entries: 1",
    }
    for old, new in changes.items():
        assert text.count(old) == 1, f"alpaca-simulators' template has changed: {old}"
        text = text.replace(old, new)
    return text


def _star_catalogue(folder: Path) -> Path:
    """A star every 2 degrees, none of them bright, so that no light frame asks the net for stars."""
    path = folder / "stars.sqlite"
    stars = [(float(ra), float(dec), 12.0) for ra in range(0, 360, 2) for dec in range(-88, 90, 2)]
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("CREATE TABLE gaia_sources (ra REAL, dec REAL, phot_g_mean_mag REAL)")
        connection.executemany("INSERT INTO gaia_sources VALUES (?, ?, ?)", stars)
    connection.close()
    return path
