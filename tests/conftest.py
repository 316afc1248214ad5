"""One simulated observatory with small sensors, served over HTTP, and a config that points at it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from capture.clock import SimulatedClock
from capture.config import Config, parse_config
from simulators import Observatory, ObservatorySettings, Server, demo_settings, serve
from tests.wire import Wire

# 17:20 local time at the demo's site: the Sun stands near -4 deg.
DUSK = datetime(2026, 11, 22, 0, 20, tzinfo=UTC)
TWO_RIGS = """
[site]
name = "Test"
latitude_deg = 32.9
longitude_deg = -105.5
elevation_m = 2225.0
time_zone = "America/Denver"

[storage]
folder = "data"

[roof]
dome = "{server}/0"
mode = "operate"
if_park_fails = "close"
safety_monitors = ["{server}/0"]
observing_conditions = "{server}/0"
reopen_after_s = 0.0

[[rig]]
name = "T1"
camera = "{server}/0"
filter_wheel = "{server}/0"
telescope = "{server}/0"
cover_calibrator = "{server}/0"
gain = 0
offset = 50
readout_mode = 0
cooling = {{ set_temperature_c = -10.0 }}

[[rig]]
name = "T2"
camera = "{server}/1"
filter_wheel = "{server}/1"
telescope = "{server}/1"
cover_calibrator = "{server}/1"
cooling = {{ set_temperature_c = -20.0 }}
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("hardware", "tests/contract on real devices")
    group.addoption("--alpaca", metavar="HOST:PORT", help="run it there, in real time")
    group.addoption("--alpaca-moves", action="store_true", help="and what moves roof, mount, cover, wheel")


@pytest.fixture(scope="session", autouse=True)
def _own_locks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Locks on devices, of processes that tests start too, stay out of the user's own folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(DUSK)


@pytest.fixture
def settings() -> ObservatorySettings:
    return demo_settings(seed=7, width_px=96, height_px=64)


@pytest.fixture
def observatory(clock: SimulatedClock, settings: ObservatorySettings) -> Observatory:
    return Observatory(clock, settings)


@pytest.fixture
def served(observatory: Observatory) -> Iterator[Server]:
    """The observatory behind a real Alpaca server."""
    with serve(observatory) as server:
        yield server


@pytest.fixture
def wire(served: Server) -> Wire:
    """The served observatory's wire, to listen on and to tamper with."""
    return Wire(served)


@pytest.fixture
def config(served: Server, tmp_path: Path) -> Config:
    """Two rigs under one roof, T1 and T2, by the served address."""
    return parse_config(TWO_RIGS.format(server=served.address), tmp_path / "nightcal.toml")
