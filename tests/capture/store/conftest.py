"""Catalogues and archives at the places of tests/capture/conftest.py, and what befalls them."""

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


def lose(place: str) -> None:
    """Lose the database, as a disk or a server does."""
    if "://" in place:
        with another_program(place) as connection:
            connection.exec_driver_sql("DROP SCHEMA public CASCADE")
            connection.exec_driver_sql("CREATE SCHEMA public")
    else:
        for file in Path(place).parent.glob(f"{Path(place).name}*"):
            file.unlink()
