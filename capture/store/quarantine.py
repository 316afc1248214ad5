"""Frames set aside after the fact: kept with who did it, when and why, and good for nothing since."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from capture.frame import Kind
from capture.store.database import Database
from capture.store.schema import FrameTable, QuarantineTable
from capture.store.sets import count_again


@dataclass(frozen=True)
class SetAside:
    """One frame, by id, and who set it aside at `when` for what reason."""

    frame: int
    when: datetime
    who: str
    why: str


class Quarantine:
    """What was set aside, in the catalogue's database. Its methods raise StoreError as the Catalogue's do."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def set_aside(
        self, rig: str, kinds: Iterable[Kind], since: datetime, when: datetime, who: str, why: str
    ) -> list[int]:
        """Let a rig's good frames of these kinds, taken since then, count no longer; return their ids."""
        query = select(FrameTable).where(
            FrameTable.rig == rig,
            FrameTable.kind.in_([kind.value for kind in kinds]),
            FrameTable.good,
            FrameTable.taken >= since,
        )
        with self._database.write() as session:
            frames = list(session.scalars(query))
            for frame in frames:
                frame.good, frame.reasons = False, [*frame.reasons, why]
                session.add(QuarantineTable(frame=frame.id, time=when, who=who, why=why))
            session.flush()
            count_again(session, (frame.set for frame in frames))
            return [frame.id for frame in frames]

    def all(self) -> list[SetAside]:
        """What is set aside, in the order in which it was."""
        query = select(QuarantineTable).order_by(QuarantineTable.time, QuarantineTable.frame)
        with self._database.read() as session:
            return [SetAside(row.frame, row.time, row.who, row.why) for row in session.scalars(query)]
