"""Frames set aside after the fact stay, and count for nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from capture.frame import Frame, Kind
from capture.store.catalogue import Catalogue
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
