"""Pauses: which rigs are to begin no new work, by whom and why. The journal's entries keep them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from capture.journal import Entry
from capture.store.changes import Change, Changes, What, newest_by
from capture.store.database import Database
from capture.store.rows import entry_view
from capture.store.schema import EntryTable

_PAUSE, _RESUME = "pause", "resume"


@dataclass(frozen=True)
class Pause:
    """That a rig begins no new work until somebody resumes it; `when` in UTC."""

    rig: str
    when: datetime
    who: str
    why: str

    def __str__(self) -> str:
        why = f": {self.why}" if self.why else ""
        return f"paused by {self.who} at {self.when:%Y-%m-%d %H:%M:%S} UTC{why}"


class Pauses:
    """Pauses in the catalogue's database. Its methods raise StoreError as the Catalogue's do."""

    def __init__(self, database: Database, changes: Changes) -> None:
        self._database = database
        self._changes = changes

    def pause(self, pause: Pause) -> None:
        """Keep that a rig is paused."""
        self._keep(_entry_of(pause), What.PAUSE, pause.who, pause.why)

    def resume(self, rig: str, when: datetime, who: str, why: str) -> None:
        """Keep that a rig may work again."""
        text = f"resumed by {who}" + (f": {why}" if why else "")
        self._keep(Entry(when, rig, _RESUME, text, {"who": who, "why": why}), What.RESUME, who, why)

    def of(self, rig: str) -> Pause | None:
        """The pause that is in force; None when the rig may work."""
        # By its number: a clock that was set back must not bring an old pause back to life.
        newest = select(func.max(EntryTable.id)).where(
            EntryTable.source == rig, EntryTable.kind.in_((_PAUSE, _RESUME))
        )
        with self._database.read() as session:
            row = session.scalars(select(EntryTable).where(EntryTable.id == newest.scalar_subquery())).first()
            if row is None:
                return None
            entry = entry_view(row)
        if entry.kind == _RESUME:
            return None
        return Pause(rig, entry.time, str(entry.data.get("who", "")), str(entry.data.get("why", "")))

    def restore(self, told: Iterable[Change]) -> list[Pause]:
        """Pause again the rigs of which only the file of changes tells that they are; return those pauses.

        `told`: all that it tells.
        """
        again = []
        kinds = (What.PAUSE, What.RESUME)
        for (rig,), last in newest_by(one for one in told if one.what in kinds).items():
            if last.what is What.PAUSE and not self._is_known(rig):
                pause = Pause(rig, last.time, last.who, last.why)
                with self._database.write() as session:
                    _add(session, _entry_of(pause))
                again.append(pause)
        return again

    def _is_known(self, rig: str) -> bool:
        """Whether the rig was ever paused, as far as the database knows."""
        query = select(EntryTable.id).where(EntryTable.source == rig, EntryTable.kind.in_((_PAUSE, _RESUME)))
        with self._database.read() as session:
            return session.scalars(query.limit(1)).first() is not None

    def _keep(self, entry: Entry, what: What, who: str, why: str) -> None:
        with self._database.write() as session:
            self._changes.note(session, Change(entry.time, entry.source, what, who, why, entry.text))
            _add(session, entry)


def _entry_of(pause: Pause) -> Entry:
    return Entry(pause.when, pause.rig, _PAUSE, str(pause), {"who": pause.who, "why": pause.why})


def _add(session: Session, entry: Entry) -> None:
    session.add(
        EntryTable(time=entry.time, source=entry.source, kind=entry.kind, text=entry.text, data=entry.data)
    )
