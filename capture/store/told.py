"""What operators told: events at the telescopes, and orders for a night."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from typing import Any

from sqlalchemy import select

from capture.store.changes import Change, Changes, What, newest_by
from capture.store.database import Database
from capture.store.events import EventKind, EventRow
from capture.store.ledger import Ledger
from capture.store.orders import OrderedFlats, OrderRow
from capture.store.rows import event_view, order_view
from capture.store.schema import EventTable, OrderTable


class Told:
    """Events and orders in the catalogue's database. Every method raises StoreError as the Catalogue's do.

    With a ledger events are in its file before they are in the database, which can be made again from it.
    """

    def __init__(self, database: Database, changes: Changes, ledger: Ledger | None = None) -> None:
        self._database = database
        self._changes = changes
        self._ledger = ledger

    def add_event(
        self,
        rig: str,
        kind: EventKind,
        filter_name: str | None,
        time: datetime,
        told: datetime,
        who: str,
        note: str,
    ) -> EventRow:
        """Record what was done to a rig at `time`: what was taken before no longer counts."""
        said = _Event(rig, kind.value, filter_name, time, told, who, note)
        self._keep({"event": asdict(said)})
        return self._add_event(said, Change(told, rig, What.EVENT, who, note, said.text))

    def _add_event(self, said: _Event, *log: Change) -> EventRow:
        with self._database.write() as session:
            self._changes.note(session, *log)
            row = EventTable(**asdict(said))
            session.add(row)
            session.flush()
            return event_view(row)

    def events(self, *, rig: str | None = None) -> list[EventRow]:
        """Events in the order in which they took place."""
        query = select(EventTable).order_by(EventTable.time, EventTable.id)
        if rig is not None:
            query = query.where(EventTable.rig == rig)
        with self._database.read() as session:
            return [event_view(row) for row in session.scalars(query)]

    def forget_event(self, number: int, now: datetime, who: str, why: str) -> EventRow | None:
        """Take back an event that was told by mistake, and return it; None when there is none."""
        with self._database.write() as session:
            row = session.get(EventTable, number)
            if row is None:
                return None
            said = {f.name: getattr(row, f.name) for f in fields(_Event)}
            session.delete(row)
            self._keep({"forgotten": said})
            text = f"{_Event(**said).text} of {row.time:%Y-%m-%d %H:%M} UTC is taken back"
            self._changes.note(session, Change(now, row.rig, What.FORGOTTEN, who, why, text))
            return event_view(row)

    def set_order(
        self,
        rig: str,
        night: date,
        flats: Sequence[OrderedFlats],
        made: datetime,
        who: str,
        why: str = "",
    ) -> None:
        """Keep an operator's order for one night, in place of an earlier one; an empty one takes it back."""
        wanted = [[one.filter, one.count] for one in flats]
        said = f"flats are ordered for {night}: {', '.join(map(str, flats)) or 'none any more'}"
        data = {"night": night.isoformat(), "flats": wanted}
        with self._database.write() as session:
            self._changes.note(session, Change(made, rig, What.ORDER, who, why, said, data))
            earlier = session.get(OrderTable, (rig, night))
            if earlier is not None:
                session.delete(earlier)
                session.flush()
            if flats:
                session.add(OrderTable(rig=rig, night=night, made=made, who=who, flats=wanted))

    def order(self, rig: str, night: date) -> OrderRow | None:
        """The order of that rig for that night; None when there is none."""
        with self._database.read() as session:
            row = session.get(OrderTable, (rig, night))
            return None if row is None else order_view(row)

    def restore(self) -> int:
        """Tell the database the events of the ledger that it does not know; return how many.

        Lines that make no sense are left out: a ledger may be edited by hand.
        """
        if self._ledger is None:
            return 0
        said: dict[_Event, None] = {}
        for record in self._ledger.read()[0]:
            with suppress(KeyError, TypeError, ValueError):
                if "event" in record:
                    said[_event_of(record["event"])] = None
                elif "forgotten" in record:
                    said.pop(_event_of(record["forgotten"]), None)
        with self._database.read() as session:
            known = {
                _Event(**{f.name: getattr(row, f.name) for f in fields(_Event)})
                for row in session.scalars(select(EventTable))
            }
        missing = [event for event in said if event not in known]
        for event in missing:
            self._add_event(event)
        return len(missing)

    def restore_orders(self, told: Iterable[Change]) -> int:
        """Give again the orders that only the file of changes tells; return how many. `told`: all of it."""
        orders = newest_by((one for one in told if one.what is What.ORDER), "night")
        given = 0
        with self._database.write() as session:
            for (rig, night), last in orders.items():
                with suppress(TypeError, ValueError, KeyError):
                    key, flats = (rig, date.fromisoformat(night)), list(last.data["flats"])
                    if flats and session.get(OrderTable, key) is None:
                        row = OrderTable(rig=rig, night=key[1], made=last.time, who=last.who, flats=flats)
                        session.add(row)
                        given += 1
        return given

    def _keep(self, record: dict[str, object]) -> None:
        if self._ledger is not None:
            self._ledger.append(record)


@dataclass(frozen=True)
class _Event:
    """An event as it was told, in the columns' names."""

    rig: str
    kind: str
    filter: str | None
    time: datetime
    told: datetime
    who: str
    note: str

    @property
    def text(self) -> str:
        """What was done, in words."""
        return f"{self.kind.replace('_', ' ')} {self.filter or ''}".strip()


def _event_of(record: dict[str, Any]) -> _Event:
    times = {name: datetime.fromisoformat(record[name]) for name in ("time", "told")}
    event = _Event(**(record | times))
    EventKind(event.kind)
    if event.time.tzinfo is None or event.told.tzinfo is None:
        raise ValueError("a time without a zone")
    return event
