"""The settings that the contract suite runs in; `--alpaca host:port` puts real hardware in their place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from capture.clock import SimulatedClock, SystemClock
from simulators import Observatory, demo_settings, serve
from tests.conftest import DUSK
from tests.contract.bench import Bench, in_process, over_http
from tests.contract.differences import ALPACA_SIMULATORS
from tests.foreign.server import ForeignServer, foreign_server, require_installed

FOREIGN = "alpaca-simulators"
HARDWARE = "hardware"
SETTINGS = ("in process", "http platform 7", "http platform 6", FOREIGN)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "moves: moves something; on hardware only with --alpaca-moves")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "bench" not in metafunc.fixturenames:
        return
    if metafunc.config.getoption("--alpaca"):
        metafunc.parametrize("bench", [HARDWARE], indirect=True)
        return
    name = metafunc.function.__name__
    settings = []
    for setting in SETTINGS:
        marks: list[pytest.MarkDecorator] = []
        if setting == FOREIGN:
            marks.append(pytest.mark.xdist_group("alpaca-simulators contract"))
            if name in ALPACA_SIMULATORS:
                # Strict, as configured: a difference that is gone must be taken off the list.
                marks.append(pytest.mark.xfail(reason=ALPACA_SIMULATORS[name]))
        settings.append(pytest.param(setting, marks=marks))
    metafunc.parametrize("bench", settings, indirect=True, ids=[s.replace(" ", "-") for s in SETTINGS])


@pytest.fixture(scope="session")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForeignServer]:
    require_installed()
    with foreign_server(tmp_path_factory.mktemp("foreign"), 64) as running:
        yield running


@pytest.fixture
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Devices in one of the settings."""
    setting: str = request.param
    if setting == HARDWARE:
        moves = request.node.get_closest_marker("moves") is not None
        if moves and not request.config.getoption("--alpaca-moves"):
            pytest.skip("moves something: --alpaca-moves allows it")
        made = Bench(setting, SystemClock(), over_http(request.config.getoption("--alpaca")))
        yield made
        made.close()
    elif setting == FOREIGN:
        made = Bench(setting, SystemClock(), over_http(request.getfixturevalue("foreign").address))
        yield made
        made.close()
    else:
        yield from _simulated(setting)


def _simulated(setting: str) -> Iterator[Bench]:
    clock = SimulatedClock(DUSK)
    settings = demo_settings(seed=7, width_px=96, height_px=64)
    observatory = Observatory(clock, replace(settings, platform=6 if setting.endswith("6") else 7))
    if setting == "in process":
        made = Bench(setting, clock, in_process(observatory))
        yield made
        made.close()
        return
    with serve(observatory) as server:
        made = Bench(setting, clock, over_http(server.address))
        yield made
        made.close()
