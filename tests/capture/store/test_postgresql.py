"""A PostgreSQL server that dies, is away, or is used by several programs at once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from capture.clock import SimulatedClock
from capture.errors import StoreError
from capture.store.archive import Archive, NotCatalogued
from capture.store.catalogue import Catalogue
from tests.capture.store.frames import DARK, NIGHT, SITE, START, make_frame
from tests.capture.store.postgresql import Server

pytestmark = pytest.mark.xdist_group("postgresql")


@pytest.fixture
def killed(postgresql: Server) -> Iterator[Server]:
    """The server, which the test may kill, and which runs again after it."""
    yield postgresql
    postgresql.kill()
    postgresql.start()


def test_frames_outlive_a_killed_server_and_are_catalogued_when_it_is_back(
    killed: Server, tmp_path: Path
) -> None:
    archive = Archive(tmp_path, SITE, SimulatedClock(START), killed.new_database())
    with closing(archive):
        archive.save(make_frame(DARK), None, NIGHT)
        killed.kill()
        with pytest.raises(NotCatalogued, match="cannot be reached"):
            archive.save(make_frame(DARK, minutes=1), None, NIGHT)
        with pytest.raises(StoreError, match="cannot be reached: start its PostgreSQL server"):
            archive.catalogue.frames()
        killed.start()
        assert len(archive.catalogue.frames()) == 1, "what was committed is there, and no more"
        archive.save(make_frame(DARK, minutes=2), None, NIGHT)
        assert len(archive.catalogue.frames()) == 3


def test_a_server_that_is_not_there_is_said_so_without_its_password(killed: Server) -> None:
    url = killed.new_database().replace("nightcal@", "nightcal:geheim@")
    killed.kill()
    with pytest.raises(StoreError, match="cannot be reached") as caught:
        Catalogue(url)
    killed.start()
    assert "geheim" not in str(caught.value)


def test_a_database_that_is_not_there_is_said_so(postgresql: Server) -> None:
    url = postgresql.new_database()
    with pytest.raises(StoreError, match="make the database with createdb"):
        Catalogue(url.replace("@/n", "@/other_n"))


def test_programs_that_write_at_once_lose_nothing_and_count_right(postgresql: Server) -> None:
    place = postgresql.new_database()
    catalogues = [Catalogue(place) for _ in range(4)]

    def add(number: int) -> None:
        frame = make_frame(DARK, minutes=number)
        catalogues[number % 4].add_frame(frame, run=None, night=NIGHT, path=str(number), sha256="0" * 64)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(80)))
    (row,) = catalogues[0].board()
    assert row.good_frames == len(catalogues[1].frames(good=True)) == 80
    for catalogue in catalogues:
        catalogue.close()
