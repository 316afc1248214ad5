"""Lights that other programs took: whose they are, and what became of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from pathlib import PurePosixPath

from sqlalchemy import delete, func, select

from capture.errors import StoreError
from capture.frame import FrameSpec
from capture.store.database import Database
from capture.store.history import History
from capture.store.rows import Withdrawn, spec_values, spec_view, withdrawn_view
from capture.store.schema import LightMasterTable, LightTable, MasterTable


class LightState(StrEnum):
    """`waiting` for masters; `calibrated`; `raw`: it stays so, and why is its reason."""

    WAITING = "waiting"
    CALIBRATED = "calibrated"
    RAW = "raw"


@dataclass(frozen=True)
class NewLight:
    """A light that was found. `rig` is empty when nothing tells it."""

    path: str
    sha256: str
    rig: str
    owner: str
    night: date
    taken: datetime
    spec: FrameSpec


@dataclass(frozen=True)
class LightRow:
    """A light in the catalogue. `calibrated`: its calibrated file, relative to the archive's root."""

    id: int
    light: NewLight
    found: datetime
    state: LightState
    reason: str = ""
    calibrated: str | None = None
    calibrated_sha256: str | None = None


@dataclass(frozen=True)
class Spoilt:
    """A light, and a master that it was calibrated with, by its file's name, which is withdrawn since."""

    row: LightRow
    master: str
    why: Withdrawn


class Lights:
    """Lights in the catalogue's database. Its methods raise StoreError as the Catalogue's do."""

    def __init__(self, database: Database, history: History) -> None:
        self._database = database
        self._history = history

    def add(self, light: NewLight, found: datetime, state: LightState, reason: str) -> LightRow:
        """Record a light; the same path again is the row that it has."""
        with self._database.write() as session:
            row = session.scalars(select(LightTable).where(LightTable.path == light.path)).one_or_none()
            if row is None:
                row = LightTable(
                    path=light.path,
                    sha256=light.sha256,
                    rig=light.rig,
                    owner=light.owner,
                    night=light.night,
                    taken=light.taken,
                    found=found,
                    state=state.value,
                    reason=reason,
                    **spec_values(light.spec),
                )
                session.add(row)
                session.flush()
                self._history.note(row)
            return _view(row)

    def settle(
        self,
        number: int,
        state: LightState,
        reason: str,
        calibrated: str | None = None,
        calibrated_sha256: str | None = None,
        masters: Iterable[str] = (),
    ) -> None:
        """Record what became of a light; a calibrated file, and its `masters` by SHA-256, in place of others.

        Raises StoreError when there is none of that number.
        """
        with self._database.write() as session:
            row = session.get(LightTable, number)
            if row is None:
                raise StoreError(f"there is no light {number} in the catalogue")
            row.state, row.reason = state.value, reason
            if calibrated is None:
                self._history.note(row)
                return
            masters = sorted(set(masters))
            row.calibrated, row.calibrated_sha256 = calibrated, calibrated_sha256
            session.execute(delete(LightMasterTable).where(LightMasterTable.light == number))
            session.add_all(LightMasterTable(light=number, sha256=sha256) for sha256 in masters)
            self._history.note(row, masters=masters)

    def all(self, state: LightState | None = None) -> list[LightRow]:
        """Lights in the order in which they were taken."""
        query = select(LightTable).order_by(LightTable.taken, LightTable.id)
        if state is not None:
            query = query.where(LightTable.state == state.value)
        with self._database.read() as session:
            return [_view(row) for row in session.scalars(query)]

    def spoilt(self) -> list[Spoilt]:
        """Lights whose calibrated file was made with a master that is withdrawn, as far as not told yet."""
        query = (
            select(LightTable, MasterTable)
            .join(LightMasterTable, LightMasterTable.light == LightTable.id)
            .join(MasterTable, MasterTable.sha256 == LightMasterTable.sha256)
            .where(MasterTable.withdrawn.is_not(None))
            .where(LightTable.state == LightState.CALIBRATED.value, LightTable.reason == "")
            .order_by(LightTable.id, MasterTable.id)
        )
        with self._database.read() as session:
            return [
                Spoilt(_view(light), PurePosixPath(master.path).name, why)
                for light, master in session.execute(query)
                if (why := withdrawn_view(master)) is not None
            ]

    def made_with(self, sha256: str) -> int:
        """How many lights' calibrated files were made with the master of that file."""
        query = select(func.count()).where(LightMasterTable.sha256 == sha256)
        with self._database.read() as session:
            return session.scalar(query) or 0

    def masters_of(self, number: int) -> list[str]:
        """The paths of the masters that a light's calibrated file was made with."""
        query = (
            select(MasterTable.path)
            .join(LightMasterTable, LightMasterTable.sha256 == MasterTable.sha256)
            .where(LightMasterTable.light == number)
        )
        with self._database.read() as session:
            return sorted(session.scalars(query))

    def specs(self, rig: str, since: datetime) -> set[FrameSpec]:
        """What a rig's lights since then were."""
        query = select(LightTable).where(LightTable.rig == rig, LightTable.taken >= since)
        with self._database.read() as session:
            return {spec_view(row) for row in session.scalars(query)}

    def paths(self) -> set[str]:
        """The paths of all lights."""
        with self._database.read() as session:
            return set(session.scalars(select(LightTable.path)))

    def is_calibrated_file(self, path: str) -> bool:
        """Whether `path` is the calibrated file of a light."""
        with self._database.read() as session:
            return (
                session.scalars(select(LightTable.id).where(LightTable.calibrated == path)).first()
                is not None
            )


def _view(row: LightTable) -> LightRow:
    light = NewLight(row.path, row.sha256, row.rig, row.owner, row.night, row.taken, spec_view(row))
    return LightRow(
        row.id, light, row.found, LightState(row.state), row.reason, row.calibrated, row.calibrated_sha256
    )
