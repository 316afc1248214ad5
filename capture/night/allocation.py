"""Which flats tonight, at dusk or at dawn: whole sets of the stalest filters first. Pure.

In the order given, stalest first, each set asks for its share of the night: what misses, or, when even an
empty night does not hold that, as much as it holds. A share that fits beside those already granted is
granted, one that does not is passed over; the room left then goes, in the same order, to parts of what was
passed over. What is left waits for the coming nights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from capture.frame import FrameSpec
from capture.night.twilight import TwilightRoom


@dataclass(frozen=True)
class Ask:
    """One set that misses `count` frames, `at_dawn` of which had better be taken at dawn."""

    spec: FrameSpec
    count: int
    at_dawn: int = 0


# For each room, in order, what it is to hold.
Allotment = list[dict[FrameSpec, int]]


def allocate(asks: Sequence[Ask], rooms: Sequence[TwilightRoom]) -> Allotment:
    """Spread `asks`, the stalest first, over the twilights of one night, dusk before dawn.

    Sets are split between dusk and dawn where that costs no set and no frame (decision 0010). A set for
    which no room is known to have any time is offered whole beside all else: the controller may find some.
    No set may be asked for twice.
    """
    spreads = [_Spread(asks, rooms, split=split) for split in (True, False)]
    return max(spreads, key=_Spread.worth).everything()


class _Spread:
    """One way to spread the asks."""

    def __init__(self, asks: Sequence[Ask], rooms: Sequence[TwilightRoom], *, split: bool) -> None:
        self._asks = asks
        self._rooms = rooms
        self._split = split
        self._held: Allotment = [{} for _ in rooms]
        # Beside the rooms' time, as nobody knows what they would take of it.
        self._offered: Allotment = [{} for _ in rooms]
        for ask in asks:
            self._grant(ask)
        for ask in asks:
            self._fill(ask)

    def worth(self) -> tuple[tuple[bool, ...], int]:
        """Which sets become whole, the stalest first; then the frames in all."""
        complete = tuple(self._missing(ask) == 0 for ask in self._asks)
        return complete, sum(sum(held.values()) for held in self._held)

    def everything(self) -> Allotment:
        """For each room what it holds and what is offered, in the order of the asks."""
        rooms = [held | offered for held, offered in zip(self._held, self._offered, strict=True)]
        return [{ask.spec: room[ask.spec] for ask in self._asks if ask.spec in room} for room in rooms]

    def _grant(self, ask: Ask) -> None:
        alone = [room.most(ask.spec, ask.count, {}) for room in self._rooms]
        share = min(ask.count, sum(alone))
        if share == 0:
            self._put(self._offered, ask.spec, self._ways(ask, ask.count)[0] if self._rooms else ())
            return
        beside = [
            room.most(ask.spec, share, held) for room, held in zip(self._rooms, self._held, strict=True)
        ]
        for way in self._ways(ask, share):
            if all(count <= most for count, most in zip(way, beside, strict=True)):
                self._put(self._held, ask.spec, way)
                return

    def _fill(self, ask: Ask) -> None:
        """Give to a set that misses more what the rooms still hold beside all else."""
        for room, held in zip(self._rooms, self._held, strict=True):
            more = room.most(ask.spec, self._missing(ask), held)
            if more:
                held[ask.spec] = held.get(ask.spec, 0) + more

    def _missing(self, ask: Ask) -> int:
        return ask.count - sum(room.get(ask.spec, 0) for room in (*self._held, *self._offered))

    def _ways(self, ask: Ask, share: int) -> list[tuple[int, ...]]:
        """The ways to lay `share` frames over the rooms, the best first."""
        if len(self._rooms) == 1:
            return [(share,)]
        best = min(ask.at_dawn, share)
        dawns = sorted(range(share + 1), key=lambda dawn: (abs(dawn - best), dawn))
        if not self._split:
            dawns = [0, share, *range(1, share)]
        return [(share - dawn, dawn) for dawn in dawns]

    @staticmethod
    def _put(rooms: Allotment, spec: FrameSpec, way: Sequence[int]) -> None:
        for room, count in zip(rooms, way, strict=True):
            if count:
                room[spec] = count
