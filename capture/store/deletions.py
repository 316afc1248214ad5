"""Files that were deleted on purpose: what they were, who had them deleted, when and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, select

from capture.frame import Kind
from capture.store.changes import Change, Changes, What
from capture.store.database import Database
from capture.store.rows import FrameRow, frame_view
from capture.store.schema import DeletionTable, FrameTable, MasterInputTable
from capture.store.sets import count_again


@dataclass(frozen=True)
class Deleted:
    """One file by its path below the archive's root, and who had it deleted at `time` for what reason."""

    path: str
    sha256: str
    time: datetime
    who: str
    why: str


class Deletions:
    """Deleted files in the catalogue's database. Its methods raise StoreError as the Catalogue's do."""

    def __init__(self, database: Database, changes: Changes) -> None:
        self._database = database
        self._changes = changes

    def record(self, rig: str, files: Sequence[Deleted]) -> None:
        """Record files of one rig that are about to be deleted, at one time, by one person.

        Frames among them count no more.
        """
        if not files:
            return
        first, paths = files[0], {one.path: one.why for one in files}
        data = {"files": [[one.path, one.sha256, one.why] for one in files]}
        text = f"{len(files)} files are deleted"
        why = "; ".join(dict.fromkeys(paths.values()))
        with self._database.write() as session:
            self._changes.note(session, Change(first.time, rig, What.DELETION, first.who, why, text, data))
            session.add_all(DeletionTable(**vars(one)) for one in files)
            frames = list(session.scalars(select(FrameTable).where(FrameTable.path.in_(paths))))
            for frame in frames:
                frame.good = False
                frame.reasons = [*frame.reasons, f"deleted by {first.who}: {paths[frame.path]}"]
            session.flush()
            count_again(session, (frame.set for frame in frames))

    def restore(self, told: Iterable[Change]) -> int:
        """Record again what only the file of changes tells, all of which is `told`; return how many files."""
        known = self.paths()
        found: dict[str, DeletionTable] = {}
        for one in told:
            if one.what is What.DELETION:
                for path, sha256, why in one.data.get("files", ()):
                    found[path] = DeletionTable(path=path, sha256=sha256, time=one.time, who=one.who, why=why)
        missing = [row for path, row in found.items() if path not in known]
        if missing:
            with self._database.write() as session:
                session.add_all(missing)
        return len(missing)

    def paths(self) -> set[str]:
        """The paths of all of them."""
        with self._database.read() as session:
            return set(session.scalars(select(DeletionTable.path)))

    def candidates(self, kind: Kind, before: datetime, *, good: bool) -> list[FrameRow]:
        """Frames of a kind taken until then whose files were not deleted, the oldest first.

        Of good ones those that went into a master: the others wait for theirs.
        """
        is_gone = exists().where(DeletionTable.path == FrameTable.path)
        query = select(FrameTable).where(
            FrameTable.kind == kind.value, FrameTable.good == good, FrameTable.taken <= before, ~is_gone
        )
        if good:
            query = query.where(exists().where(MasterInputTable.frame == FrameTable.id))
        with self._database.read() as session:
            rows = session.scalars(query.order_by(FrameTable.taken, FrameTable.id))
            return [frame_view(row) for row in rows]

    def all(self) -> list[Deleted]:
        """All of them, in the order of their paths."""
        with self._database.read() as session:
            rows = session.scalars(select(DeletionTable).order_by(DeletionTable.path))
            return [Deleted(row.path, row.sha256, row.time, row.who, row.why) for row in rows]
