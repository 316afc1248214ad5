"""Frames set aside after the fact: kept with who did it, when and why, and good for nothing since."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from capture.errors import StoreError
from capture.frame import Kind
from capture.store.changes import Change, Changes, What
from capture.store.database import Database
from capture.store.quarantine_file import QUARANTINE, QuarantineFile, Spoilt, SpoiltSpan
from capture.store.rows import Withdrawn
from capture.store.schema import FrameTable, QuarantineTable
from capture.store.sets import count_again
from capture.store.withdrawals import made_of, withdraw


@dataclass(frozen=True)
class SetAside:
    """One frame, by id, and who set it aside at `when` for what reason."""

    frame: int
    when: datetime
    who: str
    why: str


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
            known = set(session.scalars(select(QuarantineTable.frame)))
            again = []
            for one in dict.fromkeys(told):
                for frame in session.scalars(select(FrameTable).where(*_found_by(one))):
                    if frame.id not in known:
                        known.add(frame.id)
                        again.append((frame, one.time, one.who, one.why))
            _spoil(session, again)
            for frame, when, who, why in again:
                withdraw(session, self._changes, made_of(session, [frame.id]), Withdrawn(when, who, why))
        words = [f"{len(again)} frames are set aside again, as {QUARANTINE} tells"] if again else []
        words += [f"{unreadable} lines of {QUARANTINE} cannot be read; mend them"] if unreadable else []
        return "; ".join(words)

    def all(self) -> list[SetAside]:
        """What is set aside, in the order in which it was."""
        query = select(QuarantineTable).order_by(QuarantineTable.time, QuarantineTable.frame)
        with self._database.read() as session:
            return [SetAside(row.frame, row.time, row.who, row.why) for row in session.scalars(query)]


def _found_by(one: Spoilt | SpoiltSpan) -> tuple[ColumnElement[bool], ...]:
    if isinstance(one, Spoilt):
        return FrameTable.path == one.path, FrameTable.sha256 == one.sha256
    taken = FrameTable.taken.between(one.since, one.time)
    return FrameTable.rig == one.rig, FrameTable.kind.in_(one.kinds), FrameTable.good.is_(True), taken


def _spoil(session: Session, frames: Sequence[tuple[FrameTable, datetime, str, str]]) -> None:
    for frame, when, who, why in frames:
        frame.good, frame.reasons = False, [*frame.reasons, why]
        session.add(QuarantineTable(frame=frame.id, time=when, who=who, why=why))
    session.flush()
    count_again(session, (frame.set for frame, *_ in frames))
