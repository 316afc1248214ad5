"""What must be held, and what of it is missing: the plan is always made from these, never stored."""

from __future__ import annotations

from dataclasses import dataclass

from capture.frame import FrameSpec


@dataclass(frozen=True)
class Need:
    """That `rig` holds `count` good frames of the set `spec` (in `set_key` form), none older than this."""

    rig: str
    spec: FrameSpec
    count: int
    max_age_days: float


@dataclass(frozen=True)
class Missing:
    """A need that is not met: the catalogue holds `have` good frames of it that are young enough."""

    need: Need
    have: int

    @property
    def count(self) -> int:
        """How many frames are still to be taken, at least 1."""
        return self.need.count - self.have
