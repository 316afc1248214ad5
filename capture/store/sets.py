"""Sets of frames: what belongs together, with the sum of what is good of it.

The sums stand beside the frames so that a board of a million frames is read at once; whoever writes a frame
or changes its verdict tells them in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session, aliased

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
# Of a few hundred sets at once: databases take so many parameters.
_AT_ONCE = 500


@dataclass(frozen=True)
class SetRow:
    """What is held of one set: good frames that no event made worthless, and when the newest was taken."""

    rig: str
    spec: FrameSpec
    good_frames: int
    newest_good: datetime | None
    id: int = 0


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
        rows.append(SetRow(row.rig, spec, count, newest, row.id))
    return rows


def held(session: Session, events: Iterable[EventRow], needs: Iterable[Need]) -> list[Holding]:
    """What is held of each need, in the order given; what an event cut off is not."""
    known, wanted = list(events), list(needs)
    keys = [key_of_set(need.rig, need.spec) for need in wanted]
    counts: dict[int, set[str]] = {}
    for need, key in zip(wanted, keys, strict=True):
        counts.setdefault(need.count, set()).add(key)
    newest: dict[tuple[str, int], list[datetime]] = {}
    for count, those in counts.items():
        of_count = sorted(those)
        for first in range(0, len(of_count), _AT_ONCE):
            for key, taken in session.execute(_newest(of_count[first : first + _AT_ONCE], count)):
                newest.setdefault((key, count), []).append(taken)
    holdings = []
    for need, key in zip(wanted, keys, strict=True):
        starts = (valid_from(known, need.rig, need.spec), need.since)
        start = max((start for start in starts if start is not None), default=_LONG_AGO)
        # The newest ones since then are the first of the newest ones of all.
        found = sorted(newest.get((key, need.count), ()), reverse=True)[: need.count]
        holdings.append(Holding(need, tuple(taken for taken in found if taken >= start)))
    return holdings


def _newest(keys: list[str], count: int) -> Select[str, datetime]:
    """When the newest good frames of these sets were taken: `count` of each, and more where some are equal.

    By the oldest of them, which the index finds at once: a rank would look at every frame of the sets.
    """
    frame = aliased(FrameTable)
    last = (
        select(frame.taken)
        .where(frame.set == SetTable.id, frame.good)
        .order_by(frame.taken.desc())
        .limit(1)
        .offset(max(0, count - 1))
        .scalar_subquery()
    )
    return (
        select(SetTable.key, FrameTable.taken)
        .join(FrameTable, FrameTable.set == SetTable.id)
        .where(SetTable.key.in_(keys), FrameTable.good, FrameTable.taken >= func.coalesce(last, _LONG_AGO))
    )


def _good_of(session: Session, number: int, start: datetime | None) -> tuple[int, datetime | None]:
    query = select(func.count(), func.max(FrameTable.taken)).where(FrameTable.set == number, FrameTable.good)
    if start is not None:
        query = query.where(FrameTable.taken >= start)
    count, newest = session.execute(query).one()
    return count, newest
