"""The outbox: every file that is to reach somebody's place, and how far it has come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from capture.store.database import Database
from capture.store.history import History
from capture.store.schema import DeliveryTable

MANIFEST = "SHA256SUMS"


class DeliveryState(StrEnum):
    """`waiting` to be sent, or sent again; `delivered` whole; `recalled`: there, but to be set aside.

    `withdrawn`: not to be sent, or set aside there.
    """

    WAITING = "waiting"
    DELIVERED = "delivered"
    RECALLED = "recalled"
    WITHDRAWN = "withdrawn"


_TO_DO = (DeliveryState.WAITING.value, DeliveryState.RECALLED.value)


@dataclass(frozen=True)
class DeliveryRow:
    """One file for one recipient. `name`: there, with folders; `path`: here, None for a manifest.

    `begun`: this very content was begun to be sent. `attempts` have failed since the last success; `error`
    says why the last one did.
    """

    id: int
    recipient: str
    name: str
    path: str | None
    sha256: str | None
    state: DeliveryState
    queued: datetime
    begun: bool
    attempts: int
    size_bytes: int | None
    error: str
    delivered: datetime | None

    @property
    def folder(self) -> str:
        """The folder there."""
        return self.name.rpartition("/")[0]


@dataclass(frozen=True)
class Parcel:
    """A file to be sent: where it is, below the archive or anywhere, what it must be, and its name there."""

    path: str
    sha256: str
    name: str


class Outbox:
    """Deliveries in the catalogue's database. Every method raises StoreError as the Catalogue's do."""

    def __init__(self, database: Database, history: History) -> None:
        self._database = database
        self._history = history

    def queue(self, recipient: str, parcels: Iterable[Parcel], now: datetime) -> int:
        """Have files sent, and the manifest of their folder after them; return how many were not known yet.

        What is queued or delivered already with the same content stays as it is; other content under the
        same name replaces it, and what was withdrawn is sent after all.
        """
        changed = []
        with self._database.write() as session:
            for parcel in parcels:
                query = select(DeliveryTable).filter_by(recipient=recipient, name=parcel.name)
                row = session.scalars(query).one_or_none()
                if row is None:
                    row = DeliveryTable(recipient=recipient, name=parcel.name)
                    session.add(row)
                elif row.sha256 == parcel.sha256 and row.state != DeliveryState.WITHDRAWN:
                    # The file itself may have moved.
                    row.path = parcel.path
                    continue
                row.path, row.sha256 = parcel.path, parcel.sha256
                row.state, row.queued, row.delivered = DeliveryState.WAITING.value, now, None
                row.begun, row.attempts, row.error, row.size_bytes = False, 0, "", None
                changed.append(row)
            self._history.note(*changed)
        return len(changed)

    def waiting(self, recipient: str | None = None) -> list[DeliveryRow]:
        """What is to be sent or set aside, in the order in which it was asked for, manifests last."""
        query = select(DeliveryTable).where(DeliveryTable.state.in_(_TO_DO))
        if recipient is not None:
            query = query.where(DeliveryTable.recipient == recipient)
        query = query.order_by(DeliveryTable.path.is_(None), DeliveryTable.queued, DeliveryTable.id)
        with self._database.read() as session:
            return [_view(row) for row in session.scalars(query)]

    def wanted_paths(self) -> set[str]:
        """The files here that are still to be sent."""
        query = select(DeliveryTable.path).where(DeliveryTable.state == DeliveryState.WAITING.value)
        with self._database.read() as session:
            return {path for path in session.scalars(query) if path is not None}

    def of_path(self, path: str) -> list[DeliveryRow]:
        """All deliveries of a file here."""
        query = select(DeliveryTable).where(DeliveryTable.path == path).order_by(DeliveryTable.id)
        with self._database.read() as session:
            return [_view(row) for row in session.scalars(query)]

    def delivered_in(self, recipient: str, folder: str) -> list[DeliveryRow]:
        """What has arrived in that very folder there, by name, manifests left out."""
        state = DeliveryTable.state == DeliveryState.DELIVERED.value
        inside = DeliveryTable.name.startswith(f"{folder}/" if folder else "", autoescape=True)
        query = select(DeliveryTable).where(DeliveryTable.recipient == recipient, state, inside)
        with self._database.read() as session:
            rows = [_view(row) for row in session.scalars(query.order_by(DeliveryTable.name))]
        return [row for row in rows if row.folder == folder and row.path is not None]

    def begin(self, number: int) -> None:
        """Say that the file's content begins to go over: what is there of it afterwards is ours."""
        with self._database.write() as session:
            if (row := session.get(DeliveryTable, number)) is not None:
                row.begun = True

    def deliver(self, number: int, size_bytes: int, when: datetime) -> None:
        """Say that the file is there, whole; the manifest of its folder is due with it."""
        with self._database.write() as session:
            row = session.get(DeliveryTable, number)
            if row is None:
                return
            row.state, row.delivered = DeliveryState.DELIVERED.value, when
            row.size_bytes, row.attempts, row.error = size_bytes, 0, ""
            self._history.note(row)
            if row.path is not None:
                _make_due(session, row.recipient, _manifest_of(row.name), when)

    def make_due(self, recipient: str, name: str, now: datetime) -> None:
        """Have a file sent that is made at sending, because what it tells has changed."""
        with self._database.write() as session:
            _make_due(session, recipient, name, now)

    def recall(self, recipient: str, name: str, now: datetime) -> bool:
        """Have a file set aside at the recipient's, or not sent at all; whether there was any such."""
        query = select(DeliveryTable).filter_by(recipient=recipient, name=name)
        with self._database.write() as session:
            row = session.scalars(query).one_or_none()
            if row is None or row.state not in (DeliveryState.WAITING, DeliveryState.DELIVERED):
                return False
            there = row.state == DeliveryState.DELIVERED
            row.state = (DeliveryState.RECALLED if there else DeliveryState.WITHDRAWN).value
            row.queued = now
            self._history.note(row)
            return True

    def set_aside(self, number: int, when: datetime) -> None:
        """Say that a recalled file is set aside there; the manifest of its folder is due with it."""
        with self._database.write() as session:
            row = session.get(DeliveryTable, number)
            if row is not None:
                row.state, row.attempts, row.error = DeliveryState.WITHDRAWN.value, 0, ""
                self._history.note(row)
                _make_due(session, row.recipient, _manifest_of(row.name), when)

    def fail(self, number: int, error: str) -> None:
        """Say why the file did not arrive this time."""
        with self._database.write() as session:
            if (row := session.get(DeliveryTable, number)) is not None:
                row.attempts += 1
                row.error = error

    def withdraw(self, number: int) -> DeliveryRow | None:
        """Have the file not sent any more, and return it; None when it does not wait."""
        with self._database.write() as session:
            row = session.get(DeliveryTable, number)
            if row is None or row.state != DeliveryState.WAITING:
                return None
            row.state = DeliveryState.WITHDRAWN.value
            self._history.note(row)
            return _view(row)

    def counts(self) -> Mapping[tuple[str, DeliveryState], int]:
        """How many files by recipient and state."""
        columns = (DeliveryTable.recipient, DeliveryTable.state)
        query = select(*columns, func.count()).group_by(*columns)
        with self._database.read() as session:
            return {(who, DeliveryState(state)): count for who, state, count in session.execute(query)}


def _manifest_of(name: str) -> str:
    folder = name.rpartition("/")[0]
    return f"{folder}/{MANIFEST}" if folder else MANIFEST


def _make_due(session: Session, recipient: str, name: str, now: datetime) -> None:
    row = session.scalars(select(DeliveryTable).filter_by(recipient=recipient, name=name)).one_or_none()
    if row is None:
        row = DeliveryTable(recipient=recipient, name=name, attempts=0, error="")
        session.add(row)
    row.state, row.queued, row.begun = DeliveryState.WAITING.value, now, False


def _view(row: DeliveryTable) -> DeliveryRow:
    return DeliveryRow(
        row.id, row.recipient, row.name, row.path, row.sha256, DeliveryState(row.state), row.queued,
        row.begun, row.attempts, row.size_bytes, row.error, row.delivered,
    )  # fmt: skip
