"""Events: what a hand did to a telescope, and which frames are worth nothing since.

A dust grain that was wiped away is still in yesterday's flats: frames taken before the event say nothing of
what is taken after it. They stay in the archive; needs, masters and learning leave them out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from capture.frame import FrameSpec, Kind


class EventKind(StrEnum):
    """What was done; the values are the words of the command line."""

    FILTER_CLEANED = "filter_cleaned"
    FILTER_CHANGED = "filter_changed"
    OPTICS_CLEANED = "optics_cleaned"
    OPTICS_CHANGED = "optics_changed"
    CAMERA_REMOVED = "camera_removed"
    CAMERA_REPLACED = "camera_replaced"

    @property
    def of_one_filter(self) -> bool:
        """Whether it touches the light of single filters; the others touch that of all."""
        return self in (EventKind.FILTER_CLEANED, EventKind.FILTER_CHANGED)

    @property
    def spoils(self) -> frozenset[Kind]:
        """The kinds of frames that are worth nothing after it. Another sensor has another bias, too."""
        if self is EventKind.CAMERA_REPLACED:
            return frozenset((Kind.BIAS, Kind.DARK, Kind.FLAT))
        return frozenset((Kind.FLAT,))


@dataclass(frozen=True)
class EventRow:
    """One event. `filter` is None when every filter is meant; `told` is when it was recorded, by `who`."""

    id: int
    rig: str
    kind: EventKind
    filter: str | None
    time: datetime
    told: datetime
    who: str
    note: str

    def concerns(self, rig: str, spec: FrameSpec) -> bool:
        """Whether frames of that rig and spec, taken before it, are worth nothing since."""
        mine = self.rig == rig and spec.kind in self.kind.spoils
        return mine and self.filter in (None, spec.filter)


def valid_from(events: Iterable[EventRow], rig: str, spec: FrameSpec) -> datetime | None:
    """When the last event that concerns such frames took place; None without one."""
    return max((event.time for event in events if event.concerns(rig, spec)), default=None)
