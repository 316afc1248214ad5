"""The log of changes: what somebody decided about rigs, frames, masters and files; who, when and why.

A line of it is in a file beside the catalogue before it is in the database, and lines are only ever added.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from capture.store.database import Database
from capture.store.ledger import Ledger
from capture.store.schema import ChangeTable

CHANGES = "changes.jsonl"


class What(StrEnum):
    """What was changed."""

    EVENT = "event"
    FORGOTTEN = "forgotten"
    ORDER = "order"
    QUARANTINE = "quarantine"
    RELEASE = "release"
    WITHDRAWAL = "withdrawal"
    REINSTATEMENT = "reinstated"
    DELETION = "deletion"
    DELIVERY = "delivery"
    PAUSE = "pause"
    RESUME = "resume"


@dataclass(frozen=True)
class Change:
    """One change. `rig` is empty when it is of none.

    `data`: what it takes to do it anew; it is in the file alone.
    """

    time: datetime
    rig: str
    what: What
    who: str
    why: str
    text: str
    data: Mapping[str, Any] = field(default_factory=dict, compare=False)


class Changes:
    """The log in the catalogue's database. Its methods raise StoreError as the Catalogue's do."""

    def __init__(self, database: Database, ledger: Ledger | None = None) -> None:
        """With a ledger, a change is in its file first."""
        self._database = database
        self._ledger = ledger

    def note(self, session: Session, *changes: Change) -> None:
        """Keep changes, with all else that the session changes."""
        if self._ledger is not None and changes:
            self._ledger.append(*({**_columns(one), "data": dict(one.data)} for one in changes))
        session.add_all(ChangeTable(**_columns(one)) for one in changes)

    def keep(self, *changes: Change) -> None:
        """Keep changes of what is not in the database."""
        with self._database.write() as session:
            self.note(session, *changes)

    def all(
        self, *, rig: str | None = None, since: datetime | None = None, limit: int | None = None
    ) -> list[Change]:
        """The newest so many changes, in the order in which they were made."""
        query = select(ChangeTable).order_by(ChangeTable.time.desc(), ChangeTable.id.desc()).limit(limit)
        if rig is not None:
            query = query.where(ChangeTable.rig == rig)
        if since is not None:
            query = query.where(ChangeTable.time >= since)
        with self._database.read() as session:
            return [_view(row) for row in session.scalars(query)][::-1]

    def told(self) -> list[Change]:
        """All that the file tells, in order; what makes no sense there is left out."""
        found = []
        for record in self._ledger.read()[0] if self._ledger is not None else ():
            with suppress(KeyError, TypeError, ValueError):
                found.append(_read(record))
        return found

    def restore(self) -> list[Change]:
        """Log again what the database does not know; return all that the file tells."""
        told = self.told()
        known = set(self.all()) if told else set()
        if missing := [one for one in dict.fromkeys(told) if one not in known]:
            with self._database.write() as session:
                session.add_all(ChangeTable(**_columns(one)) for one in missing)
        return told


def newest_by(told: Iterable[Change], *keys: str) -> dict[tuple[Any, ...], Change]:
    """Of changes in order, the last for each rig and these keys of their data."""
    return {(one.rig, *(one.data.get(key) for key in keys)): one for one in told}


def _columns(one: Change) -> dict[str, Any]:
    return {
        "time": one.time,
        "rig": one.rig,
        "what": one.what.value,
        "who": one.who,
        "why": one.why,
        "text": one.text,
    }


def _view(row: ChangeTable) -> Change:
    return Change(row.time, row.rig, What(row.what), row.who, row.why, row.text)


def _read(record: Mapping[str, Any]) -> Change:
    time = datetime.fromisoformat(record["time"])
    if time.tzinfo is None:
        raise ValueError("a time without a zone")
    who, why, text = (str(record[name]) for name in ("who", "why", "text"))
    return Change(time, str(record["rig"]), What(record["what"]), who, why, text, dict(record["data"]))
