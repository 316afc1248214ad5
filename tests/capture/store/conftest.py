"""The store's tests run on both databases: a SQLite file, and a real PostgreSQL server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, NullPool, create_engine

from capture.clock import SimulatedClock
from capture.store.archive import Archive
from capture.store.catalogue import Catalogue
from tests.capture.store.frames import SITE, START
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


@pytest.fixture
def catalogue(place: str) -> Iterator[Catalogue]:
    catalogue = Catalogue(place, busy_timeout_s=0.05)
    yield catalogue
    catalogue.close()


@pytest.fixture
def archive(place: str, tmp_path: Path) -> Iterator[Archive]:
    archive = Archive(tmp_path / "archive", SITE, SimulatedClock(START), place)
    yield archive
    archive.close()


@contextmanager
def another_program(place: str) -> Iterator[Connection]:
    """A connection that commits each statement, from outside of nightcal."""
    url = place if "://" in place else f"sqlite:///{place}"
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        yield connection
    engine.dispose()
