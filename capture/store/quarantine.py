"""Frames set aside after the fact: kept with who did it, when and why, and good for nothing since."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from capture.errors import StoreError
from capture.frame import Kind
from capture.store.changes import Change, Changes, What
from capture.store.database import Database
from capture.store.quarantine_file import QUARANTINE, QuarantineFile, Released, Spoilt, SpoiltSpan, Told
from capture.store.rows import Withdrawn
from capture.store.schema import FrameTable, QuarantineTable
from capture.store.sets import count_again
from capture.store.withdrawals import made_of, reinstate, withdraw


@dataclass(frozen=True)
class SetAside:
    """One frame, by id, and who set it aside at `when` for what reason."""

    frame: int
    when: datetime
    who: str
    why: str


@dataclass(frozen=True)
class AsideAtOnce:
    """Frames of one rig that one person set aside at one time for one reason, and how many."""

    rig: str
    when: datetime
    who: str
    why: str
    count: int


@dataclass(frozen=True)
class GivenBack:
    """What was released: frames by path, and the masters that count again with them, by path."""

    frames: list[str]
    masters: list[str]


class Quarantine:
    """What was set aside, in the catalogue's database and, for it may be lost, in a file beside it.

    Its methods raise StoreError as the Catalogue's do.
    """

    def __init__(self, database: Database, changes: Changes) -> None:
        self._database = database
        self._changes = changes
        self._file: QuarantineFile | None = None
        self._owes_rows: Callable[[], bool] = lambda: False
        # Whether the file tells of frames that the database has not heard of.
        self.is_behind = False

    def keep_in(self, file: QuarantineFile, owes_rows: Callable[[], bool]) -> None:
        """Write there, too, from now on; `owes_rows` says whether frames are on disk without a row."""
        self._file, self._owes_rows = file, owes_rows

    def set_aside(
        self, rig: str, kinds: Iterable[Kind], since: datetime, when: datetime, who: str, why: str
    ) -> list[int]:
        """Let a rig's good frames of these kinds, taken since then, count no longer; return their ids.

        Masters that have one of them are withdrawn. The file has them before the database does; those whose
        rows are owed, or all while the database is away, are in the file alone until `catch_up`.
        """
        kinds = tuple(kinds)
        file, owes = self._file, self._owes_rows()
        span = SpoiltSpan(rig, tuple(kind.value for kind in kinds), since, when, who, why)
        if file is not None and owes:
            file.add_span(span)
            self.is_behind = True
        try:
            return self._set_aside_known(rig, kinds, since, when, who, why)
        except StoreError:
            if file is None:
                raise
            if not owes:
                file.add_span(span)
            self.is_behind = True
            return []

    def set_aside_frames(
        self, rig: str, why: Mapping[int, str], when: datetime, who: str, in_short: str
    ) -> None:
        """Let these frames of a rig, by id with the reason of each, count no longer; `in_short`: of all.

        Masters that have one of them are withdrawn. The file has them before the database does.
        """
        with self._database.write() as session:
            frames = list(session.scalars(select(FrameTable).where(FrameTable.id.in_(why), FrameTable.good)))
            if not frames:
                return
            if self._file is not None:
                self._file.add([Spoilt(one.path, one.sha256, when, who, why[one.id]) for one in frames])
            _spoil(session, [(one, when, who, why[one.id]) for one in frames])
            text = f"{len(frames)} frames are set aside"
            self._changes.note(session, Change(when, rig, What.QUARANTINE, who, in_short, text))
            withdraw(
                session, self._changes, made_of(session, [one.id for one in frames]),
                Withdrawn(when, who, in_short),
            )  # fmt: skip

    def release(self, frames: Collection[int], when: datetime, who: str, why: str) -> GivenBack:
        """Let frames that are set aside, by id, count again, as far as nothing else is said against them.

        Masters that were withdrawn for them, and have no other frame that is set aside, count again. That the
        frames were set aside stays known. The file has it before the database does.
        """
        with self._database.write() as session:
            rows = list(session.scalars(_active().where(QuarantineTable.frame.in_(frames))))
            mine = [(row, session.get_one(FrameTable, row.frame)) for row in rows]
            if self._file is not None and mine:
                told = [Released(frame.path, frame.sha256, when, who, why) for _, frame in mine]
                self._file.add_released(told)
            _free(session, [(row, frame, when, who, why) for row, frame in mine])
            by_rig: dict[str, int] = {}
            for _, frame in mine:
                by_rig[frame.rig] = by_rig.get(frame.rig, 0) + 1
            for rig, count in by_rig.items():
                text = f"{count} frames that were set aside count again"
                self._changes.note(session, Change(when, rig, What.RELEASE, who, why, text))
            numbers = [frame.id for _, frame in mine]
            masters = reinstate(session, self._changes, numbers, Withdrawn(when, who, why))
            return GivenBack([frame.path for _, frame in mine], [row.path for row in masters])

    def released(self, frames: Collection[int]) -> set[int]:
        """Which of these frames, by id, somebody gave back."""
        query = select(QuarantineTable.frame).where(
            QuarantineTable.frame.in_(frames), QuarantineTable.released.is_not(None)
        )
        with self._database.read() as session:
            return set(session.scalars(query))

    def catch_up(self) -> str:
        """Set aside what the file alone knew of, if there is any; in words as `recall`."""
        if not self.is_behind:
            return ""
        told = self.recall()
        self.is_behind = False
        return told

    def _set_aside_known(
        self, rig: str, kinds: tuple[Kind, ...], since: datetime, when: datetime, who: str, why: str
    ) -> list[int]:
        query = select(FrameTable).where(
            FrameTable.rig == rig,
            FrameTable.kind.in_([kind.value for kind in kinds]),
            FrameTable.good,
            FrameTable.taken >= since,
        )
        with self._database.write() as session:
            frames = list(session.scalars(query))
            if self._file is not None and frames:
                self._file.add([Spoilt(frame.path, frame.sha256, when, who, why) for frame in frames])
            _spoil(session, [(frame, when, who, why) for frame in frames])
            if frames:
                text = f"{len(frames)} frames are set aside, taken since {since:%Y-%m-%d %H:%M} UTC"
                self._changes.note(session, Change(when, rig, What.QUARANTINE, who, why, text))
            spoilt = made_of(session, (frame.id for frame in frames))
            withdraw(session, self._changes, spoilt, Withdrawn(when, who, why))
            return [frame.id for frame in frames]

    def recall(self) -> str:
        """Set aside what only the file tells of any more; in words what was, empty when nothing."""
        told, unreadable = self._file.read() if self._file is not None else ([], 0)
        with self._database.write() as session:
            rows = {row.frame: row for row in session.scalars(select(QuarantineTable))}
            again: dict[int, tuple[FrameTable, datetime, str, str]] = {}
            for one in dict.fromkeys(told):
                for frame in session.scalars(select(FrameTable).where(*_found_by(one))):
                    row = rows.get(frame.id)
                    if isinstance(one, Released):
                        again.pop(frame.id, None)
                        if row is not None and row.released is None and row.time <= one.released:
                            _free(session, [(row, frame, one.released, one.who, one.why)])
                    elif row is None or (row.released is not None and row.released < one.time):
                        _spoil(session, [(frame, one.time, one.who, one.why)])
                        rows[frame.id] = session.get_one(QuarantineTable, frame.id)
                        again[frame.id] = frame, one.time, one.who, one.why
            for frame, when, who, why in again.values():
                withdraw(session, self._changes, made_of(session, [frame.id]), Withdrawn(when, who, why))
        words = [f"{len(again)} frames are set aside again, as {QUARANTINE} tells"] if again else []
        words += [f"{unreadable} lines of {QUARANTINE} cannot be read; mend them"] if unreadable else []
        return "; ".join(words)

    def all(self) -> list[SetAside]:
        """What is set aside, in the order in which it was."""
        query = _active().order_by(QuarantineTable.time, QuarantineTable.frame)
        with self._database.read() as session:
            return [SetAside(row.frame, row.time, row.who, row.why) for row in session.scalars(query)]

    def latest(self, most: int) -> list[AsideAtOnce]:
        """What was set aside last and is not released, at most so many times of it, the newest first."""
        alike = (FrameTable.rig, QuarantineTable.time, QuarantineTable.who, QuarantineTable.why)
        query = (
            select(*alike, func.count())
            .join(FrameTable, FrameTable.id == QuarantineTable.frame)
            .where(QuarantineTable.released.is_(None))
            .group_by(*alike)
            .order_by(QuarantineTable.time.desc(), FrameTable.rig, QuarantineTable.who, QuarantineTable.why)
        )
        with self._database.read() as session:
            return [AsideAtOnce(*row) for row in session.execute(query.limit(most))]

    def named(self, rig: str, name: str) -> list[int]:
        """The frames, by id, of a rig (of all if it is empty) that are set aside, by path or its last part.

        Or by the time when they were set aside, as 2026-11-21T16:30:05Z.
        """
        query = select(QuarantineTable.frame, QuarantineTable.time, FrameTable.path)
        query = query.join(FrameTable, FrameTable.id == QuarantineTable.frame)
        query = query.where(QuarantineTable.released.is_(None))
        if rig:
            query = query.where(FrameTable.rig == rig)
        with self._database.read() as session:
            rows = session.execute(query).all()
        return [
            frame
            for frame, time, path in rows
            if name in (path, path.rpartition("/")[2], f"{time:%Y-%m-%dT%H:%M:%SZ}")
        ]


def _active() -> Select[QuarantineTable]:
    return select(QuarantineTable).where(QuarantineTable.released.is_(None))


def _found_by(one: Told) -> tuple[ColumnElement[bool], ...]:
    if not isinstance(one, SpoiltSpan):
        return FrameTable.path == one.path, FrameTable.sha256 == one.sha256
    taken = FrameTable.taken.between(one.since, one.time)
    return FrameTable.rig == one.rig, FrameTable.kind.in_(one.kinds), FrameTable.good.is_(True), taken


def _spoil(session: Session, frames: Sequence[tuple[FrameTable, datetime, str, str]]) -> None:
    for frame, when, who, why in frames:
        frame.good, frame.reasons = False, [*frame.reasons, why]
        nobody = {"released": None, "released_by": None, "released_why": None}
        session.merge(QuarantineTable(frame=frame.id, time=when, who=who, why=why, **nobody))
    session.flush()
    count_again(session, (frame.set for frame, *_ in frames))


def _free(session: Session, rows: Sequence[tuple[QuarantineTable, FrameTable, datetime, str, str]]) -> None:
    for row, frame, when, who, why in rows:
        row.released, row.released_by, row.released_why = when, who, why
        reasons = list(frame.reasons)
        if row.why in reasons:
            reasons.remove(row.why)
        frame.good, frame.reasons = not reasons, reasons
    session.flush()
    count_again(session, (frame.set for _, frame, *_ in rows))
