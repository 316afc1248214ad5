"""Notices: what persons are to be told, and whether they were."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from enum import StrEnum

from sqlalchemy import func, select

from capture.store.database import Database
from capture.store.member_tables import NoticeTable


class NoticeState(StrEnum):
    """`waiting` to be told, `told`, or `failed` for good."""

    WAITING = "waiting"
    TOLD = "told"
    FAILED = "failed"


@dataclass(frozen=True)
class NoticeRow:
    """One notice. `account`: whose, or an `@channel` of the config. `error`: why the last attempt failed."""

    id: int
    account: str
    event: str
    made: datetime
    title: str
    body: str
    state: NoticeState
    attempts: int
    error: str
    told: datetime | None


@dataclass(frozen=True)
class NewNotice:
    """A notice to be queued. `key`: nobody is told twice of what has the same."""

    account: str
    event: str
    title: str
    body: str
    made: datetime
    key: str | None = None


class Notices:
    """Notices in the catalogue's database. Every method raises StoreError as the Catalogue's do."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, account: str, event: str, title: str, body: str, made: datetime, key: str | None = None
    ) -> bool:
        """Queue a notice; with a `key` that was there before, none, and False."""
        return self.add_all([NewNotice(account, event, title, body, made, key)]) == 1

    def add_all(self, notices: Iterable[NewNotice]) -> int:
        """Queue these, together, and return how many: not those with a `key` that was there before."""
        added = 0
        with self._database.write() as session:
            for one in notices:
                if (
                    one.key is not None
                    and session.scalars(select(NoticeTable).filter_by(key=one.key)).first()
                ):
                    continue
                session.add(NoticeTable(**asdict(one), state=NoticeState.WAITING.value, attempts=0, error=""))
                added += 1
        return added

    def of(self, account: str, state: NoticeState | None = None, limit: int = 100) -> list[NoticeRow]:
        """An account's notices, the newest first."""
        query = select(NoticeTable).filter_by(account=account).order_by(NoticeTable.id.desc()).limit(limit)
        if state is not None:
            query = query.where(NoticeTable.state == state.value)
        with self._database.read() as session:
            return [_view(row) for row in session.scalars(query)]

    def waiting(self) -> list[NoticeRow]:
        """All that wait, in order."""
        query = select(NoticeTable).filter_by(state=NoticeState.WAITING.value).order_by(NoticeTable.id)
        with self._database.read() as session:
            return [_view(row) for row in session.scalars(query)]

    def failed(self, limit: int = 100) -> list[NoticeRow]:
        """The newest that were given up, in order."""
        query = select(NoticeTable).filter_by(state=NoticeState.FAILED.value)
        with self._database.read() as session:
            newest = session.scalars(query.order_by(NoticeTable.id.desc()).limit(limit))
            return [_view(row) for row in newest][::-1]

    def last_told(self, account: str) -> dict[str, datetime]:
        """When somebody was last told, by event."""
        query = (
            select(NoticeTable.event, func.max(NoticeTable.told))
            .where(NoticeTable.account == account, NoticeTable.state == NoticeState.TOLD.value)
            .group_by(NoticeTable.event)
        )
        with self._database.read() as session:
            return {event: told for event, told in session.execute(query) if told is not None}

    def mark(
        self, numbers: Collection[int], state: NoticeState, now: datetime | None, error: str = ""
    ) -> None:
        """Say what became of notices; an attempt that failed leaves them `waiting`, with the error."""
        with self._database.write() as session:
            for row in session.scalars(select(NoticeTable).where(NoticeTable.id.in_(numbers))):
                row.state, row.told, row.error = state.value, now, error
                row.attempts += 1


def _view(row: NoticeTable) -> NoticeRow:
    values = {f.name: getattr(row, f.name) for f in fields(NoticeRow)}
    return NoticeRow(**(values | {"state": NoticeState(row.state)}))
