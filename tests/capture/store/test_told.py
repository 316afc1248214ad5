"""What operators tell: an event cuts off the frames before it; an order holds for its night."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from capture.frame import FrameSpec
from capture.store.catalogue import Catalogue
from capture.store.events import EventKind
from capture.store.needs import Holding, Missing, Need
from capture.store.orders import OrderedFlats, OrderRow
from tests.capture.store.frames import BIAS, DARK, FLAT, NIGHT, START, make_frame

NOW = START + timedelta(hours=2)
HA, OIII = FLAT, replace(FLAT, filter="OIII")


def add(catalogue: Catalogue, spec: FrameSpec, minutes: float, rig: str = "T1") -> None:
    frame = make_frame(spec, minutes=minutes, rig=rig)
    catalogue.add_frame(frame, run=None, night=NIGHT, path=f"{rig}{spec}{minutes}", sha256="0" * 64)


def tell(catalogue: Catalogue, kind: EventKind, time: datetime, name: str | None = None) -> int:
    return catalogue.told.add_event("T1", kind, name, time, NOW, "ann", "why").id


@pytest.mark.parametrize(
    ("kind", "name", "spoilt"),
    [
        (EventKind.FILTER_CLEANED, "Ha", {"flat Ha"}),
        (EventKind.FILTER_CHANGED, "OIII", {"flat OIII"}),
        (EventKind.OPTICS_CLEANED, None, {"flat Ha", "flat OIII"}),
        (EventKind.OPTICS_CHANGED, None, {"flat Ha", "flat OIII"}),
        (EventKind.CAMERA_REMOVED, None, {"flat Ha", "flat OIII"}),
        (EventKind.CAMERA_REPLACED, None, {"flat Ha", "flat OIII", "bias", "dark 120 s"}),
    ],
)
def test_an_event_cuts_off_what_was_taken_before_it_of_the_sets_that_it_touches(
    catalogue: Catalogue, kind: EventKind, name: str | None, spoilt: set[str]
) -> None:
    for spec in (HA, OIII, BIAS, DARK):
        for rig in ("T1", "T2"):
            add(catalogue, spec, 0, rig)
            add(catalogue, spec, 60, rig)
    tell(catalogue, kind, START + timedelta(minutes=60), name)
    needs = [Need(rig, spec.set_key(), 5, 30.0) for rig in ("T1", "T2") for spec in (HA, OIII, BIAS, DARK)]
    have = {(m.need.rig, str(m.need.spec)): m.have for m in catalogue.missing(needs, NOW)}
    assert {key for key, count in have.items() if count == 1} == {("T1", text) for text in spoilt}
    left = catalogue.frames(valid=True)
    assert len(left) == 16 - len(spoilt)
    assert all(row.taken > START for row in left if row.rig == "T1" and str(row.spec.set_key()) in spoilt)
    assert len(catalogue.frames()) == 16


def test_the_last_of_several_events_counts_and_a_forgotten_one_does_not(catalogue: Catalogue) -> None:
    for minutes in (0, 10, 20):
        add(catalogue, HA, minutes)
    tell(catalogue, EventKind.FILTER_CLEANED, START + timedelta(minutes=5), "Ha")
    mistake = tell(catalogue, EventKind.CAMERA_REMOVED, START + timedelta(minutes=15))
    assert len(catalogue.frames(valid=True)) == 1
    assert catalogue.told.forget_event(mistake, NOW, "ann", "a mistake") is not None
    assert len(catalogue.frames(valid=True)) == 2
    assert catalogue.told.forget_event(mistake, NOW, "ann", "") is None
    (row,) = catalogue.told.events(rig="T1")
    assert (row.kind, row.filter, row.who, row.note, row.told) == (
        EventKind.FILTER_CLEANED, "Ha", "ann", "why", NOW,
    )  # fmt: skip
    assert catalogue.told.events(rig="T2") == []


def test_a_master_with_a_frame_from_before_the_event_is_valid_no_more(catalogue: Catalogue) -> None:
    for minutes in (0, 10):
        add(catalogue, HA, minutes)
    rows = catalogue.frames()
    for path, inputs in (("old", rows), ("new", rows[1:])):
        catalogue.add_master(
            rig="T1", spec=HA, path=path, sha256="1" * 64, method="clip", built=NOW, inputs=inputs, figures={}
        )
    tell(catalogue, EventKind.FILTER_CLEANED, START + timedelta(minutes=5), "Ha")
    assert [m.path for m in catalogue.masters(rig="T1", valid=True)] == ["new"]
    assert len(catalogue.masters(rig="T1")) == 2


def test_of_every_set_the_valid_master_that_was_built_last_is_found_alone(catalogue: Catalogue) -> None:
    def add_master(rig: str, spec: FrameSpec, path: str, minutes: float, built_h: float) -> None:
        add(catalogue, spec, minutes, rig)
        (frame,) = (row for row in catalogue.frames() if row.path == f"{rig}{spec}{minutes}")
        catalogue.add_master(
            rig=rig, spec=spec, path=path, sha256="1" * 64, method="clip",
            built=NOW + timedelta(hours=built_h), inputs=[frame], figures={},
        )  # fmt: skip

    add_master("T1", OIII, "oiii 1", 1, 0)
    add_master("T1", OIII, "oiii 2", 2, 1)
    add_master("T2", HA, "another's", 3, 2)
    add_master("T1", DARK, "dark", 4, 3)
    add_master("T1", DARK, "taken back", 5, 4)
    catalogue.withdrawals.withdraw(catalogue.masters()[0].id, NOW, "ann", "banding")
    # The last one built has the older frame, from before the filter was cleaned.
    add_master("T1", HA, "clean", 10, 5)
    add_master("T1", HA, "dusty", 0, 6)
    tell(catalogue, EventKind.FILTER_CLEANED, START + timedelta(minutes=5), "Ha")
    assert {row.path for row in catalogue.newest_masters()} == {"oiii 2", "another's", "dark", "clean"}
    for rig in (None, "T1"):
        valid = catalogue.masters(rig=rig, valid=True)
        assert catalogue.browse.valid_masters(rig) == [replace(row, inputs=()) for row in valid]


def test_what_is_held_is_told_from_the_newest_on_and_no_more_than_is_needed(catalogue: Catalogue) -> None:
    for minutes in (0, 10, 20):
        add(catalogue, HA, minutes)
    need = Need("T1", HA.set_key(), 2, 1.0)
    (holding,) = catalogue.held([need])
    assert holding == Holding(need, (START + timedelta(minutes=20), START + timedelta(minutes=10)))
    assert holding.missing(NOW) is None
    stale_since = START + timedelta(days=1, minutes=10)
    assert holding.missing(stale_since + timedelta(seconds=1)) == Missing(need, 1, stale_since)
    assert holding.after(NOW, 1).taken == (NOW, START + timedelta(minutes=20))
    # Many at once, of other counts and sets, in the order of the question.
    young = replace(need, since=START + timedelta(minutes=15))
    none = Need("T1", replace(HA, filter="nobody's").set_key(), 2, 1.0)
    asked = [young, none, replace(need, count=5), replace(need, count=1), need]
    since, *others = catalogue.held(asked)
    assert since.missing(NOW) == Missing(young, 1, None)
    assert [len(one.taken) for one in others] == [0, 3, 1, 2]
    assert [one.need for one in others] == asked[1:]


def test_an_order_holds_for_its_rig_and_night_until_it_is_replaced_or_taken_back(
    catalogue: Catalogue,
) -> None:
    told = catalogue.told
    told.set_order("T1", NIGHT, [OrderedFlats("Ha")], START, "ann")
    told.set_order("T1", NIGHT, [OrderedFlats("OIII", 20), OrderedFlats("L")], NOW, "bob")
    order = told.order("T1", NIGHT)
    assert order == OrderRow("T1", NIGHT, NOW, "bob", (OrderedFlats("OIII", 20), OrderedFlats("L")))
    assert str(order) == "OIII x20, L"
    assert told.order("T2", NIGHT) is None
    assert told.order("T1", NIGHT + timedelta(days=1)) is None
    told.set_order("T1", NIGHT, [], NOW, "bob")
    assert told.order("T1", NIGHT) is None


def test_filters_are_known_from_the_flats_that_were_taken(catalogue: Catalogue) -> None:
    add(catalogue, OIII, 5)
    add(catalogue, HA, 10)
    add(catalogue, OIII, 15)
    add(catalogue, replace(DARK, filter="L"), 0)
    add(catalogue, replace(FLAT, filter="V"), 0, "T2")
    assert catalogue.filters("T1") == ("OIII", "Ha")


def test_events_outlive_the_database_and_forgotten_ones_stay_forgotten(tmp_path: Path) -> None:
    ledger = tmp_path / "events.jsonl"
    first = Catalogue(tmp_path / "first.sqlite", ledger=ledger)
    tell(first, EventKind.FILTER_CLEANED, START, "Ha")
    mistake = tell(first, EventKind.CAMERA_REMOVED, START)
    tell(first, EventKind.OPTICS_CLEANED, NOW)
    first.told.forget_event(mistake, NOW, "ann", "")
    before = first.told.events()
    first.close()
    with ledger.open("ab") as file:
        file.write(b'{"event": {"rig": "T1", "kind": "made up"}}\n{"event": 7}\nnull\n{"event": {"rig": "T')
    second = Catalogue(tmp_path / "second.sqlite", ledger=ledger)
    tell(second, EventKind.CAMERA_REPLACED, NOW)
    assert second.told.restore() == 2
    assert second.told.restore() == 0
    kinds = [(row.kind, row.filter, row.time, row.told, row.note) for row in second.told.events()]
    assert kinds[0] == (before[0].kind, "Ha", START, NOW, "why")
    assert {kind for kind, *_ in kinds} == {
        EventKind.FILTER_CLEANED, EventKind.OPTICS_CLEANED, EventKind.CAMERA_REPLACED,
    }  # fmt: skip
    second.close()
