"""Masters that may calibrate a light: asked for by what must be equal, so that few rows are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select

from capture.frame import FrameSpec, Kind
from capture.store.database import Database
from capture.store.rows import Withdrawn, spec_view, withdrawn_view
from capture.store.schema import MasterTable

# Of one set there are a few within any age.
_MOST = 200
# Columns, not live objects, which take longer than the query.
_COLUMNS = [column for column in MasterTable.__table__.columns if column.name not in ("method", "count")]


@dataclass(frozen=True)
class Candidate:
    """A master without its inputs. `shape` is (rows, columns); `origin_px` its first column and row."""

    id: int
    rig: str
    camera: str
    spec: FrameSpec
    path: str
    sha256: str
    built: datetime
    oldest_input: datetime
    newest_input: datetime
    flat_mean_adu: float | None = None
    withdrawn: Withdrawn | None = None
    shape: tuple[int, int] | None = None
    origin_px: tuple[int, int] = (0, 0)

    @property
    def kind(self) -> Kind:
        return self.spec.kind


class Candidates:
    """Masters in the catalogue's database. Its methods raise StoreError as the Catalogue's do."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(
        self,
        rig: str,
        kind: Kind,
        equal: Mapping[str, object] | None = None,
        exposure_s: tuple[float, float] | None = None,
        taken: tuple[datetime, datetime] | None = None,
        most: int = _MOST,
    ) -> list[Candidate]:
        """A rig's masters of a kind, those of the newest frames first, at most so many.

        `equal`: fields of FrameSpec and their values, texts in any case; `exposure_s`: within these;
        `taken`: with frames from that time on, until that one.
        """
        query = select(*_COLUMNS).where(MasterTable.rig == rig, MasterTable.kind == kind.value)
        for name, value in (equal or {}).items():
            column = getattr(MasterTable, name)
            same = func.lower(column) == value.lower() if isinstance(value, str) else column == value
            query = query.where(column.is_(None) if value is None else same)
        if exposure_s is not None:
            query = query.where(MasterTable.exposure_s.between(*exposure_s))
        if taken is not None:
            query = query.where(MasterTable.newest_input >= taken[0], MasterTable.oldest_input <= taken[1])
        query = query.order_by(MasterTable.newest_input.desc(), MasterTable.id.desc()).limit(most)
        with self._database.read() as session:
            return [_view(row) for row in session.execute(query)]

    def newest(self) -> int:
        """A number that grows with every new master."""
        with self._database.read() as session:
            return session.scalar(select(func.max(MasterTable.id))) or 0

    def rigs_of(self, camera: str) -> list[str]:
        """The rigs that have masters of this camera."""
        query = select(MasterTable.rig).where(MasterTable.camera == camera).distinct()
        with self._database.read() as session:
            return sorted(session.scalars(query))


def _view(row: Row[Any]) -> Candidate:
    shape = None if row.height_px is None or row.width_px is None else (row.height_px, row.width_px)
    return Candidate(
        id=row.id,
        rig=row.rig,
        camera=row.camera,
        spec=spec_view(row),
        path=row.path,
        sha256=row.sha256,
        built=row.built,
        oldest_input=row.oldest_input,
        newest_input=row.newest_input,
        flat_mean_adu=row.figures.get("flat_mean_adu"),
        withdrawn=withdrawn_view(row),
        shape=shape,
        origin_px=(row.origin_x_px or 0, row.origin_y_px or 0),
    )
