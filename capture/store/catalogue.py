"""The catalogue: which frames there are, what of the needs they meet, and what was made of them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from pathlib import Path

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, lazyload

from capture.errors import StoreError
from capture.frame import Frame, FrameSpec, Kind
from capture.journal import Entry
from capture.store import sets
from capture.store.accounts import Accounts
from capture.store.browse import Browse
from capture.store.cameras import Cameras
from capture.store.candidates import Candidates
from capture.store.changes import Changes
from capture.store.database import Database
from capture.store.deletions import Deletions
from capture.store.events import valid_from
from capture.store.history import History
from capture.store.leases import Leases
from capture.store.ledger import Ledger
from capture.store.lights import Lights
from capture.store.needs import Holding, Missing, Need
from capture.store.notices import Notices
from capture.store.outbox import Outbox
from capture.store.pauses import Pauses
from capture.store.points import Points
from capture.store.points_file import PointsFile
from capture.store.quarantine import Quarantine
from capture.store.requests import Requests
from capture.store.rows import (
    FrameRow,
    MasterRow,
    NewMaster,
    RunRow,
    entry_view,
    frame_values,
    frame_view,
    master_values,
    master_view,
    run_view,
    spec_view,
)
from capture.store.schema import (
    EntryTable,
    FrameTable,
    ImportTable,
    MasterInputTable,
    MasterTable,
    RunTable,
    SetTable,
)
from capture.store.sets import SetRow
from capture.store.told import Told
from capture.store.withdrawals import Withdrawals, withdraw_if_spoilt


@dataclass(frozen=True)
class NewFrame:
    """A frame whose file is on disk already; `path` is relative to the archive's root.

    `original` is the SHA-256 of the file of another program that it was made of; `request`, the number of the
    request that it was taken for.
    """

    frame: Frame
    run: int | None
    night: date
    path: str
    sha256: str
    original: str | None = None
    request: int | None = None


class Catalogue:
    """Runs, frames, masters and the journal, in SQLite or PostgreSQL. Any thread may call any method.

    `told` holds what operators told: events and orders; `quarantine`, what was set aside after the fact;
    `leases`, who may work with which rig; `cameras`, what each rig's camera can do and its wheel holds;
    `pauses`, which rigs wait; `outbox`, which files are to reach whom; `candidates`, masters that may
    calibrate a light; `browse`, pages of what there is; `changes`, the log of who changed what and why;
    `withdrawals`, masters that are worth nothing any more; `deletions`, files that were deleted on purpose.
    `accounts`, `requests`, `points` and `notices` are what there is of members.

    Every method raises StoreError when the database is locked, damaged, full or gone.
    """

    def __init__(
        self,
        place: Path | str,
        busy_timeout_s: float = 30.0,
        ledger: Path | None = None,
        changes: Path | None = None,
        history: Path | None = None,
        points: Path | None = None,
    ) -> None:
        """Open, or make, the catalogue at a path or SQLAlchemy URL; wait so long for other programs.

        Events are kept in the file `ledger` too, the log of changes in `changes`, and what became of runs,
        lights and deliveries in `history`, accounts and points in `points`, where they are named.
        """
        self._database = Database(place, busy_timeout_s)
        self.changes = Changes(self._database, None if changes is None else Ledger(changes))
        self.told = Told(self._database, self.changes, None if ledger is None else Ledger(ledger))
        self.history = History(self._database, None if history is None else Ledger(history))
        self.points_file = PointsFile(self._database, None if points is None else Ledger(points))
        self.outbox = Outbox(self._database, self.history)
        self.deletions = Deletions(self._database, self.changes)
        self.withdrawals = Withdrawals(self._database, self.changes)
        self.quarantine = Quarantine(self._database, self.changes)
        self.leases = Leases(self._database)
        self.cameras = Cameras(self._database)
        self.pauses = Pauses(self._database, self.changes)
        self.candidates = Candidates(self._database)
        self.lights = Lights(self._database, self.history)
        self.accounts = Accounts(self._database, self.points_file)
        self.requests = Requests(self._database)
        self.points = Points(self._database, self.points_file)
        self.notices = Notices(self._database)
        self.browse = Browse(self._database, self.told)

    @property
    def name(self) -> str:
        """The database's file or URL, without a password."""
        return self._database.name

    def close(self) -> None:
        """Close the database's connections."""
        self._database.close()

    def open_run(self, rig: str, sequence: str, night: date, started: datetime) -> int:
        """Record that a sequence starts; return the run's number."""
        with self._database.write() as session:
            run = RunTable(rig=rig, sequence=sequence, night=night, started=started)
            session.add(run)
            session.flush()
            return run.id

    def close_run(self, run: int, ended: datetime, outcome: str) -> None:
        """Record that a run ended, and how in words."""
        with self._database.write() as session:
            row = session.get(RunTable, run)
            if row is None:
                raise StoreError(f"there is no run {run} in the catalogue")
            row.ended, row.outcome = ended, outcome
            self.history.note(row)

    def run(self, number: int) -> RunRow:
        """A run by its number. Raises StoreError when there is none."""
        with self._database.read() as session:
            row = session.get(RunTable, number)
            if row is None:
                raise StoreError(f"there is no run {number} in the catalogue")
            return run_view(row)

    def run_of(self, rig: str, sequence: str, night: date, started: datetime) -> int:
        """The number of the run that a frame's header names, recorded when it is not there."""
        query = select(RunTable.id).where(
            RunTable.rig == rig, RunTable.sequence == sequence, RunTable.started == started
        )
        with self._database.read() as session:
            number = session.scalars(query).first()
        return self.open_run(rig, sequence, night, started) if number is None else number

    def runs(self, *, rig: str | None = None, night: date | None = None) -> list[RunRow]:
        """Runs in the order of their start."""
        query = select(RunTable).order_by(RunTable.started, RunTable.id)
        if rig is not None:
            query = query.where(RunTable.rig == rig)
        if night is not None:
            query = query.where(RunTable.night == night)
        with self._database.read() as session:
            return [run_view(row) for row in session.scalars(query)]

    def add_frame(self, frame: Frame, *, run: int | None, night: date, path: str, sha256: str) -> FrameRow:
        """Record a frame whose file is on disk already; `path` is relative to the archive's root.

        The same file again (another process may have adopted it) is the same row, with its run filled in.
        """
        return self.add_frames([NewFrame(frame, run, night, path, sha256)])[0]

    def add_frames(self, frames: Iterable[NewFrame]) -> list[FrameRow]:
        """Record several frames with one commit, each as `add_frame` does."""
        with self._database.write() as session:
            return [frame_view(_row_of(session, new)) for new in frames]

    def frames(
        self,
        *,
        rig: str | None = None,
        night: date | None = None,
        kind: Kind | None = None,
        good: bool | None = None,
        since: datetime | None = None,
        spec: FrameSpec | None = None,
        valid: bool = False,
        newest: int | None = None,
    ) -> list[FrameRow]:
        """Frames in the order in which they were taken.

        `spec` asks for all of that spec's set; `valid` leaves out what an event made worthless; `newest` asks
        for no more than so many, the last of them, and then for the valid among these.
        """
        query = select(FrameTable).order_by(FrameTable.taken, FrameTable.id)
        if rig is not None:
            query = query.where(FrameTable.rig == rig)
        if night is not None:
            query = query.where(FrameTable.night == night)
        if kind is not None:
            query = query.where(FrameTable.kind == kind.value)
        if good is not None:
            query = query.where(FrameTable.good == good)
        if since is not None:
            query = query.where(FrameTable.taken >= since)
        if spec is not None:
            of_spec = select(SetTable.id).where(*sets.conditions(SetTable, spec))
            if rig is not None:
                of_spec = of_spec.where(SetTable.rig == rig)
            query = query.where(FrameTable.set.in_(of_spec))
        if newest is not None:
            query = query.order_by(None).order_by(FrameTable.taken.desc(), FrameTable.id.desc()).limit(newest)
        with self._database.read() as session:
            found = [frame_view(row) for row in session.scalars(query)]
        if newest is not None:
            found.reverse()
        if not valid:
            return found
        events = self.told.events(rig=rig)
        starts = {key: valid_from(events, *key) for key in {(row.rig, row.spec.set_key()) for row in found}}
        return [row for row in found if _not_before(row.taken, starts[row.rig, row.spec.set_key()])]

    def newest(self, rig: str) -> FrameRow | None:
        """The rig's newest frame; None without any."""
        query = select(FrameTable).where(FrameTable.rig == rig).limit(1)
        with self._database.read() as session:
            row = session.scalars(
                query.order_by(FrameTable.taken.desc(), FrameTable.id.desc()).limit(1)
            ).first()
            return None if row is None else frame_view(row)

    def paths(self) -> set[str]:
        """The paths of all frames and masters, relative to the archive's root."""
        with self._database.read() as session:
            return {*session.scalars(select(FrameTable.path)), *session.scalars(select(MasterTable.path))}

    def files(self) -> list[tuple[str, str]]:
        """The path and the SHA-256 of every frame's and every master's file, in the order of their paths."""
        with self._database.read() as session:
            tables = (FrameTable, MasterTable)
            found = [row for one in tables for row in session.execute(select(one.path, one.sha256))]
        return sorted((row.path, row.sha256) for row in found)

    def frames_by_file(self, hashes: Iterable[str]) -> dict[str, int]:
        """The ids of the frames whose files have these SHA-256, by that."""
        query = select(FrameTable.sha256, FrameTable.id).where(FrameTable.sha256.in_(set(hashes)))
        with self._database.read() as session:
            return {row.sha256: row.id for row in session.execute(query)}

    def filters(self, rig: str) -> tuple[str, ...]:
        """The filters of all flats that the rig has taken, in the order of their first."""
        first = func.min(FrameTable.taken)
        query = select(FrameTable.filter).where(
            FrameTable.rig == rig, FrameTable.kind == Kind.FLAT.value, FrameTable.filter.is_not(None)
        )
        with self._database.read() as session:
            names = session.scalars(query.group_by(FrameTable.filter).order_by(first, FrameTable.filter))
            return tuple(name for name in names if name is not None)

    def held(self, needs: Iterable[Need]) -> list[Holding]:
        """What is held of each need, in the order given, whatever its age; what an event cut off is not."""
        events = self.told.events()
        with self._database.read() as session:
            return sets.held(session, events, needs)

    def board(self, rig: str | None = None) -> list[SetRow]:
        """What is held of every set, in the order of rigs; what an event cut off is not."""
        events = self.told.events(rig=rig)
        with self._database.read() as session:
            return sets.board(session, events, rig)

    def missing(self, needs: Iterable[Need], now: datetime) -> list[Missing]:
        """The needs that good frames, valid and young enough at `now`, do not meet, in the order given."""
        found = (holding.missing(now) for holding in self.held(needs))
        return [missing for missing in found if missing is not None]

    def add_master(
        self,
        *,
        rig: str,
        spec: FrameSpec,
        path: str,
        sha256: str,
        method: str,
        built: datetime,
        inputs: Sequence[FrameRow],
        figures: Mapping[str, float],
    ) -> MasterRow:
        """Record a master whose file is on disk already, with the frames that it was made of."""
        return self.adopt_master(
            NewMaster(
                rig=rig,
                camera=inputs[-1].facts.camera,
                spec=spec.set_key(),
                path=path,
                sha256=sha256,
                method=method,
                count=len(inputs),
                built=built,
                newest_input=max(frame.taken for frame in inputs),
                oldest_input=min(frame.taken for frame in inputs),
                figures=dict(figures),
                inputs=tuple((frame.id, frame.sha256) for frame in inputs),
                shape=inputs[-1].shape,
                origin_px=inputs[-1].facts.subframe_origin_px,
            )
        )

    def adopt_master(self, new: NewMaster) -> MasterRow:
        """Record a master by all that its row says. The same file again is the same row."""
        with self._database.write() as session:
            row = session.scalars(select(MasterTable).where(MasterTable.path == new.path)).one_or_none()
            if row is None or row.sha256 != new.sha256:
                row = MasterTable(**master_values(new))
                session.add(row)
                session.flush()
                withdraw_if_spoilt(session, row)
            _note_original(session, new.original, new.path)
            return master_view(row)

    def imported(self) -> dict[str, str]:
        """The SHA-256 of other programs' files that were taken in, and the paths of what they became."""
        with self._database.read() as session:
            return {row.sha256: row.path for row in session.scalars(select(ImportTable))}

    def masters(
        self, *, rig: str | None = None, spec: FrameSpec | None = None, valid: bool = False
    ) -> list[MasterRow]:
        """Masters, the newest built first; `spec` asks for those of that spec's set.

        `valid` leaves out those that were withdrawn, or have frames from before an event that concerns them.
        """
        query = select(MasterTable).order_by(MasterTable.built.desc(), MasterTable.id.desc())
        if rig is not None:
            query = query.where(MasterTable.rig == rig)
        if spec is not None:
            query = query.where(*sets.conditions(MasterTable, spec))
        if valid:
            query = query.where(MasterTable.withdrawn.is_(None))
        with self._database.read() as session:
            inputs = _inputs_of(session, query)
            rows = session.scalars(query.options(lazyload(MasterTable.inputs)))
            found = [master_view(row, tuple(inputs[row.id])) for row in rows]
        if not valid:
            return found
        events = self.told.events(rig=rig)
        return [row for row in found if _not_before(row.oldest_input, valid_from(events, row.rig, row.spec))]

    def newest_masters(self) -> list[MasterRow]:
        """Of every rig and spec the valid master that was built last, without its inputs."""
        alike = (MasterTable.rig, *(getattr(MasterTable, field.name) for field in fields(FrameSpec)))
        order = (MasterTable.built.desc(), MasterTable.id.desc())
        place = func.row_number().over(partition_by=alike, order_by=order).label("place")
        ranked = select(MasterTable.id, place).where(MasterTable.withdrawn.is_(None)).subquery()
        first = select(ranked.c.id).where(ranked.c.place == 1)
        newest = select(MasterTable).options(lazyload(MasterTable.inputs))
        events, found = self.told.events(), []
        with self._database.read() as session:
            for row in session.scalars(newest.where(MasterTable.id.in_(first))).all():
                start = valid_from(events, row.rig, spec_view(row))
                one: MasterTable | None = row
                if start is not None and row.oldest_input < start:
                    # An older one may have newer frames.
                    same = (getattr(MasterTable, f.name) for f in fields(FrameSpec))
                    query = newest.where(
                        MasterTable.rig == row.rig,
                        MasterTable.withdrawn.is_(None),
                        # What the other condition implies; there is an index of it.
                        MasterTable.newest_input >= start,
                        MasterTable.oldest_input >= start,
                        *(column.is_not_distinct_from(getattr(row, column.key)) for column in same),
                    )
                    one = session.scalars(query.order_by(*order).limit(1)).one_or_none()
                if one is not None:
                    found.append(master_view(one, ()))
        return found

    def master_paths(self) -> set[str]:
        """The files of all masters, withdrawn ones too, relative to the archive's folder."""
        with self._database.read() as session:
            return set(session.scalars(select(MasterTable.path)))

    def add_entry(self, *entries: Entry) -> None:
        """Keep entries of the journal; many at once cost one commit."""
        rows = [
            EntryTable(time=e.time, source=e.source, kind=e.kind, text=e.text, data=_plain(e.data))
            for e in entries
        ]
        with self._database.write() as session:
            session.add_all(rows)

    def entries(self, since: datetime | None = None, until: datetime | None = None) -> list[Entry]:
        """Entries from `since` until before `until`, in order."""
        query = select(EntryTable).order_by(EntryTable.time, EntryTable.id)
        if since is not None:
            query = query.where(EntryTable.time >= since)
        if until is not None:
            query = query.where(EntryTable.time < until)
        with self._database.read() as session:
            return [entry_view(row) for row in session.scalars(query)]


def _inputs_of(session: Session, masters: Select[MasterTable]) -> dict[int, list[int]]:
    """The ids of the frames of each of these masters, in order: plain numbers, of which there are many."""
    which = masters.with_only_columns(MasterTable.id).order_by(None)
    query = select(MasterInputTable.master, MasterInputTable.frame).where(MasterInputTable.master.in_(which))
    found: dict[int, list[int]] = defaultdict(list)
    for master, frame in session.execute(query.order_by(MasterInputTable.frame)):
        found[master].append(frame)
    return found


def _not_before(taken: datetime, start: datetime | None) -> bool:
    return start is None or taken >= start


def _note_original(session: Session, sha256: str | None, path: str) -> None:
    if sha256 is not None and session.get(ImportTable, sha256) is None:
        session.add(ImportTable(sha256=sha256, path=path))


def _row_of(session: Session, new: NewFrame) -> FrameTable:
    row = session.scalars(select(FrameTable).where(FrameTable.path == new.path)).one_or_none()
    if row is not None and row.sha256 == new.sha256:
        row.run = row.run or new.run
        return row
    _note_original(session, new.original, new.path)
    frame = new.frame
    of_set = sets.set_of(session, frame.facts.rig, frame.spec)
    sets.add_to(of_set, frame.facts.started, good=frame.verdict.good)
    row = FrameTable(
        run=new.run, set=of_set.id, night=new.night, path=new.path, sha256=new.sha256, request=new.request,
        **frame_values(frame),
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def _plain(data: Mapping[str, object]) -> dict[str, object]:
    """What JSON can keep; the rest as text."""
    plain: dict[str, object] = json.loads(json.dumps(data, default=str))
    return plain
