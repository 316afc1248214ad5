"""An operator's special order for one night: which flats come before all that is due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True)
class OrderedFlats:
    """Flats of one filter; `count` None is the usual count of the config."""

    filter: str
    count: int | None = None

    def __str__(self) -> str:
        return self.filter if self.count is None else f"{self.filter} x{self.count}"


@dataclass(frozen=True)
class OrderRow:
    """The order of one rig for one night, given at `made` by `who`. Frames taken before do not count."""

    rig: str
    night: date
    made: datetime
    who: str
    flats: tuple[OrderedFlats, ...]

    def __str__(self) -> str:
        return ", ".join(map(str, self.flats))
