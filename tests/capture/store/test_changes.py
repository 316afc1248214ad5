"""Whatever somebody changes is in the log with who, when and why, and outlives a lost catalogue."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from capture.clock import SimulatedClock
from capture.errors import StoreError
from capture.frame import Kind
from capture.store.archive import Archive
from capture.store.catalogue import Catalogue
from capture.store.changes import Change, What
from capture.store.events import EventKind
from capture.store.orders import OrderedFlats
from capture.store.pauses import Pause
from capture.store.rows import MasterRow, Withdrawn
from tests.capture.store.frames import DARK, NIGHT, SITE, START, make_frame

LATER = START + timedelta(hours=1)


def opened(folder: Path) -> Archive:
    return Archive(folder, SITE, SimulatedClock(LATER), str(folder / "c.sqlite"))


def master_of(catalogue: Catalogue, sha256: str = "0" * 64) -> MasterRow:
    frames = [
        catalogue.add_frame(
            make_frame(DARK, minutes=minutes), run=None, night=NIGHT, path=f"f{minutes}", sha256="f" * 64
        )
        for minutes in range(3)
    ]
    return catalogue.add_master(
        rig="T1", spec=DARK, path="m", sha256=sha256, method="clip", built=LATER, inputs=frames, figures={}
    )


def test_every_change_is_told_with_who_when_and_why(catalogue: Catalogue) -> None:
    master = master_of(catalogue)
    event = catalogue.told.add_event("T1", EventKind.FILTER_CLEANED, "Ha", START, START, "ann", "dust")
    catalogue.told.forget_event(event.id, START + timedelta(minutes=1), "bob", "it was L")
    catalogue.told.set_order("T1", NIGHT, [OrderedFlats("Ha", 5)], START + timedelta(minutes=2), "ann", "M31")
    catalogue.pauses.pause(Pause("T1", START + timedelta(minutes=3), "cy", "a visit"))
    catalogue.pauses.resume("T1", START + timedelta(minutes=4), "cy", "they left")
    catalogue.quarantine.set_aside("T1", (Kind.DARK,), START, LATER, "dee", "light")
    told = [(one.what, one.time, one.who, one.why) for one in catalogue.changes.all(rig="T1")]
    assert told == [
        (What.EVENT, START, "ann", "dust"),
        (What.FORGOTTEN, START + timedelta(minutes=1), "bob", "it was L"),
        (What.ORDER, START + timedelta(minutes=2), "ann", "M31"),
        (What.PAUSE, START + timedelta(minutes=3), "cy", "a visit"),
        (What.RESUME, START + timedelta(minutes=4), "cy", "they left"),
        (What.QUARANTINE, LATER, "dee", "light"),
        (What.WITHDRAWAL, LATER, "dee", "light"),
    ]
    (gone,) = catalogue.withdrawals.all()
    assert (gone.id, gone.withdrawn) == (master.id, Withdrawn(LATER, "dee", "light"))
    assert catalogue.changes.all(limit=1)[0].what is What.WITHDRAWAL
    assert [one.what for one in catalogue.changes.all(since=LATER)] == [What.QUARANTINE, What.WITHDRAWAL]


def test_a_master_is_withdrawn_by_hand_once(catalogue: Catalogue) -> None:
    master = master_of(catalogue)
    gone = catalogue.withdrawals.withdraw(master.id, LATER, "ann", "a lamp was on")
    assert gone.withdrawn == Withdrawn(LATER, "ann", "a lamp was on")
    assert catalogue.masters(valid=True) == []
    (candidate,) = catalogue.candidates.of("T1", Kind.DARK)
    assert candidate.withdrawn == gone.withdrawn
    with pytest.raises(StoreError, match="was withdrawn by ann before: a lamp was on"):
        catalogue.withdrawals.withdraw(master.id, LATER, "bob", "again")
    with pytest.raises(StoreError, match="no master 99"):
        catalogue.withdrawals.withdraw(99, LATER, "bob", "")


def test_a_candidate_has_the_size_and_place_of_its_frames(catalogue: Catalogue) -> None:
    master_of(catalogue)
    (candidate,) = catalogue.candidates.of("T1", Kind.DARK)
    assert (candidate.shape, candidate.origin_px) == ((24, 32), (4, 8))


def test_a_master_whose_row_comes_after_the_quarantine_is_withdrawn(catalogue: Catalogue) -> None:
    first = master_of(catalogue)
    catalogue.quarantine.set_aside("T1", (Kind.DARK,), START, LATER, "dee", "light")
    again = catalogue.add_master(
        rig="T1", spec=DARK, path="n", sha256="1" * 64, method="clip", built=LATER,
        inputs=[row for row in catalogue.frames() if row.id in first.inputs], figures={},
    )  # fmt: skip
    assert again.withdrawn == Withdrawn(LATER, "dee", "light")


def test_what_was_said_outlives_the_catalogue(tmp_path: Path) -> None:
    with closing(opened(tmp_path)) as archive:
        catalogue = archive.catalogue
        catalogue.told.set_order("T1", NIGHT, [OrderedFlats("Ha", 5)], START, "ann", "M31")
        catalogue.told.set_order("T2", NIGHT, [OrderedFlats("L")], START, "ann")
        catalogue.told.set_order("T2", NIGHT, [], LATER, "ann")
        catalogue.pauses.pause(Pause("T1", START, "cy", "a visit"))
        catalogue.pauses.pause(Pause("T2", START, "cy", "a visit"))
        catalogue.pauses.resume("T2", LATER, "cy", "they left")
        master = master_of(catalogue)
        catalogue.withdrawals.withdraw(master.id, LATER, "ann", "a lamp was on")
        before = catalogue.changes.all()
    (tmp_path / "c.sqlite").unlink()
    with closing(opened(tmp_path)) as archive:
        catalogue = archive.catalogue
        for _ in range(2):
            archive.reconcile()
            assert catalogue.changes.all() == before
        order = catalogue.told.order("T1", NIGHT)
        assert order is not None
        assert (order.who, order.flats) == ("ann", (OrderedFlats("Ha", 5),))
        assert catalogue.told.order("T2", NIGHT) is None
        assert catalogue.pauses.of("T1") == Pause("T1", START, "cy", "a visit")
        assert catalogue.pauses.of("T2") is None
        assert master_of(catalogue).withdrawn is None
        assert catalogue.withdrawals.recall() == 1
        assert catalogue.masters()[0].withdrawn == Withdrawn(LATER, "ann", "a lamp was on")


def test_lines_that_make_no_sense_are_left_out(tmp_path: Path) -> None:
    with closing(opened(tmp_path)) as archive:
        archive.catalogue.changes.keep(Change(START, "T1", What.PAUSE, "cy", "", "paused"))
        file = tmp_path / "changes.jsonl"
        file.write_text('{"what": "party"}\n[1]\n' + file.read_text())
        assert [one.who for one in archive.catalogue.changes.told()] == ["cy"]
