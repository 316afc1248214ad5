"""What was set aside outlives the database: a file beside it is written first and read at every start."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from capture.clock import SimulatedClock
from capture.errors import StoreError
from capture.frame import Kind
from capture.store.archive import Archive, NotCatalogued
from capture.store.quarantine import SetAside
from capture.store.quarantine_file import QUARANTINE
from tests.capture.store.frames import DARK, NIGHT, SITE, START, make_frame

LATER = START + timedelta(hours=1)


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    archive = opened(tmp_path)
    yield archive
    archive.close()


def opened(folder: Path) -> Archive:
    return Archive(folder, SITE, SimulatedClock(START))


def spoil(archive: Archive, minutes: float, why: str = "light") -> list[int]:
    since = START + timedelta(minutes=minutes)
    return archive.catalogue.quarantine.set_aside("T1", (Kind.DARK,), since, LATER, "a test", why)


def lose_the_database(folder: Path) -> None:
    for file in folder.glob("catalogue.sqlite*"):
        file.unlink()


def test_a_lost_database_frees_no_frame(archive: Archive, tmp_path: Path) -> None:
    rows = [archive.save(make_frame(DARK, minutes=minute), None, NIGHT) for minute in range(3)]
    assert spoil(archive, 2) == [rows[2].id]
    archive.close()
    lose_the_database(tmp_path)
    again = opened(tmp_path)
    try:
        assert len(again.reconcile()) == 3
        by_path = {row.path: row for row in again.catalogue.frames()}
        assert [by_path[row.path].good for row in rows] == [True, True, False]
        spoilt = by_path[rows[2].path]
        assert spoilt.verdict.reasons == ("light",)
        assert again.catalogue.quarantine.all() == [SetAside(spoilt.id, LATER, "a test", "light")]
        (told,) = [entry.text for entry in again.catalogue.entries()]
        assert told == "1 frames are set aside again, as quarantine.jsonl tells"
        again.reconcile()
        assert again.catalogue.quarantine.all() == [SetAside(spoilt.id, LATER, "a test", "light")]
        assert len(again.catalogue.entries()) == 1, "nothing is told twice"
    finally:
        again.close()


def test_what_was_given_back_stays_so_when_the_database_is_lost(archive: Archive, tmp_path: Path) -> None:
    rows = [archive.save(make_frame(DARK, minutes=minute), None, NIGHT) for minute in range(3)]
    spoil(archive, 1)
    archive.catalogue.quarantine.release([rows[2].id], LATER + timedelta(hours=1), "operator", "a lamp")
    archive.close()
    lose_the_database(tmp_path)
    again = opened(tmp_path)
    try:
        again.reconcile()
        frames = {row.path: row for row in again.catalogue.frames()}
        assert [frames[row.path].good for row in rows] == [True, False, True]
        ids = [frames[row.path].id for row in rows]
        assert again.catalogue.quarantine.released(ids) == {ids[2]}
        (told,) = [entry.text for entry in again.catalogue.entries()]
        assert told.startswith("1 frames are set aside again")
        again.reconcile()
        assert [one.frame for one in again.catalogue.quarantine.all()] == [ids[1]]
    finally:
        again.close()


def test_a_frame_is_in_the_file_before_it_is_in_the_database(archive: Archive, tmp_path: Path) -> None:
    archive.save(make_frame(DARK, minutes=1), None, NIGHT)
    (tmp_path / QUARANTINE).mkdir()
    with pytest.raises(StoreError, match=r"quarantine.jsonl cannot be written"):
        spoil(archive, 0)
    assert archive.catalogue.quarantine.all() == []
    assert [row.good for row in archive.catalogue.frames()] == [True]


def test_a_line_that_was_cut_off_costs_no_other_and_is_told(archive: Archive, tmp_path: Path) -> None:
    rows = [archive.save(make_frame(DARK, minutes=minute), None, NIGHT) for minute in range(2)]
    file = tmp_path / QUARANTINE
    file.write_text('{"path": "raw/2026-')
    spoil(archive, 0)
    lines = file.read_text().splitlines()
    assert [json.loads(line)["path"] for line in lines[1:]] == [row.path for row in rows]
    archive.reconcile()
    (told,) = [entry.text for entry in archive.catalogue.entries()]
    assert told == "1 lines of quarantine.jsonl cannot be read; mend them"


def test_another_file_of_the_same_name_is_not_blamed(archive: Archive, tmp_path: Path) -> None:
    row = archive.save(make_frame(DARK), None, NIGHT)
    spoil(archive, 0)
    archive.close()
    lose_the_database(tmp_path)
    (tmp_path / row.path).unlink()
    again = opened(tmp_path)
    try:
        other = again.save(make_frame(DARK, minutes=9), None, NIGHT)
        assert other.path == row.path
        again.reconcile()
        assert [frame.good for frame in again.catalogue.frames()] == [True]
    finally:
        again.close()


def away(folder: Path, old: str, new: str) -> None:
    with closing(sqlite3.connect(folder / "catalogue.sqlite")) as other:
        other.execute(f"ALTER TABLE {old} RENAME TO {new}")


@pytest.mark.parametrize("database", ["away", "back", "lost"])
def test_frames_whose_rows_are_owed_are_set_aside_when_they_land(
    archive: Archive, tmp_path: Path, database: str
) -> None:
    kept = archive.save(make_frame(DARK, minutes=0), None, NIGHT)
    known = archive.save(make_frame(DARK, minutes=10), None, NIGHT)
    away(tmp_path, "frames", "gone")
    with pytest.raises(NotCatalogued):
        archive.save(make_frame(DARK, minutes=11), None, NIGHT)
    if database == "back":
        away(tmp_path, "gone", "frames")
    assert spoil(archive, 5) == ([known.id] if database == "back" else [])
    if database != "back":
        away(tmp_path, "gone", "frames")
    if database == "lost":
        archive.close()
        lose_the_database(tmp_path)
        archive = opened(tmp_path)
        archive.reconcile()
    else:
        assert archive.pay_rows() == 0
    try:
        later = archive.save(make_frame(DARK, minutes=90), None, NIGHT)
        by_time = {row.taken: row.good for row in archive.catalogue.frames()}
        assert list(by_time.values()) == [True, False, False, True]
        assert by_time[kept.taken]
        assert by_time[later.taken]
        aside = len(archive.catalogue.quarantine.all())
        archive.reconcile()
        assert len(archive.catalogue.quarantine.all()) == aside == 2, "nothing is set aside twice"
    finally:
        archive.close()
