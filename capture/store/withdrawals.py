"""Masters that are worth nothing any more: kept, with when, by whom and why they were withdrawn."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from capture.errors import StoreError
from capture.store.changes import Change, Changes, What
from capture.store.database import Database
from capture.store.rows import MasterRow, Withdrawn, master_view, withdrawn_view
from capture.store.schema import MasterInputTable, MasterTable, QuarantineTable


class Withdrawals:
    """Withdrawn masters in the catalogue's database. Its methods raise StoreError as the Catalogue's do."""

    def __init__(self, database: Database, changes: Changes) -> None:
        self._database = database
        self._changes = changes

    def withdraw(self, number: int, now: datetime, who: str, why: str) -> MasterRow:
        """Take a master back by hand. Raises StoreError when there is none, or it is withdrawn already."""
        with self._database.write() as session:
            row = session.get(MasterTable, number)
            if row is None:
                raise StoreError(f"there is no master {number} in the catalogue")
            if (before := withdrawn_view(row)) is not None:
                raise StoreError(f"{row.path} was withdrawn by {before.who} before: {before.why}")
            withdraw(session, self._changes, [row], Withdrawn(now, who, why))
            session.flush()
            return master_view(row)

    def recall(self) -> int:
        """Withdraw what only the file of changes tells of any more; return how many masters."""
        told = {}
        for one in self._changes.told():
            if one.what is What.WITHDRAWAL:
                told[one.data.get("sha256")] = Withdrawn(one.time, one.who, one.why)
            elif one.what is What.REINSTATEMENT:
                told.pop(one.data.get("sha256"), None)
        query = select(MasterTable).where(MasterTable.sha256.in_(told), MasterTable.withdrawn.is_(None))
        with self._database.write() as session:
            rows = list(session.scalars(query))
            for row in rows:
                _set(row, told[row.sha256])
            return len(rows)

    def count(self) -> int:
        """How many there are."""
        with self._database.read() as session:
            return session.scalar(select(func.count()).where(MasterTable.withdrawn.is_not(None))) or 0

    def all(self, since: datetime | None = None) -> list[MasterRow]:
        """Withdrawn masters, the last withdrawn first; only those since then."""
        query = select(MasterTable).where(MasterTable.withdrawn.is_not(None))
        if since is not None:
            query = query.where(MasterTable.withdrawn >= since)
        with self._database.read() as session:
            ordered = query.order_by(MasterTable.withdrawn.desc(), MasterTable.id.desc())
            return [master_view(row) for row in session.scalars(ordered)]


def withdraw(session: Session, changes: Changes, rows: Iterable[MasterTable], why: Withdrawn) -> None:
    """Withdraw masters within a session, and log it."""
    for row in rows:
        _set(row, why)
        text = f"{row.path} is withdrawn"
        changes.note(
            session,
            Change(why.when, row.rig, What.WITHDRAWAL, why.who, why.why, text, {"sha256": row.sha256}),
        )


def made_of(session: Session, frames: Iterable[int]) -> list[MasterTable]:
    """The masters, not withdrawn yet, that have one of these frames."""
    numbers = select(MasterInputTable.master).where(MasterInputTable.frame.in_(set(frames)))
    query = select(MasterTable).where(MasterTable.id.in_(numbers), MasterTable.withdrawn.is_(None))
    return list(session.scalars(query.order_by(MasterTable.id)))


def reinstate(session: Session, changes: Changes, frames: Iterable[int], why: Withdrawn) -> list[MasterTable]:
    """Let masters of these frames count again that were withdrawn for frames set aside, none of which is now.

    One that was taken back by hand stays so. `why`: when, by whom and why the frames were given back.
    """
    numbers = select(MasterInputTable.master).where(MasterInputTable.frame.in_(set(frames)))
    query = select(MasterTable).where(MasterTable.id.in_(numbers), MasterTable.withdrawn.is_not(None))
    found = []
    for row in session.scalars(query.order_by(MasterTable.id)):
        inputs = [part.frame for part in row.inputs]
        aside = list(session.scalars(select(QuarantineTable).where(QuarantineTable.frame.in_(inputs))))
        was_for_them = any((one.time, one.who) == (row.withdrawn, row.withdrawn_by) for one in aside)
        if was_for_them and all(one.released is not None for one in aside):
            row.withdrawn = row.withdrawn_by = row.withdrawn_why = None
            text, data = f"{row.path} counts again", {"sha256": row.sha256}
            changes.note(session, Change(why.when, row.rig, What.REINSTATEMENT, why.who, why.why, text, data))
            found.append(row)
    return found


def withdraw_if_spoilt(session: Session, row: MasterTable) -> None:
    """Withdraw a master whose row is made when frames of it are set aside already."""
    numbers = [part.frame for part in row.inputs]
    query = select(QuarantineTable).where(
        QuarantineTable.frame.in_(numbers), QuarantineTable.released.is_(None)
    )
    spoilt = session.scalars(query.order_by(QuarantineTable.time, QuarantineTable.frame)).first()
    if spoilt is not None:
        _set(row, Withdrawn(spoilt.time, spoilt.who, spoilt.why))


def _set(row: MasterTable, why: Withdrawn) -> None:
    row.withdrawn, row.withdrawn_by, row.withdrawn_why = why.when, why.who, why.why
