"""What a page shows of frames, masters and entries, a page at a time: nothing here reads all there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import lazyload

from capture.frame import Kind
from capture.journal import Entry
from capture.store.database import Database
from capture.store.events import valid_from
from capture.store.rows import FrameRow, MasterRow, entry_view, frame_view, master_view
from capture.store.schema import EntryTable, FrameTable, MasterInputTable, MasterTable
from capture.store.told import Told


@dataclass(frozen=True)
class Input:
    """A frame that went into a master, by its id, file and the file's SHA-256 then."""

    frame: int
    path: str
    sha256: str


class Browse:
    """Pages of the catalogue's database. Its methods raise StoreError as the Catalogue's do."""

    def __init__(self, database: Database, told: Told) -> None:
        self._database = database
        self._told = told

    def frames(
        self,
        *,
        rig: str | None = None,
        kind: Kind | None = None,
        night: date | None = None,
        good: bool | None = None,
        of_set: int | None = None,
        of_request: int | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[FrameRow]:
        """Frames, the newest row first; of one set or request by its id; `before`: with a smaller id."""
        query = select(FrameTable).order_by(FrameTable.id.desc()).limit(limit)
        if rig is not None:
            query = query.where(FrameTable.rig == rig)
        if kind is not None:
            query = query.where(FrameTable.kind == kind.value)
        if night is not None:
            query = query.where(FrameTable.night == night)
        if good is not None:
            query = query.where(FrameTable.good == good)
        if of_set is not None:
            query = query.where(FrameTable.set == of_set)
        if of_request is not None:
            query = query.where(FrameTable.request == of_request)
        if before is not None:
            query = query.where(FrameTable.id < before)
        with self._database.read() as session:
            return [frame_view(row) for row in session.scalars(query)]

    def newest_frames(self, rig: str, limit: int) -> list[FrameRow]:
        """A rig's newest frames by the time of their exposure."""
        query = select(FrameTable).where(FrameTable.rig == rig).order_by(FrameTable.taken.desc()).limit(limit)
        with self._database.read() as session:
            return [frame_view(row) for row in session.scalars(query)]

    def frame(self, number: int) -> FrameRow | None:
        """The frame of that id; None when there is none."""
        with self._database.read() as session:
            row = session.get(FrameTable, number)
            return None if row is None else frame_view(row)

    def masters(
        self,
        *,
        rig: str | None = None,
        kind: Kind | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[MasterRow]:
        """Masters without their inputs, the newest row first; `before`: with a smaller id."""
        query = select(MasterTable).options(lazyload(MasterTable.inputs)).order_by(MasterTable.id.desc())
        if rig is not None:
            query = query.where(MasterTable.rig == rig)
        if kind is not None:
            query = query.where(MasterTable.kind == kind.value)
        if before is not None:
            query = query.where(MasterTable.id < before)
        with self._database.read() as session:
            return [master_view(row, ()) for row in session.scalars(query.limit(limit))]

    def valid_masters(self, rig: str | None = None) -> list[MasterRow]:
        """As `Catalogue.masters` with `valid`, without their inputs: of a hundred thousand, in seconds."""
        # Plain rows: objects with an identity cost three times as much.
        query = select(MasterTable.__table__).where(MasterTable.withdrawn.is_(None))
        if rig is not None:
            query = query.where(MasterTable.rig == rig)
        with self._database.read() as session:
            rows = session.execute(query.order_by(MasterTable.built.desc(), MasterTable.id.desc()))
            found = [master_view(row, ()) for row in rows]
        events = self._told.events(rig=rig)
        starts = {key: valid_from(events, *key) for key in {(row.rig, row.spec) for row in found}}
        return [
            row for row in found if (start := starts[row.rig, row.spec]) is None or row.oldest_input >= start
        ]

    def master(self, number: int) -> MasterRow | None:
        """The master of that id, without its inputs; None when there is none."""
        query = select(MasterTable).options(lazyload(MasterTable.inputs)).where(MasterTable.id == number)
        with self._database.read() as session:
            row = session.scalars(query).one_or_none()
            return None if row is None else master_view(row, ())

    def inputs(self, master: int) -> list[Input]:
        """What a master was made of, in the order in which it was taken."""
        query = (
            select(FrameTable.id, FrameTable.path, MasterInputTable.sha256)
            .join(FrameTable, FrameTable.id == MasterInputTable.frame)
            .where(MasterInputTable.master == master)
            .order_by(FrameTable.taken)
        )
        with self._database.read() as session:
            return [Input(row.id, row.path, row.sha256) for row in session.execute(query)]

    def not_valid(self, masters: Sequence[MasterRow]) -> dict[int, str]:
        """Of these masters by id, why each is worth nothing any more; what is sound is left out."""
        events = self._told.events()
        why = {}
        for master in masters:
            if (gone := master.withdrawn) is not None:
                why[master.id] = f"withdrawn on {gone.when:%Y-%m-%d} by {gone.who}: {gone.why}"
            start = valid_from(events, master.rig, master.spec)
            if start is not None and master.oldest_input < start:
                why.setdefault(master.id, f"an event of {start:%Y-%m-%d %H:%M} UTC made it worthless")
        return why

    def entries(self, limit: int, kinds: Sequence[str] = (), source: str | None = None) -> list[Entry]:
        """The journal's newest entries, the newest last."""
        query = select(EntryTable).order_by(EntryTable.id.desc()).limit(limit)
        if kinds:
            query = query.where(EntryTable.kind.in_(kinds))
        if source is not None:
            query = query.where(EntryTable.source == source)
        with self._database.read() as session:
            return [entry_view(row) for row in session.scalars(query)][::-1]
