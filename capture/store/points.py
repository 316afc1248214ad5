"""The ledger of points: lines are added, never changed, and each frame is settled once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import Session, aliased

from capture.errors import BadInput
from capture.store.database import Database
from capture.store.member_tables import AccountTable, PointTable, RequestTable
from capture.store.points_file import PointsFile
from capture.store.rows import FrameRow, frame_view
from capture.store.schema import FrameTable


class PointKind(StrEnum):
    """`grant`: given; `charge`: a frame; `refund`: given back by an operator, or for a frame set aside."""

    GRANT = "grant"
    CHARGE = "charge"
    REFUND = "refund"


@dataclass(frozen=True)
class PointRow:
    """One line. `millipoints` are negative for a charge; `balance_millipoints` is that after it."""

    id: int
    account: str
    time: datetime
    kind: PointKind
    millipoints: int
    balance_millipoints: int
    frame: str | None
    request: int | None
    who: str
    why: str


@dataclass(frozen=True)
class Charge:
    """What one frame costs, not below 0, and why so."""

    millipoints: int
    why: str


class Points:
    """The ledger in the catalogue's database. Every method raises StoreError as the Catalogue's do."""

    def __init__(self, database: Database, file: PointsFile) -> None:
        """Lines are in the file, too, after they are in the database."""
        self._database = database
        self._file = file

    def add(
        self,
        account: str,
        kind: PointKind,
        millipoints: int,
        now: datetime,
        who: str,
        why: str,
        request: int | None = None,
    ) -> int:
        """Add a line that is of no frame, and return the balance after it.

        Raises BadInput when there is no such account, or the balance would fall below its leave.
        """
        with self._database.write() as session:
            row = session.get(AccountTable, account)
            if row is None:
                raise BadInput(f"there is no account {account!r}")
            after = _balance(session, account) + millipoints
            if millipoints < 0 and after < -row.leave_millipoints:
                raise BadInput(f"{account} has not so many points")
            session.add(
                PointTable(
                    account=account, kind=kind.value, millipoints=millipoints, time=now, who=who, why=why,
                    request=request,
                )
            )  # fmt: skip
        self._file.catch_up()
        return after

    def balance_millipoints(self, account: str) -> int:
        """The sum of an account's lines."""
        with self._database.read() as session:
            return _balance(session, account)

    def lines(self, account: str, request: int | None = None) -> list[PointRow]:
        """An account's lines in order, each with the balance after it; `request`: those of one only."""
        query = select(PointTable).filter_by(account=account).order_by(PointTable.id)
        found, balance = [], 0
        with self._database.read() as session:
            for row in session.scalars(query):
                balance += row.millipoints
                if request is None or row.request == request:
                    found.append(_view(row, balance))
        return found

    def settle(
        self, cost_of: Callable[[FrameRow], Charge], now: datetime, who: str, request: int | None = None
    ) -> int:
        """Charge every good frame of a request that is not charged yet; return how many.

        What would take an account below its leave is waived, and said so. A frame that was charged and is
        good no longer is given back. One transaction; doing it again adds nothing.
        """
        with self._database.write() as session:
            settled = _charge(session, cost_of, now, who, request) + _give_back(session, now, who, request)
        if settled:
            self._file.catch_up()
        return settled


def _charge(
    session: Session, cost_of: Callable[[FrameRow], Charge], now: datetime, who: str, request: int | None
) -> int:
    charged = exists().where(PointTable.frame == FrameTable.path, PointTable.kind == PointKind.CHARGE.value)
    query = (
        select(FrameTable, RequestTable.who)
        .join(RequestTable, RequestTable.id == FrameTable.request)
        .where(FrameTable.good, ~charged, *_of(request))
        .order_by(FrameTable.taken, FrameTable.id)
    )
    left: dict[str, int] = {}
    rows = session.execute(query).all()
    for row, account in rows:
        if account not in left:
            left[account] = (
                _balance(session, account) + session.get_one(AccountTable, account).leave_millipoints
            )
        cost = cost_of(frame_view(row))
        taken = min(cost.millipoints, max(0, left[account]))
        waived = cost.millipoints - taken
        why = f"{cost.why}; {waived} millipoints waived, there were no more" if waived else cost.why
        left[account] -= taken
        session.add(
            PointTable(
                account=account, kind=PointKind.CHARGE.value, millipoints=-taken, frame=row.path,
                request=row.request, time=now, who=who, why=why,
            )
        )  # fmt: skip
    session.flush()
    return len(rows)


def _give_back(session: Session, now: datetime, who: str, request: int | None) -> int:
    refund = aliased(PointTable)
    given = exists().where(refund.frame == PointTable.frame, refund.kind == PointKind.REFUND.value)
    query = (
        select(PointTable)
        .join(FrameTable, FrameTable.path == PointTable.frame)
        .where(PointTable.kind == PointKind.CHARGE.value, PointTable.millipoints != 0, ~FrameTable.good)
        .where(~given, *_of(request))
        .order_by(PointTable.id)
    )
    rows = session.scalars(query).all()
    for row in rows:
        session.add(
            PointTable(
                account=row.account, kind=PointKind.REFUND.value, millipoints=-row.millipoints,
                frame=row.frame, request=row.request, time=now, who=who, why="the frame was set aside since",
            )
        )  # fmt: skip
    return len(rows)


def _of(request: int | None) -> list[ColumnElement[bool]]:
    return [] if request is None else [FrameTable.request == request]


def _balance(session: Session, account: str) -> int:
    total = select(func.coalesce(func.sum(PointTable.millipoints), 0)).where(PointTable.account == account)
    return int(session.scalar(total) or 0)


def _view(row: PointTable, balance: int) -> PointRow:
    return PointRow(
        row.id, row.account, row.time, PointKind(row.kind), row.millipoints, balance, row.frame,
        row.request, row.who, row.why,
    )  # fmt: skip
