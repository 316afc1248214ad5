"""A small observatory in simulated time, with and without its server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from capture.clock import SimulatedClock
from simulators import Observatory, ObservatorySettings, Server, demo_settings, serve

# 17:05 local time at the demo's site: the Sun stands at -1 deg.
DUSK = datetime(2026, 11, 22, 0, 5, tzinfo=UTC)


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(DUSK)


@pytest.fixture
def settings() -> ObservatorySettings:
    return demo_settings(seed=7, width_px=96, height_px=64)


@pytest.fixture
def observatory(clock: SimulatedClock, settings: ObservatorySettings) -> Observatory:
    made = Observatory(clock, settings)
    for device in made.devices.values():
        device.connected = True
    return made


@pytest.fixture
def server(observatory: Observatory) -> Iterator[Server]:
    with serve(observatory) as running:
        yield running


@pytest.fixture
def advance(clock: SimulatedClock) -> Callable[[float], None]:
    """Let simulated seconds pass."""
    return lambda seconds: clock.run(lambda: clock.sleep(seconds))


@pytest.fixture
def rotating(clock: SimulatedClock, settings: ObservatorySettings) -> Observatory:
    made = Observatory(clock, replace(settings, roof=replace(settings.roof, kind="rotating_dome")))
    for device in made.devices.values():
        device.connected = True
    return made
