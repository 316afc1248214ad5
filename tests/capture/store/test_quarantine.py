"""Frames set aside after the fact stay, and count for nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from capture.frame import Frame, Kind
from capture.store.catalogue import Catalogue
from capture.store.changes import What
from capture.store.needs import Need
from capture.store.quarantine import SetAside
from capture.store.rows import FrameRow, Withdrawn
from tests.capture.store.frames import DARK, FLAT, NIGHT, START, make_frame

LATER = START + timedelta(hours=1)


def add(catalogue: Catalogue, frame: Frame) -> FrameRow:
    path = f"{frame.facts.rig}-{frame.spec}-{frame.facts.started.isoformat()}"
    return catalogue.add_frame(frame, run=None, night=NIGHT, path=path, sha256="0" * 64)


def test_only_good_frames_of_that_rig_and_kind_since_then_are_set_aside(catalogue: Catalogue) -> None:
    before = add(catalogue, make_frame(DARK, minutes=1))
    spoilt = add(catalogue, make_frame(DARK, minutes=5))
    bad = add(catalogue, make_frame(DARK, minutes=6).judged("off temperature"))
    flat = add(catalogue, make_frame(FLAT, minutes=7))
    others = add(catalogue, make_frame(DARK, rig="T2", minutes=8))
    since = START + timedelta(minutes=2)
    aside = catalogue.quarantine.set_aside("T1", (Kind.BIAS, Kind.DARK), since, LATER, "a test", "light")
    assert aside == [spoilt.id]
    assert catalogue.quarantine.all() == [SetAside(spoilt.id, LATER, "a test", "light")]
    rows = {row.id: row for row in catalogue.frames()}
    assert rows[spoilt.id].verdict.reasons == ("light",)
    assert [rows[one.id] for one in (before, bad, flat, others)] == [before, bad, flat, others]
    assert catalogue.quarantine.set_aside("T1", (Kind.DARK,), since, LATER, "a test", "again") == []


def test_they_meet_no_need_and_make_a_master_of_them_invalid(catalogue: Catalogue) -> None:
    frames = [add(catalogue, make_frame(DARK, minutes=minutes)) for minutes in range(4)]
    master = catalogue.add_master(
        rig="T1", spec=DARK, path="m", sha256="0" * 64, method="clip", built=LATER, inputs=frames, figures={}
    )
    need = Need("T1", DARK.set_key(), 4, 30.0)
    assert catalogue.missing([need], LATER) == []
    assert catalogue.masters(rig="T1", valid=True) == [master]
    since = START + timedelta(minutes=3)
    catalogue.quarantine.set_aside("T1", (Kind.DARK,), since, LATER, "a test", "light")
    (missing,) = catalogue.missing([need], LATER)
    assert missing.count == 1
    assert catalogue.masters(rig="T1", valid=True) == []
    gone = Withdrawn(LATER, "a test", "light")
    assert catalogue.masters(rig="T1") == [replace(master, withdrawn=gone)], "nothing is deleted"


def test_released_frames_and_their_master_count_again_and_who_did_it_is_kept(catalogue: Catalogue) -> None:
    frames = [add(catalogue, make_frame(DARK, minutes=minutes)) for minutes in range(4)]
    master = catalogue.add_master(
        rig="T1", spec=DARK, path="m", sha256="0" * 64, method="clip", built=LATER, inputs=frames, figures={}
    )
    board = catalogue.board()
    quarantine = catalogue.quarantine
    for minute in (3, 2):
        since, when = START + timedelta(minutes=minute), LATER + timedelta(hours=3 - minute)
        quarantine.set_aside("T1", (Kind.DARK,), since, when, "a test", "light")
    of_minute_2, of_minute_3 = quarantine.latest(5)
    assert (of_minute_2.rig, of_minute_2.count, of_minute_2.who, of_minute_2.why) == (
        "T1",
        1,
        "a test",
        "light",
    )
    assert quarantine.latest(1) == [of_minute_2]
    of_then = f"{of_minute_3.when:%Y-%m-%dT%H:%M:%SZ}"
    assert quarantine.named("T1", of_then) == quarantine.named("", frames[3].path) == [frames[3].id]
    assert quarantine.named("T2", of_then) == quarantine.named("T1", frames[1].path) == []
    later = LATER + timedelta(days=1)
    first = quarantine.release([frames[3].id], later, "operator", "a lamp next door")
    assert (first.frames, first.masters) == ([frames[3].path], []), "the other frame is still aside"
    assert quarantine.release([frames[2].id], later, "operator", "the same").masters == ["m"]
    assert catalogue.frames() == frames
    assert catalogue.masters(valid=True) == [master]
    assert catalogue.board() == board
    assert quarantine.all() == quarantine.latest(5) == []
    assert quarantine.released([frame.id for frame in frames]) == {frames[2].id, frames[3].id}
    told = [(one.what, one.who, one.why) for one in catalogue.changes.all()]
    assert (What.RELEASE, "operator", "a lamp next door") in told
    assert (What.REINSTATEMENT, "operator", "the same") in told
    assert quarantine.release([frames[2].id], later, "operator", "again").frames == []
    again = quarantine.set_aside("T1", (Kind.DARK,), since, later, "a test", "light after all")
    assert again == [frames[2].id, frames[3].id]
    assert catalogue.masters(valid=True) == []


def test_a_master_that_was_taken_back_by_hand_stays_so(catalogue: Catalogue) -> None:
    frame = add(catalogue, make_frame(DARK))
    master = catalogue.add_master(
        rig="T1", spec=DARK, path="m", sha256="0" * 64, method="clip", built=LATER, inputs=[frame], figures={}
    )
    catalogue.withdrawals.withdraw(master.id, LATER, "operator", "banding")
    catalogue.quarantine.set_aside("T1", (Kind.DARK,), START, LATER + timedelta(hours=1), "a test", "light")
    assert catalogue.quarantine.release([frame.id], LATER, "operator", "none").masters == []
    assert catalogue.masters(valid=True) == []
