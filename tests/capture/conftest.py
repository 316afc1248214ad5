"""Tests that keep a catalogue run on both databases: a SQLite file, and a real PostgreSQL server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.capture.store.postgresql import LACKING, Server, programs

ON_POSTGRESQL = pytest.param("postgresql", marks=pytest.mark.xdist_group("postgresql"))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    binaries = programs()
    if binaries is None:
        pytest.skip(LACKING)
    server = Server(binaries)
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", ON_POSTGRESQL])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a catalogue may be made: a path, or the URL of an empty database."""
    if request.param == "sqlite":
        return str(tmp_path / "c.sqlite")
    server: Server = request.getfixturevalue("postgresql")
    return server.new_database()
