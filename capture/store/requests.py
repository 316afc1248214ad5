"""Members' requests, each step that they took, and what was taken for them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from capture.errors import BadInput
from capture.frame import FrameSpec
from capture.store.database import Database
from capture.store.member_tables import RequestStepTable, RequestTable
from capture.store.rows import FrameRow, frame_view, spec_values, spec_view
from capture.store.schema import FrameTable


class RequestState(StrEnum):
    """`queued` waits for its turn, also between two; `running` has it; the others are ends."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    REFUSED = "refused"

    @property
    def open(self) -> bool:
        """Whether frames may still be taken for it."""
        return self in OPEN


OPEN = (RequestState.QUEUED, RequestState.RUNNING)


@dataclass(frozen=True)
class RequestRow:
    """What `who` asked of `rig`. `changed`, `by` and `why` are of its last step.

    `frame_bytes`: the size of one of its files, as expected. `good`: frames that were taken for it and count;
    `good_s`: their exposure in all.
    """

    id: int
    who: str
    rig: str
    spec: FrameSpec
    count: int
    master: bool
    made: datetime
    frame_bytes: int
    state: RequestState
    changed: datetime
    by: str
    why: str
    good: int = 0

    @property
    def missing(self) -> int:
        """How many good frames are still to be taken, if it is open."""
        return max(0, self.count - self.good)

    @property
    def good_s(self) -> float:
        return self.good * self.spec.exposure_s

    def __str__(self) -> str:
        return f"request {self.id} of {self.who}: {self.count} x {self.spec} by {self.rig}"


@dataclass(frozen=True)
class RequestStep:
    """That a request came into a state."""

    time: datetime
    state: RequestState
    who: str
    why: str


class Requests:
    """Requests in the catalogue's database. Every method raises StoreError as the Catalogue's do."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        who: str,
        rig: str,
        spec: FrameSpec,
        count: int,
        made: datetime,
        *,
        master: bool = False,
        frame_bytes: int = 0,
    ) -> RequestRow:
        """Record a new request, queued."""
        with self._database.write() as session:
            row = RequestTable(
                who=who, rig=rig, count=count, master=master, made=made, frame_bytes=frame_bytes,
                **spec_values(spec),
            )  # fmt: skip
            _step(session, row, RequestState.QUEUED, made, who, "")
            return _view(row, 0)

    def get(self, number: int) -> RequestRow | None:
        """The request of that number."""
        with self._database.read() as session:
            row = session.get(RequestTable, number)
            return None if row is None else _view(row, _good(session, [number]).get(number, 0))

    def all(
        self,
        *,
        who: str | None = None,
        rig: str | None = None,
        states: Collection[RequestState] | None = None,
        since: datetime | None = None,
    ) -> list[RequestRow]:
        """Requests in the order in which they were made."""
        query = select(RequestTable).order_by(RequestTable.made, RequestTable.id)
        if who is not None:
            query = query.where(RequestTable.who == who)
        if rig is not None:
            query = query.where(RequestTable.rig == rig)
        if states is not None:
            query = query.where(RequestTable.state.in_([state.value for state in states]))
        if since is not None:
            query = query.where(RequestTable.made >= since)
        return self._rows(query)

    def ended(self, *, who: str | None = None, limit: int = 50) -> list[RequestRow]:
        """Requests that have ended, of `who` or of all: the newest ends first."""
        query = select(RequestTable).where(RequestTable.state.not_in(OPEN))
        if who is not None:
            query = query.where(RequestTable.who == who)
        query = query.order_by(RequestTable.changed.desc(), RequestTable.id.desc()).limit(limit)
        return self._rows(query)

    def _rows(self, query: Select[RequestTable]) -> list[RequestRow]:
        with self._database.read() as session:
            rows = session.scalars(query).all()
            good = _good(session, [row.id for row in rows])
            return [_view(row, good.get(row.id, 0)) for row in rows]

    def ends(self, who: str, since: datetime) -> list[datetime]:
        """When requests of `who` were ended by others, after `since`; the newest 50."""
        query = select(RequestTable.changed).where(
            RequestTable.who == who,
            RequestTable.by != who,
            RequestTable.changed > since,
            RequestTable.state.not_in(OPEN),
        )
        with self._database.read() as session:
            return list(session.scalars(query.order_by(RequestTable.changed.desc()).limit(50)))

    def steps(self, number: int) -> list[RequestStep]:
        """What became of a request, from its beginning on."""
        query = select(RequestStepTable).filter_by(request=number).order_by(RequestStepTable.id)
        with self._database.read() as session:
            return [
                RequestStep(row.time, RequestState(row.state), row.who, row.why)
                for row in session.scalars(query)
            ]

    def step(self, number: int, state: RequestState, now: datetime, who: str, why: str) -> RequestRow:
        """Bring an open request into a state. Raises BadInput when it is at its end, or there is none."""
        with self._database.write() as session:
            row = session.get(RequestTable, number)
            if row is None:
                raise BadInput(f"there is no request {number}")
            if not RequestState(row.state).open:
                raise BadInput(f"request {number} is {row.state} already")
            _step(session, row, state, now, who, why)
            return _view(row, _good(session, [number]).get(number, 0))

    def frames(self, number: int, *, good: bool | None = None) -> list[FrameRow]:
        """The frames that were taken for a request, in order."""
        query = select(FrameTable).where(FrameTable.request == number)
        if good is not None:
            query = query.where(FrameTable.good == good)
        with self._database.read() as session:
            rows = session.scalars(query.order_by(FrameTable.taken, FrameTable.id))
            return [frame_view(row) for row in rows]

    def last_served(self, rig: str) -> dict[str, datetime]:
        """By member, when the rig last began a frame for a request of theirs."""
        query = (
            select(RequestTable.who, func.max(FrameTable.taken).label("taken"))
            .join(FrameTable, FrameTable.request == RequestTable.id)
            .where(RequestTable.rig == rig)
            .group_by(RequestTable.who)
        )
        with self._database.read() as session:
            return {row.who: row.taken for row in session.execute(query)}


def _step(
    session: Session, row: RequestTable, state: RequestState, now: datetime, who: str, why: str
) -> None:
    row.state, row.changed, row.by, row.why = state.value, now, who, why
    session.add(row)
    session.flush()
    session.add(RequestStepTable(request=row.id, time=now, state=state.value, who=who, why=why))
    session.flush()


def _good(session: Session, numbers: Collection[int]) -> dict[int, int]:
    """How many good frames each has."""
    query = (
        select(FrameTable.request, func.count())
        .where(FrameTable.request.in_(numbers), FrameTable.good)
        .group_by(FrameTable.request)
    )
    return {number: count for number, count in session.execute(query) if number is not None}


def _view(row: RequestTable, good: int) -> RequestRow:
    return RequestRow(
        row.id, row.who, row.rig, spec_view(row), row.count, row.master, row.made, row.frame_bytes,
        RequestState(row.state), row.changed, row.by, row.why, good,
    )  # fmt: skip
