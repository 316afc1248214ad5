"""Leases on rigs, for services on several hosts: who may work with a rig, until when, and by which fence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from capture.store.database import Database
from capture.store.schema import LeaseTable


@dataclass(frozen=True)
class Lease:
    """That `holder` may work with `rig` until then. Each new holder has a greater `fence` than all before."""

    rig: str
    holder: str
    fence: int
    until: datetime


class Leases:
    """Leases in the catalogue's database. Its methods raise StoreError as the Catalogue's do.

    `now` is the caller's: the hosts' clocks must agree to well within the length of a lease.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, rig: str, holder: str, now: datetime, length: timedelta) -> Lease | None:
        """Take, or renew, the lease on a rig; None while another holds it.

        Who renews in time keeps the fence; who comes late may have been away while another worked.
        """
        with self._database.write() as session:
            row = session.get(LeaseTable, rig)
            if row is None:
                row = LeaseTable(rig=rig, holder=None, fence=0, until=now)
                session.add(row)
            if row.holder is not None and row.until > now and row.holder != holder:
                return None
            if row.holder != holder or row.until <= now:
                row.fence += 1
            row.holder, row.until = holder, now + length
            return Lease(rig, holder, row.fence, row.until)

    def give_back(self, lease: Lease) -> None:
        """End a lease before its time; one that another has taken since is left alone."""
        with self._database.write() as session:
            row = session.get(LeaseTable, lease.rig)
            if row is not None and (row.holder, row.fence) == (lease.holder, lease.fence):
                row.holder = None

    def all(self, now: datetime) -> list[Lease]:
        """The leases that hold at `now`, in the order of their rigs."""
        query = select(LeaseTable).where(LeaseTable.until > now).order_by(LeaseTable.rig)
        with self._database.read() as session:
            return [
                Lease(row.rig, row.holder, row.fence, row.until)
                for row in session.scalars(query)
                if row.holder is not None
            ]
