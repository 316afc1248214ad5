"""Fake and hostile servers, and lines to them that are closed at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from capture.alpaca.transport import Line
from capture.clock import Clock
from capture.config import Timeouts
from tests.capture.alpaca.fake_server import FakeServer
from tests.capture.alpaca.hostile import HostileServer

Dial = Callable[..., Line]


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


@pytest.fixture
def hostile() -> Iterator[HostileServer]:
    with HostileServer() as server:
        yield server


@pytest.fixture
def dial(fake: FakeServer) -> Iterator[Dial]:
    """Make lines to camera 0 of the fake server, or of `server`."""
    lines: list[Line] = []

    def dial(timeouts: Timeouts | None = None, server: str = "", clock: Clock | None = None) -> Line:
        lines.append(Line(server or fake.address, "camera", 0, timeouts, clock))
        return lines[-1]

    yield dial
    for line in lines:
        line.close()


@pytest.fixture
def line(dial: Dial) -> Line:
    return dial()
