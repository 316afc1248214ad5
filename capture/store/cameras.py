"""What the rigs' cameras can do, as they said when they were connected last."""

from __future__ import annotations

from datetime import datetime

from capture.frame import CameraLimits
from capture.store.database import Database
from capture.store.schema import CameraTable


class Cameras:
    """Limits in the catalogue's database. Its methods raise StoreError as the Catalogue's do."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def limits(self, rig: str) -> CameraLimits | None:
        """What the rig's camera can do; None while the rig was never connected."""
        with self._database.read() as session:
            row = session.get(CameraTable, rig)
            return None if row is None else _view(row)

    def keep(self, rig: str, limits: CameraLimits, now: datetime) -> None:
        """Remember what the rig's camera says; nothing is written when it says the same as before."""
        if self.limits(rig) == limits:
            return
        low, high = limits.gain_range or (None, None)
        with self._database.write() as session:
            session.merge(
                CameraTable(
                    rig=rig, exposure_min_s=limits.exposure_min_s, exposure_max_s=limits.exposure_max_s,
                    binning_max=limits.binning_max, gain_min=low, gain_max=high, read=now,
                )
            )  # fmt: skip


def _view(row: CameraTable) -> CameraLimits:
    gains = None if row.gain_min is None or row.gain_max is None else (row.gain_min, row.gain_max)
    return CameraLimits(row.exposure_min_s, row.exposure_max_s, row.binning_max, gains)
