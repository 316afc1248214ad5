"""What the rigs' cameras can do and their wheels hold, as they said when they were connected last."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from capture.frame import CameraLimits
from capture.store.database import Database
from capture.store.schema import CameraTable


class Cameras:
    """In the catalogue's database. Its methods raise StoreError as the Catalogue's do."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def limits(self, rig: str) -> CameraLimits | None:
        """What the rig's camera can do; None while the rig was never connected."""
        with self._database.read() as session:
            row = session.get(CameraTable, rig)
            return None if row is None else _limits(row)

    def filters(self, rig: str) -> tuple[str, ...]:
        """The filters of the rig's wheel, by slot; empty without one, and while it was never connected."""
        with self._database.read() as session:
            row = session.get(CameraTable, rig)
            return () if row is None else tuple(row.filters)

    def keep(self, rig: str, limits: CameraLimits, filters: Sequence[str], now: datetime) -> None:
        """Remember what the rig's devices say; nothing is written when they say the same as before."""
        if self.limits(rig) == limits and self.filters(rig) == tuple(filters):
            return
        low, high = limits.gain_range or (None, None)
        with self._database.write() as session:
            session.merge(
                CameraTable(
                    rig=rig, exposure_min_s=limits.exposure_min_s, exposure_max_s=limits.exposure_max_s,
                    binning_max=limits.binning_max, gain_min=low, gain_max=high, filters=list(filters),
                    read=now,
                )
            )  # fmt: skip


def _limits(row: CameraTable) -> CameraLimits:
    gains = None if row.gain_min is None or row.gain_max is None else (row.gain_min, row.gain_max)
    return CameraLimits(row.exposure_min_s, row.exposure_max_s, row.binning_max, gains)
