"""Sets of frames: what belongs together, with the sum of what is good of it.

The sums stand beside the frames so that a board of a million frames is read at once; whoever writes a frame
or changes its verdict tells them in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, bindparam, func, select
from sqlalchemy.orm import Session

from capture.frame import FrameSpec
from capture.store.events import EventRow, valid_from
from capture.store.needs import Holding, Need
from capture.store.rows import key_of_set, separating_fields, spec_values, spec_view
from capture.store.schema import FrameTable, MasterTable, SetTable

# Columns, not live objects: a thousand of those take longer than all of the query.
_BOARD = [getattr(SetTable, name) for name in ("id", "rig", "good_frames", "newest_good")] + [
    getattr(SetTable, f.name) for f in fields(FrameSpec)
]


_LONG_AGO = datetime(1900, 1, 1, tzinfo=UTC)
# Made once: for a thousand needs in a row, to make a query each costs more than to run it.
_NEWEST = (
    select(FrameTable.taken)
    .where(FrameTable.set == bindparam("number"), FrameTable.good, FrameTable.taken >= bindparam("start"))
    .order_by(FrameTable.taken.desc())
    .limit(bindparam("count"))
)


@dataclass(frozen=True)
class SetRow:
    """What is held of one set: good frames that no event made worthless, and when the newest was taken."""

    rig: str
    spec: FrameSpec
    good_frames: int
    newest_good: datetime | None


def conditions(table: type[SetTable] | type[MasterTable], spec: FrameSpec) -> list[ColumnElement[bool]]:
    """What holds for the rows of the same set as `spec`, whatever their rig."""
    values = spec_values(spec.set_key())
    return [getattr(table, name).is_not_distinct_from(values[name]) for name in separating_fields(spec.kind)]


def set_of(session: Session, rig: str, spec: FrameSpec) -> SetTable:
    """The rig's set of `spec`, made when it is the first frame's."""
    key = key_of_set(rig, spec)
    row = session.scalars(select(SetTable).where(SetTable.key == key)).one_or_none()
    if row is None:
        row = SetTable(key=key, rig=rig, good_frames=0, newest_good=None, **spec_values(spec.set_key()))
        session.add(row)
        session.flush()
    return row


def add_to(row: SetTable, taken: datetime, *, good: bool) -> None:
    """Tell a set of a frame that is new in it."""
    if good:
        row.good_frames += 1
        row.newest_good = max(taken, row.newest_good or taken)


def count_again(session: Session, numbers: Iterable[int]) -> None:
    """Tell sets, by id, that the verdicts on frames of theirs have changed."""
    for number in sorted(set(numbers)):
        row = session.get_one(SetTable, number)
        row.good_frames, row.newest_good = _good_of(session, number, None)


def board(session: Session, events: Iterable[EventRow], rig: str | None) -> list[SetRow]:
    """What is held of every set, in the order of rig and set key."""
    known = list(events)
    query = select(*_BOARD).order_by(SetTable.rig, SetTable.key)
    if rig is not None:
        query = query.where(SetTable.rig == rig)
    rows = []
    for row in session.execute(query):
        spec, count, newest = spec_view(row), row.good_frames, row.newest_good
        start = valid_from(known, row.rig, spec)
        if start is not None:
            count, newest = _good_of(session, row.id, start)
        rows.append(SetRow(row.rig, spec, count, newest))
    return rows


def held(session: Session, events: Iterable[EventRow], needs: Iterable[Need]) -> list[Holding]:
    """What is held of each need, in the order given; what an event cut off is not."""
    known, wanted = list(events), list(needs)
    keys = {key_of_set(need.rig, need.spec) for need in wanted}
    query = select(SetTable.key, SetTable.id).where(SetTable.key.in_(keys))
    numbers = {row.key: row.id for row in session.execute(query)}
    holdings = []
    for need in wanted:
        starts = (valid_from(known, need.rig, need.spec), need.since)
        asked = {
            "number": numbers.get(key_of_set(need.rig, need.spec)),
            "start": max((start for start in starts if start is not None), default=_LONG_AGO),
            "count": need.count,
        }
        found = () if asked["number"] is None else session.scalars(_NEWEST, asked)
        holdings.append(Holding(need, tuple(found)))
    return holdings


def _good_of(session: Session, number: int, start: datetime | None) -> tuple[int, datetime | None]:
    query = select(func.count(), func.max(FrameTable.taken)).where(FrameTable.set == number, FrameTable.good)
    if start is not None:
        query = query.where(FrameTable.taken >= start)
    count, newest = session.execute(query).one()
    return count, newest
