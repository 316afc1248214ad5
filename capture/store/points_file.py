"""Accounts and points as a file beside the catalogue: members paid for them, so a lost database loses none.

One line of JSON a point, `{"point": {...}}`, and one whenever an account changes, `{"account": {...}}`, the
last of which counts. No password, no secret and no address is in it. Lines are written after their rows: one
that a kill, a full disk or another host left out follows with the next.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from capture.errors import StoreError
from capture.store.database import Database
from capture.store.ledger import Ledger
from capture.store.member_tables import AccountTable, PointTable

POINTS = "points.jsonl"
_ACCOUNT = ("name", "role", "made", "disabled", "leave_millipoints")
_POINT = ("account", "time", "kind", "millipoints", "frame", "request", "who", "why")
# What tells a point from another: requests are numbered anew when the database is lost.
_KEY = ("account", "time", "kind", "millipoints", "frame", "who")
_Values = dict[str, Any]


class PointsFile:
    """That file, and the tables that it tells of. `restore` raises StoreError as the Catalogue's methods."""

    def __init__(self, database: Database, ledger: Ledger | None = None) -> None:
        """Without a ledger nothing is kept, and nothing restored."""
        self._database = database
        self._ledger = ledger
        self._lock = threading.Lock()
        self._last: int | None = None
        self._accounts: dict[str, _Values] = {}

    def catch_up(self) -> None:
        """Write what the file does not tell yet. What fails now is written with the next change."""
        if self._ledger is None:
            return
        with self._lock, suppress(StoreError):
            known = set()
            if self._last is None:
                self._accounts, points = self._read()
                known = {_key(values) for values in points}
            with self._database.read() as session:
                accounts, points_now, last = _rows(session, self._last or 0)
            changed = {name: one for name, one in accounts.items() if self._accounts.get(name) != one}
            new = [values for values in points_now if _key(values) not in known]
            if changed or new:
                lines = [{"account": _told(one)} for one in changed.values()]
                self._ledger.append(*lines, *({"point": _told(one)} for one in new))
            self._accounts.update(changed)
            self._last = last

    def restore(self) -> tuple[int, int]:
        """Make the accounts and points that only the file tells of; return how many. Passwords are lost."""
        accounts, points = self._read()
        with self._database.write() as session:
            there, lines, _ = _rows(session, 0)
            lost = [values for name, values in accounts.items() if name not in there]
            session.add_all(AccountTable(**values) for values in lost)
            session.flush()
            names = set(accounts) | set(there)
            known = {_key(values) for values in lines}
            missing = {_key(one): one for one in points if one["account"] in names}
            again = [one for key, one in missing.items() if key not in known]
            session.add_all(PointTable(**(one | _unnumbered(one))) for one in again)
        self.catch_up()
        return len(lost), len(again)

    def _read(self) -> tuple[dict[str, _Values], list[_Values]]:
        accounts: dict[str, _Values] = {}
        points = []
        for record in self._ledger.read()[0] if self._ledger is not None else ():
            # A line that was edited and makes no sense is left out.
            with suppress(KeyError, TypeError, ValueError):
                if "account" in record:
                    values = _meant(record["account"], _ACCOUNT, "made")
                    accounts[str(values["name"])] = values
                elif "point" in record:
                    points.append(_meant(record["point"], _POINT, "time"))
        return accounts, points


def _rows(session: Session, after: int) -> tuple[dict[str, _Values], list[_Values], int]:
    """All accounts by name, the points after that number, and the last one's number."""
    accounts = {
        row.name: {name: getattr(row, name) for name in _ACCOUNT}
        for row in session.scalars(select(AccountTable))
    }
    rows = session.scalars(select(PointTable).where(PointTable.id > after).order_by(PointTable.id)).all()
    points = [{name: getattr(row, name) for name in _POINT} for row in rows]
    return accounts, points, rows[-1].id if rows else after


def _key(values: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(values[name] for name in _KEY)


def _told(values: _Values) -> _Values:
    return {name: one.isoformat() if isinstance(one, datetime) else one for name, one in values.items()}


def _meant(said: Mapping[str, Any], names: tuple[str, ...], time: str) -> _Values:
    values = {name: said[name] for name in names}
    values[time] = datetime.fromisoformat(values[time])
    if values[time].tzinfo is None:
        raise ValueError("a time without a zone")
    return values


def _unnumbered(values: _Values) -> _Values:
    """A point of a request that is not there any more, for its number will be another's."""
    number = values["request"]
    return {} if number is None else {"request": None, "why": f"{values['why']} (request {number})"}
