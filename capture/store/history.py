"""What became of runs, lights and deliveries, as a file beside the catalogue: a lost one is made again of it.

One line of JSON a change, `{"runs": {...}}` with the columns of its row; the last one of a row counts. FITS
files tell of frames and masters, and changes.jsonl of what people decided.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import date, datetime
from typing import Any

from sqlalchemy import Date, select
from sqlalchemy.orm import Session

from capture.store.database import Database
from capture.store.ledger import Ledger
from capture.store.schema import DeliveryTable, LightMasterTable, LightTable, RunTable, UtcDateTime

HISTORY = "history.jsonl"
Told = RunTable | LightTable | DeliveryTable
# What tells one row from another, whatever its number.
_KEYS: Mapping[type[Told], tuple[str, ...]] = {
    RunTable: ("rig", "sequence", "started"),
    LightTable: ("path",),
    DeliveryTable: ("recipient", "name"),
}


class History:
    """That file, and the tables that it tells of. Its methods raise StoreError as the Catalogue's do."""

    def __init__(self, database: Database, ledger: Ledger | None = None) -> None:
        """Without a ledger nothing is kept, and nothing restored."""
        self._database = database
        self._ledger = ledger

    def note(self, *rows: Told, masters: Iterable[str] | None = None) -> None:
        """Keep rows as they are now; `masters`: the SHA-256 of what calibrated a light."""
        if self._ledger is None or not rows:
            return
        more = {} if masters is None else {"masters": sorted(set(masters))}
        self._ledger.append(*({row.__tablename__: _columns(row) | more} for row in rows))

    def restore(self) -> int:
        """Make the rows that only the file tells of; return how many."""
        if self._ledger is None:
            return 0
        tables = {table.__tablename__: table for table in _KEYS}
        last: dict[tuple[str, ...], tuple[type[Told], dict[str, Any]]] = {}
        for record in self._ledger.read()[0]:
            for name, said in record.items():
                with suppress(KeyError, TypeError, ValueError):
                    table = tables[name]
                    values = _read(table, said)
                    key = name, *(str(values[column]) for column in _KEYS[table])
                    before = last.get(key, (table, {}))[1]
                    last[key] = table, {**before, **values}
        with self._database.write() as session:
            return sum(_restore(session, table, values) for table, values in last.values())


def _restore(session: Session, table: type[Told], values: dict[str, Any]) -> bool:
    masters = values.pop("masters", ())
    found = session.scalars(select(table).filter_by(**{name: values[name] for name in _KEYS[table]})).first()
    if isinstance(found, RunTable) and found.ended is None:
        # Its frames named it; how it ended they do not know.
        found.ended, found.outcome = values["ended"], values["outcome"]
        return True
    if found is not None:
        return False
    row = table(**values)
    session.add(row)
    session.flush()
    session.add_all(LightMasterTable(light=row.id, sha256=sha256) for sha256 in masters)
    return True


def _columns(row: Told) -> dict[str, Any]:
    return {column.name: getattr(row, column.name) for column in row.__table__.columns if column.name != "id"}


def _read(table: type[Told], said: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for column in table.__table__.columns:
        if column.name == "id":
            continue
        value = said[column.name]
        if value is not None and isinstance(column.type, UtcDateTime):
            value = datetime.fromisoformat(value)
            if value.tzinfo is None:
                raise ValueError("a time without a zone")
        elif value is not None and isinstance(column.type, Date):
            value = date.fromisoformat(value)
        values[column.name] = value
    if "masters" in said:
        values["masters"] = [str(one) for one in said["masters"]]
    return values
