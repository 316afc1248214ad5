"""The coverage board: of every set what is held and needed, how old it is, and when more comes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any

from capture.frame import FrameSpec, Kind
from capture.store.needs import Holding
from capture.store.rows import MasterRow
from capture.store.sets import SetRow

_KINDS = list(Kind)
_NOTHING_AHEAD = timedelta(days=7)


class Freshness(StrEnum):
    """`fresh`: the need is met; `stale`: it was, and frames grew old; `short`: it never was.

    `beyond`: held, and nothing in the config needs it.
    """

    FRESH = "fresh"
    STALE = "stale"
    SHORT = "short"
    BEYOND = "beyond"


@dataclass(frozen=True)
class Attempt:
    """When frames of a set are to be taken next, and in which block of that night."""

    night: date
    block: str


@dataclass(frozen=True)
class Coverage:
    """One set of one rig; its `spec` is a set key.

    `have`: good frames that count at this time, at most `need` where there is one; `age_days`: of the newest
    good frame; `stale_since`: since when the need is not met any more. `master`: the newest valid one's path.
    """

    rig: str
    spec: FrameSpec
    have: int
    need: int
    freshness: Freshness
    newest: datetime | None = None
    age_days: float | None = None
    stale_since: datetime | None = None
    master: str | None = None
    next_attempt: Attempt | None = None


def coverage(
    held: Iterable[SetRow],
    needs: Iterable[Holding],
    masters: Iterable[MasterRow],
    attempts: Mapping[tuple[str, FrameSpec], Attempt],
    now: datetime,
) -> list[Coverage]:
    """The board at `now`: needed sets and those beyond, by rig, kind, filter, and what else they differ in.

    `held`: all sets; `needs`: of every need what is held; `masters`: the valid ones, in any order.
    """
    newest_master: dict[tuple[str, FrameSpec], MasterRow] = {}
    for master in masters:
        before = newest_master.get((master.rig, master.spec))
        if before is None or before.built < master.built:
            newest_master[master.rig, master.spec] = master
    sets = {(row.rig, row.spec): row for row in held}
    board: dict[tuple[str, FrameSpec], Coverage] = {}
    for holding in needs:
        key = holding.need.rig, holding.need.spec
        board[key] = _needed(holding, sets.get(key), newest_master.get(key), attempts.get(key), now)
    for key, row in sets.items():
        if key not in board and row.good_frames and row.spec.kind is not Kind.LIGHT:
            path = newest_master[key].path if key in newest_master else None
            board[key] = Coverage(
                *key, row.good_frames, 0, Freshness.BEYOND, row.newest_good, _age_days(row.newest_good, now),
                None, path, attempts.get(key),
            )  # fmt: skip
    return sorted(board.values(), key=_order)


def overdue(board: Iterable[Coverage], margin: timedelta, now: datetime) -> list[Coverage]:
    """The sets that are stale for longer than `margin`, or will be before frames of them can be taken.

    A set without an attempt on the board has none within a week.
    """
    found = []
    for row in board:
        if row.stale_since is not None:
            chance = now + _NOTHING_AHEAD
            if row.next_attempt is not None:
                # The end of that evening, wherever the site is: a day more or less decides no alarm.
                chance = datetime.combine(row.next_attempt.night + timedelta(days=1), time(), UTC)
            if max(now, chance) - row.stale_since > margin:
                found.append(row)
    return found


def _needed(
    holding: Holding,
    row: SetRow | None,
    master: MasterRow | None,
    attempt: Attempt | None,
    now: datetime,
) -> Coverage:
    need, missing = holding.need, holding.missing(now)
    newest = holding.taken[0] if holding.taken else (row.newest_good if row else None)
    freshness = Freshness.FRESH
    if missing is not None:
        freshness = Freshness.STALE if missing.stale_since is not None else Freshness.SHORT
    return Coverage(
        need.rig,
        need.spec,
        need.count if missing is None else missing.have,
        need.count,
        freshness,
        newest,
        _age_days(newest, now),
        missing.stale_since if missing else None,
        master.path if master else None,
        attempt,
    )


def _age_days(newest: datetime | None, now: datetime) -> float | None:
    return None if newest is None else (now - newest) / timedelta(days=1)


def _order(row: Coverage) -> tuple[Any, ...]:
    spec = row.spec
    return (
        row.rig, _KINDS.index(spec.kind), spec.filter or "", spec.exposure_s, spec.binning,
        -1 if spec.gain is None else spec.gain, spec.set_temperature_c or 0.0, repr(spec),
    )  # fmt: skip
