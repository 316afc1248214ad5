"""What operators told: events at the telescopes, and orders for a night."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import select

from capture.store.database import Database
from capture.store.events import EventKind, EventRow
from capture.store.orders import OrderedFlats, OrderRow
from capture.store.rows import event_view, order_view
from capture.store.schema import EventTable, OrderTable


class Told:
    """Events and orders in the catalogue's database. Every method raises StoreError as the Catalogue's do."""

    def __init__(self, database: Database) -> None:
        self._database = database

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
        with self._database.write() as session:
            row = EventTable(
                rig=rig, kind=kind.value, filter=filter_name, time=time, told=told, who=who, note=note
            )
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

    def forget_event(self, number: int) -> EventRow | None:
        """Take back an event that was told by mistake, and return it; None when there is none."""
        with self._database.write() as session:
            row = session.get(EventTable, number)
            if row is None:
                return None
            session.delete(row)
            return event_view(row)

    def set_order(
        self, rig: str, night: date, flats: Sequence[OrderedFlats], made: datetime, who: str
    ) -> None:
        """Keep an operator's order for one night, in place of an earlier one; an empty one takes it back."""
        with self._database.write() as session:
            earlier = session.get(OrderTable, (rig, night))
            if earlier is not None:
                session.delete(earlier)
                session.flush()
            if flats:
                wanted = [[one.filter, one.count] for one in flats]
                session.add(OrderTable(rig=rig, night=night, made=made, who=who, flats=wanted))

    def order(self, rig: str, night: date) -> OrderRow | None:
        """The order of that rig for that night; None when there is none."""
        with self._database.read() as session:
            row = session.get(OrderTable, (rig, night))
            return None if row is None else order_view(row)
