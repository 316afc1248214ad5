"""Lights that other programs took: whose they are, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import select

from capture.errors import StoreError
from capture.frame import FrameSpec
from capture.store.database import Database
from capture.store.rows import spec_values, spec_view
from capture.store.schema import LightTable


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


class Lights:
    """Lights in the catalogue's database. Its methods raise StoreError as the Catalogue's do."""

    def __init__(self, database: Database) -> None:
        self._database = database

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
            return _view(row)

    def settle(
        self,
        number: int,
        state: LightState,
        reason: str,
        calibrated: str | None = None,
        calibrated_sha256: str | None = None,
    ) -> None:
        """Record what became of a light. Raises StoreError when there is none of that number."""
        with self._database.write() as session:
            row = session.get(LightTable, number)
            if row is None:
                raise StoreError(f"there is no light {number} in the catalogue")
            row.state, row.reason = state.value, reason
            row.calibrated, row.calibrated_sha256 = calibrated, calibrated_sha256

    def all(self, state: LightState | None = None) -> list[LightRow]:
        """Lights in the order in which they were taken."""
        query = select(LightTable).order_by(LightTable.taken, LightTable.id)
        if state is not None:
            query = query.where(LightTable.state == state.value)
        with self._database.read() as session:
            return [_view(row) for row in session.scalars(query)]

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
