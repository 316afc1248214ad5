"""Points: settled from catalogued frames, granted and refunded by operators, told as a statement."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import groupby
from operator import attrgetter

from capture.config import Config
from capture.errors import BadInput
from capture.members.pricing import charge_for, in_points
from capture.members.roles import Action, Actor
from capture.store.catalogue import Catalogue
from capture.store.points import PointKind, PointRow

_MOST_POINTS = 1_000_000.0
_SETTLER = "nightcal"


@dataclass(frozen=True)
class Sum:
    """Lines in a row that differ in their frames only, as one: the last of them, how many, and their sum."""

    last: PointRow
    count: int
    millipoints: int

    @property
    def what(self) -> str:
        """In words, with who it was where it was a person."""
        about = f"request {self.last.request}: " if self.last.request else ""
        if self.last.kind is not PointKind.CHARGE:
            return f"{about}{self.last.why} ({self.last.who})"
        return f"{about}{self.count} frame{'s' if self.count > 1 else ''}, {self.last.why}"


@dataclass(frozen=True)
class Statement:
    """An account's lines, in order, and what they sum up to."""

    account: str
    lines: tuple[PointRow, ...]
    balance_millipoints: int

    def sums(self) -> list[Sum]:
        """What people read: a line for the frames of a request that came to the same."""
        found = []
        same = attrgetter("kind", "request", "who", "why", "millipoints")
        for _, group in groupby(self.lines, key=same):
            lines = list(group)
            found.append(Sum(lines[-1], len(lines), sum(line.millipoints for line in lines)))
        return found

    def text(self) -> str:
        """For people: the sums, a line each, and the balance."""
        rows = [
            f"{one.last.time:%Y-%m-%d %H:%M}  {one.last.kind:<7} {in_points(one.millipoints):>10}  {one.what}"
            for one in self.sums()
        ]
        return "\n".join([*rows, f"{self.account} has {in_points(self.balance_millipoints)} points"]) + "\n"

    def csv(self) -> str:
        """For spreadsheets: a header, and a line each; times in UTC."""
        out = io.StringIO()
        write = csv.writer(out, lineterminator="\r\n")
        write.writerow(("time", "kind", "points", "balance", "request", "frame", "who", "why"))
        for line in self.lines:
            write.writerow(
                (
                    line.time.isoformat(),
                    line.kind.value,
                    in_points(line.millipoints),
                    in_points(line.balance_millipoints),
                    line.request or "",
                    _harmless(line.frame or ""),
                    _harmless(line.who),
                    _harmless(line.why),
                )
            )
        return out.getvalue()


def settle(catalogue: Catalogue, config: Config, now: datetime, request: int | None = None) -> int:
    """Charge the good frames of requests that are not charged yet; return how many lines that made.

    What is charged is derived from the catalogue alone, so it may be done at any time, and again. Raises
    StoreError.
    """
    return catalogue.points.settle(partial(charge_for, config=config), now, _SETTLER, request)


def grant(catalogue: Catalogue, actor: Actor, account: str, points: float, why: str, now: datetime) -> int:
    """Give points, or with a negative number take them; return the balance in millipoints.

    Raises BadInput, NotAllowed.
    """
    actor.require(Action.CHANGE_POINTS)
    amount = _millipoints(points)
    return catalogue.points.add(account, PointKind.GRANT, amount, now, str(actor), _reason(why))


def refund(
    catalogue: Catalogue,
    actor: Actor,
    account: str,
    points: float,
    why: str,
    now: datetime,
    request: int | None = None,
) -> int:
    """Give points back with a reason, for a request or without; return the balance in millipoints.

    For a request at most what was charged for it, and not given back yet. Raises BadInput, NotAllowed.
    """
    actor.require(Action.CHANGE_POINTS)
    amount = _millipoints(points)
    if amount <= 0:
        raise BadInput("a refund is above 0 points; to take points, grant a negative number")
    if request is not None:
        paid = -sum(line.millipoints for line in catalogue.points.lines(account, request))
        if amount > paid:
            raise BadInput(f"{in_points(max(0, paid))} points of request {request} are left to be given back")
    return catalogue.points.add(account, PointKind.REFUND, amount, now, str(actor), _reason(why), request)


def statement(catalogue: Catalogue, actor: Actor, account: str) -> Statement:
    """The account's statement. Raises NotAllowed for another's; BadInput when there is no such account."""
    actor.require(Action.SEE_POINTS, account)
    if catalogue.accounts.get(account) is None:
        raise BadInput(f"there is no account {account!r}")
    lines = tuple(catalogue.points.lines(account))
    return Statement(account, lines, lines[-1].balance_millipoints if lines else 0)


def _millipoints(points: float) -> int:
    if not math.isfinite(points) or abs(points) > _MOST_POINTS:
        raise BadInput(f"{points} points: give a number from -{_MOST_POINTS:g} to {_MOST_POINTS:g}")
    amount = round(points * 1000)
    if not amount:
        raise BadInput("0 points change nothing; give at least 0.001")
    return amount


def _reason(why: str) -> str:
    told = " ".join(why.split())
    if not told or not told.isprintable() or len(told) > 300:
        raise BadInput("say why, in 1 to 300 printable characters")
    return told


def _harmless(text: str) -> str:
    """What a spreadsheet does not take for a formula."""
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
