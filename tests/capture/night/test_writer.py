"""The writer keeps every frame, whatever the catalogue suffers meanwhile."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from capture.clock import SimulatedClock
from capture.errors import StoreError
from capture.journal import Entry, Journal
from capture.night.writer import Writer
from capture.store.archive import CATALOGUE, Archive
from tests.capture.store.frames import DARK, NIGHT, SITE, START, make_frame


def test_a_night_goes_on_while_the_catalogue_is_away_and_nothing_is_lost(tmp_path: Path) -> None:
    clock = SimulatedClock(START)
    archive, journal, said = Archive(tmp_path, SITE, clock), Journal(clock), list[Entry]()
    journal.listen(said.append)
    writer = Writer(archive, clock, journal)
    run = archive.catalogue.open_run("T1", "darks", NIGHT, START)

    def rename(old: str, new: str) -> None:
        with closing(sqlite3.connect(tmp_path / CATALOGUE)) as other:
            other.execute(f"ALTER TABLE {old} RENAME TO {new}")

    def night() -> None:
        writer.start()
        for minutes in range(6):
            if minutes == 2:
                rename("frames", "away")
            if minutes == 4:
                rename("away", "frames")
            writer.note(Entry(START, "T1", "step", f"before frame {minutes}"))
            writer.put(make_frame(DARK, minutes=minutes), run, NIGHT)
            writer.drain()
        writer.close()

    clock.run(night)
    assert [row.run for row in archive.catalogue.frames()] == [run] * 6
    assert [entry.text for entry in archive.catalogue.entries()] == [f"before frame {n}" for n in range(6)]
    assert [entry.kind for entry in said if entry.kind != "frame"] == ["alarm", "catalogue"]
    assert len([entry for entry in said if entry.kind == "frame"]) == 6
    archive.close()


def test_rows_that_are_owed_at_the_end_are_said_so_and_made_at_the_next_start(tmp_path: Path) -> None:
    clock = SimulatedClock(START)
    archive, journal, said = Archive(tmp_path, SITE, clock), Journal(clock), list[Entry]()
    journal.listen(said.append)
    writer = Writer(archive, clock, journal)

    def night() -> None:
        writer.start()
        with closing(sqlite3.connect(tmp_path / CATALOGUE)) as other:
            other.execute("ALTER TABLE frames RENAME TO away")
        writer.put(make_frame(DARK), None, NIGHT)  # type: ignore[arg-type]
        writer.close()

    clock.run(night)
    archive.close()
    assert said[-1].text == "1 frames are on disk without a row; the next start makes it"
    with closing(sqlite3.connect(tmp_path / CATALOGUE)) as other:
        other.execute("ALTER TABLE away RENAME TO frames")
    with closing(Archive(tmp_path, SITE, clock)) as again:
        assert len(again.reconcile()) == len(again.catalogue.frames()) == 1


def test_an_error_that_nobody_foresaw_stops_the_frames_and_keeps_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimulatedClock(START)
    archive, journal, said = Archive(tmp_path, SITE, clock), Journal(clock), list[Entry]()
    journal.listen(said.append)
    writer = Writer(archive, clock, journal)
    run = archive.catalogue.open_run("T1", "darks", NIGHT, START)

    def night() -> None:
        writer.start()
        with monkeypatch.context() as broken:
            broken.setattr(archive, "save", lambda *_, **__: 1 / 0)
            writer.put(make_frame(DARK), run, NIGHT)
            with pytest.raises(StoreError, match="ZeroDivisionError"):
                writer.drain()
        with pytest.raises(StoreError, match="ZeroDivisionError"):
            writer.put(make_frame(DARK), run, NIGHT)
        writer.try_again()
        writer.put(make_frame(DARK, minutes=1), run, NIGHT)
        writer.close()

    clock.run(night)
    assert len(archive.catalogue.frames()) == 1
    assert [entry.kind for entry in said] == ["alarm", "frame"]
    archive.close()


def test_what_was_said_since_the_last_frame_is_kept_without_another(tmp_path: Path) -> None:
    clock = SimulatedClock(START)
    archive = Archive(tmp_path, SITE, clock)
    writer = Writer(archive, clock, Journal(clock))

    def service() -> list[str]:
        writer.start()
        writer.note(Entry(START, "T1", "step", "the last word"))
        writer.keep()
        clock.sleep(1.0)
        kept = [entry.text for entry in archive.catalogue.entries()]
        writer.close()
        return kept

    assert clock.run(service) == ["the last word"]
    archive.close()
