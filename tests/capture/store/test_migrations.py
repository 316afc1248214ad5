"""Catalogues of every earlier version are taken over whole; those of later ones are left alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from capture.errors import StoreError
from capture.frame import Kind
from capture.journal import Entry
from capture.store.catalogue import Catalogue
from capture.store.events import EventKind
from capture.store.migrations import VERSION_TABLE, is_up_to_date
from capture.store.needs import Need
from capture.store.orders import OrderedFlats
from capture.store.quarantine import SetAside
from capture.store.rows import Withdrawn
from capture.store.schema import Base
from tests.capture.store.conftest import another_program
from tests.capture.store.frames import DARK, FLAT, NIGHT, START, make_frame

# Written by the program of that version, with something in every table.
VERSION_4 = (Path(__file__).parent / "version_4.sql").read_text()
OLDER = {
    4: "",
    3: "DROP TABLE quarantine;",
    2: "DROP TABLE quarantine; ALTER TABLE frames DROP COLUMN gates;",
    1: "DROP TABLE quarantine; DROP TABLE events; DROP TABLE orders; ALTER TABLE frames DROP COLUMN gates;",
}


def old_database(path: Path, version: int) -> str:
    with closing(sqlite3.connect(path)) as old:
        old.executescript(VERSION_4 + OLDER[version] + f"PRAGMA user_version = {version};")
    return str(path)


@pytest.fixture
def of_version_4(tmp_path: Path) -> Iterator[Catalogue]:
    with closing(Catalogue(old_database(tmp_path / "old.sqlite", 4))) as catalogue:
        yield catalogue


def test_nothing_of_a_version_4_catalogue_is_lost(of_version_4: Catalogue) -> None:
    old = of_version_4
    assert [(run.rig, run.outcome) for run in old.runs()] == [("T1", "complete")]
    rows = old.frames()
    assert [(row.rig, str(row.spec), row.good) for row in rows] == [
        ("T1", "dark 120 s", True),
        ("T1", "dark 120 s", True),
        ("T1", "dark 120 s", False),
        ("T1", "dark 120 s", False),
        ("T1", "flat Ha", True),
        ("T1", "flat Ha", True),
        ("T2", "bias", True),
    ]
    frame = make_frame(DARK, minutes=1)
    assert (rows[1].facts, rows[1].statistics, rows[1].run) == (frame.facts, frame.statistics, 1)
    assert rows[4].gates == {"stars_percent": 0.5}
    (master,) = old.masters()
    assert (master.inputs, master.count, master.figures) == ((1, 2, 3), 3, {"median_adu": 1000.5})
    assert master.withdrawn == Withdrawn(START + timedelta(hours=3), "ann", "light")
    (candidate,) = old.candidates.of("T1", Kind.DARK)
    assert (candidate.shape, candidate.origin_px) == (rows[0].shape, rows[0].facts.subframe_origin_px)
    changes = [(one.what, one.who, one.why) for one in old.changes.all(rig="T1")]
    assert sorted(changes) == [("event", "ann", "dust"), ("order", "ann", ""), ("quarantine", "ann", "light")]
    assert old.quarantine.all() == [SetAside(3, START + timedelta(hours=3), "ann", "light")]
    (event,) = old.told.events()
    assert (event.kind, event.filter, event.note) == (EventKind.FILTER_CLEANED, "Ha", "dust")
    order = old.told.order("T1", NIGHT)
    assert order is not None
    assert order.flats == (OrderedFlats("Ha", 5),)
    assert old.entries() == [Entry(START, "T1", "frame", "good", {"level_adu": 30000})]


def test_the_frames_of_a_version_4_catalogue_meet_needs_and_are_on_the_board(of_version_4: Catalogue) -> None:
    darks, flats = Need("T1", DARK.set_key(), 2, 30.0), Need("T1", FLAT.set_key(), 2, 30.0)
    (missing,) = of_version_4.missing([darks, flats], START + timedelta(hours=1))
    assert (missing.need, missing.have) == (flats, 1), "one flat is from before the event"
    before = {(row.rig, str(row.spec)): row.good_frames for row in of_version_4.board()}
    assert before == {("T1", "dark 120 s"): 2, ("T1", "flat Ha"): 1, ("T2", "bias"): 1}
    frame = make_frame(DARK, minutes=30)
    of_version_4.add_frame(frame, run=None, night=NIGHT, path="new", sha256="e" * 64)
    (row,) = (row for row in of_version_4.board("T1") if row.spec.kind is Kind.DARK)
    assert (row.good_frames, row.newest_good) == (3, frame.facts.started)


@pytest.mark.parametrize("version", OLDER)
def test_catalogues_of_all_numbered_versions_are_taken_over(tmp_path: Path, version: int) -> None:
    place = old_database(tmp_path / "old.sqlite", version)
    for _ in range(2):
        with closing(Catalogue(place)) as catalogue:
            assert [master.inputs for master in catalogue.masters()] == [(1, 2, 3)]
            assert len(catalogue.frames()) == 7
            assert len(catalogue.told.events()) == (0 if version == 1 else 1)


def test_the_migrations_make_the_tables_that_the_program_knows(place: str, tmp_path: Path) -> None:
    places = [place] if "://" in place else [place, old_database(tmp_path / "old.sqlite", 2)]
    for one in places:
        Catalogue(one).close()
        with another_program(one) as another:
            context = MigrationContext.configure(another, opts={"version_table": VERSION_TABLE})
            assert compare_metadata(context, Base.metadata) == []
            assert is_up_to_date(another, one), "else every start would migrate, or none would"


def test_a_catalogue_of_a_newer_program_is_refused(place: str) -> None:
    Catalogue(place).close()
    with another_program(place) as newer:
        newer.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(StoreError, match=r"newer nightcal \(its version 9999, .*: update"):
        Catalogue(place)
    with another_program(place) as newer:
        assert newer.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar() == "9999"


def test_a_file_with_a_number_that_no_version_had_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "c.sqlite")) as newer:
        newer.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match=r"newer nightcal \(its version 99, .*: update"):
        Catalogue(tmp_path / "c.sqlite")


def test_a_takeover_that_fails_leaves_the_old_catalogue_as_it_was(tmp_path: Path) -> None:
    place = old_database(tmp_path / "old.sqlite", 4)
    with closing(sqlite3.connect(place)) as other:
        other.execute("CREATE TABLE leases (mine)")
    before = "\n".join(sqlite3.connect(place).iterdump())
    with pytest.raises(StoreError, match="leases already exists"):
        Catalogue(place)
    assert "\n".join(sqlite3.connect(place).iterdump()) == before


def test_several_programs_may_open_a_new_catalogue_at_once(place: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        catalogues = list(pool.map(lambda _: Catalogue(place), range(4)))
    for number, catalogue in enumerate(catalogues):
        catalogue.add_frame(make_frame(), run=None, night=NIGHT, path=str(number), sha256="0" * 64)
        catalogue.close()
