"""The catalogue counts what is good and young enough, and survives what databases suffer."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import text

from capture.errors import StoreError
from capture.frame import Frame, Kind
from capture.journal import Entry
from capture.store.catalogue import Catalogue
from capture.store.needs import Missing, Need
from capture.store.rows import FrameRow
from tests.capture.store.conftest import another_program
from tests.capture.store.frames import BIAS, DARK, FLAT, NIGHT, START, make_frame


def add(catalogue: Catalogue, frame: Frame, run: int | None = None) -> FrameRow:
    path = f"{frame.facts.rig}-{frame.spec}-{frame.facts.started.isoformat()}"
    return catalogue.add_frame(frame, run=run, night=NIGHT, path=path, sha256="0" * 64)


def test_a_frame_comes_back_as_it_was(catalogue: Catalogue) -> None:
    frame = make_frame(FLAT).judged("a cloud passed")
    frame = replace(frame, gates={"stars_percent": 0.5, "spot_deg": float("nan")})
    run = catalogue.open_run("T1", "sky_flats", NIGHT, START)
    row = add(catalogue, frame, run)
    assert catalogue.frames() == [row]
    assert row.gates == {"stars_percent": 0.5}
    assert (row.spec, row.facts, row.statistics) == (frame.spec, frame.facts, frame.statistics)
    assert (row.verdict, row.target_adu, row.shape) == (frame.verdict, 1000.0, (24, 32))
    assert (row.run, row.rig, row.kind, row.good, row.taken) == (run, "T1", Kind.FLAT, False, START)


def test_an_unknown_temperature_stays_unknown(catalogue: Catalogue) -> None:
    frame = make_frame()
    row = add(catalogue, replace(frame, facts=replace(frame.facts, ccd_temperature_c=float("nan"))))
    assert row.facts.ccd_temperature_c is None


def test_a_run_is_opened_and_closed(catalogue: Catalogue) -> None:
    run = catalogue.open_run("T1", "darks", NIGHT, START)
    assert catalogue.runs()[0].outcome is None
    catalogue.close_run(run, START + timedelta(hours=1), "complete")
    (row,) = catalogue.runs(rig="T1", night=NIGHT)
    assert (row.ended, row.outcome) == (START + timedelta(hours=1), "complete")
    with pytest.raises(StoreError, match="no run 99"):
        catalogue.close_run(99, START, "never")


def test_frames_are_found_by_what_they_are_in_the_order_taken(catalogue: Catalogue) -> None:
    late = add(catalogue, make_frame(DARK, minutes=9))
    early = add(catalogue, make_frame(DARK, minutes=1))
    other = add(catalogue, make_frame(FLAT, rig="T2").judged("starved"))
    assert catalogue.frames(kind=Kind.DARK) == [early, late]
    assert catalogue.frames(rig="T2") == catalogue.frames(good=False) == [other]
    assert catalogue.frames(since=START + timedelta(minutes=2)) == [late]
    assert catalogue.frames(night=NIGHT, spec=replace(DARK, filter="L")) == [early, late]
    assert catalogue.frames(rig="T1", newest=1) == [late]
    assert catalogue.frames(spec=DARK, newest=2) == [early, late]
    assert catalogue.frames(spec=replace(DARK, exposure_s=60.0)) == []
    assert catalogue.frames(spec=replace(FLAT, exposure_s=9.9)) == [other]


def test_missing_counts_only_good_frames_of_the_set_that_are_young_enough(catalogue: Catalogue) -> None:
    for minutes in range(4):
        add(catalogue, make_frame(DARK, minutes=minutes))
    add(catalogue, make_frame(DARK, minutes=5).judged("light leak"))
    add(catalogue, make_frame(DARK, minutes=-60 * 24 * 40))
    add(catalogue, make_frame(DARK, rig="T2", minutes=7))
    darks = Need("T1", DARK.set_key(), 10, 30.0)
    flats = Need("T1", FLAT.set_key(), 3, 7.0)
    enough = Need("T1", DARK.set_key(), 4, 30.0)
    now = START + timedelta(hours=1)
    assert catalogue.missing([flats, enough, darks], now) == [Missing(flats, 0), Missing(darks, 4)]
    assert [m.count for m in catalogue.missing([darks], now)] == [6]
    assert catalogue.missing([darks], now + timedelta(days=30, hours=1)) == [Missing(darks, 0)]
    assert catalogue.missing([replace(darks, max_age_days=60.0)], now) == [
        Missing(replace(darks, max_age_days=60.0), 5)
    ]


def test_times_of_any_zone_come_back_in_utc_and_times_without_one_are_refused(catalogue: Catalogue) -> None:
    denver = timezone(timedelta(hours=-7))
    catalogue.open_run("T1", "bias", NIGHT, datetime(2026, 11, 21, 18, 0, tzinfo=denver))
    assert catalogue.runs()[0].started == datetime(2026, 11, 22, 1, 0, tzinfo=UTC)
    with pytest.raises(StoreError, match="no time zone"):
        catalogue.open_run("T1", "bias", NIGHT, datetime(2026, 11, 21, 18, 0))  # noqa: DTZ001


def test_a_master_keeps_its_inputs(catalogue: Catalogue) -> None:
    inputs = [add(catalogue, make_frame(DARK, minutes=minutes)) for minutes in range(3)]
    values = {"rig": "T1", "method": "clip", "figures": {"median_adu": 1000.5}}
    old = catalogue.add_master(spec=DARK, path="a", sha256="1" * 64, built=START, inputs=inputs[:2], **values)  # type: ignore[arg-type]
    new = catalogue.add_master(
        spec=DARK, path="b", sha256="2" * 64, built=START + timedelta(days=1), inputs=inputs, **values
    )  # type: ignore[arg-type]
    assert catalogue.masters(rig="T1", spec=DARK) == [new, old]
    assert catalogue.master_paths() == {"a", "b"}
    assert new.inputs == tuple(row.id for row in inputs)
    assert (new.count, new.oldest_input, new.newest_input) == (3, inputs[0].taken, inputs[2].taken)
    assert new.figures == {"median_adu": 1000.5}
    assert catalogue.masters(spec=BIAS) == []


def test_the_same_file_twice_is_one_row_and_another_file_of_that_name_is_refused(
    catalogue: Catalogue,
) -> None:
    adopted = add(catalogue, make_frame())
    run = catalogue.open_run("T1", "darks", NIGHT, START)
    assert add(catalogue, make_frame(), run) == replace(adopted, run=run)
    with pytest.raises(StoreError, match=r"(?i)refuses this row: .*unique"):
        catalogue.add_frame(make_frame(), run=run, night=NIGHT, path=adopted.path, sha256="f" * 64)


def test_a_frame_of_a_run_that_never_was_is_refused(catalogue: Catalogue) -> None:
    with pytest.raises(StoreError, match=r"(?i)foreign key"):
        add(catalogue, make_frame(), run=7)
    assert catalogue.frames() == []


def test_entries_come_back_in_order_and_between_two_times(catalogue: Catalogue) -> None:
    first = Entry(START, "T1", "frame", "good", {"level_adu": 30000})
    second = Entry(START + timedelta(hours=1), "roof", "shut", "for the clouds")
    catalogue.add_entry(second, first)
    assert catalogue.entries() == [first, second]
    assert catalogue.entries(since=START + timedelta(minutes=1)) == [second]
    assert catalogue.entries(until=START + timedelta(hours=1)) == [first]


def test_a_locked_catalogue_is_said_to_be_locked(catalogue: Catalogue, place: str) -> None:
    with another_program(place) as other:
        on_server = "://" in place
        other.execute(text("BEGIN" if on_server else "BEGIN IMMEDIATE"))
        if on_server:
            other.execute(text("LOCK TABLE runs IN EXCLUSIVE MODE"))
        with pytest.raises(StoreError, match="is locked by another program"):
            catalogue.open_run("T1", "bias", NIGHT, START)
        assert catalogue.runs() == []
        other.execute(text("ROLLBACK"))
    run = catalogue.open_run("T1", "bias", NIGHT, START)
    assert [row.id for row in catalogue.runs()] == [run]


def test_a_file_that_is_no_catalogue_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c.sqlite").write_bytes(b"this is a diary, not a database" * 100)
    with pytest.raises(StoreError, match="is no catalogue, or is damaged"):
        Catalogue(tmp_path / "c.sqlite")


def test_a_folder_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened"):
        Catalogue(tmp_path / "nowhere" / "c.sqlite")


def test_what_is_committed_is_seen_after_reopening(place: str) -> None:
    first = Catalogue(place)
    row = add(first, make_frame())
    first.close()
    second = Catalogue(place)
    assert second.frames() == [row]
    second.close()
