"""Pauses: which rigs are to begin no new work, by whom and why. The journal's entries keep them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from capture.journal import Entry
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

    def __init__(self, database: Database) -> None:
        self._database = database

    def pause(self, pause: Pause) -> None:
        """Keep that a rig is paused."""
        said = {"who": pause.who, "why": pause.why}
        self._add(Entry(pause.when, pause.rig, _PAUSE, str(pause), dict(said)))

    def resume(self, rig: str, when: datetime, who: str, why: str) -> None:
        """Keep that a rig may work again."""
        text = f"resumed by {who}" + (f": {why}" if why else "")
        self._add(Entry(when, rig, _RESUME, text, {"who": who, "why": why}))

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

    def _add(self, entry: Entry) -> None:
        with self._database.write() as session:
            session.add(
                EntryTable(
                    time=entry.time, source=entry.source, kind=entry.kind, text=entry.text, data=entry.data
                )
            )
