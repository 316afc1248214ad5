"""What must be held, and what of it is missing: the plan is always made from these, never stored."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from capture.frame import FrameSpec


@dataclass(frozen=True)
class Need:
    """That `rig` holds `count` good frames of the set `spec` (in `set_key` form), none older than this.

    With `since`, none taken before that time either.
    """

    rig: str
    spec: FrameSpec
    count: int
    max_age_days: float
    since: datetime | None = None


@dataclass(frozen=True)
class Missing:
    """A need that is not met: the catalogue holds `have` good frames of it that are young enough.

    `stale_since`: since when it is not met; None when it never was.
    """

    need: Need
    have: int
    stale_since: datetime | None = None

    @property
    def count(self) -> int:
        """How many frames are still to be taken, at least 1."""
        return self.need.count - self.have


@dataclass(frozen=True)
class Holding:
    """What is held of a need: when its newest good and valid frames, at most `need.count`, were taken.

    `taken` is ordered from the newest on.
    """

    need: Need
    taken: tuple[datetime, ...]

    def missing(self, when: datetime) -> Missing | None:
        """What of it is missing at `when`; None when it is met."""
        age = timedelta(days=self.need.max_age_days)
        have = sum(taken >= when - age for taken in self.taken)
        if have >= self.need.count:
            return None
        whole = len(self.taken) == self.need.count
        return Missing(self.need, have, self.taken[-1] + age if whole else None)

    def after(self, when: datetime, count: int) -> Holding:
        """What would be held if so many more good frames were taken at `when`."""
        return replace(self, taken=((when,) * count + self.taken)[: self.need.count])
