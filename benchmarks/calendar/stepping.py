"""A simulated clock that can be set, of a machine that can sleep: `now` steps, `monotonic` does not."""

from __future__ import annotations

from bisect import bisect_right
from datetime import datetime, timedelta

from capture.clock import SimulatedClock

_NOTHING = timedelta(0)


class SteppingClock(SimulatedClock):
    """Time that jumps, with steps of the wall clock. What it says is `world` plus an error.

    `set_wrong` makes the error: from then on the machine's clock is fast or slow by so much, until it is set
    right. `fall_asleep` lets the world go on while the machine's monotonic count stands, as a laptop's does.
    """

    def __init__(self, start: datetime, horizon: timedelta | None = None) -> None:
        super().__init__(start, horizon)
        self._slept = _NOTHING
        self._error = _NOTHING
        self._when: list[datetime] = []
        self._errors: list[timedelta] = []

    def now(self) -> datetime:
        return self.world() + self._error

    def world(self) -> datetime:
        """The true time, UTC."""
        return super().now() + self._slept

    def set_wrong(self, by: timedelta) -> None:
        """Set the machine's clock: fast by so much, slow by a negative, right by zero."""
        self._when.append(self.world())
        self._errors.append(by)
        self._error = by

    def fall_asleep(self, duration: timedelta) -> None:
        """Let so much of the world's time pass at once, of which `monotonic` knows nothing."""
        self._slept += duration

    def error_at(self, world: datetime) -> timedelta:
        """By how much the machine's clock was fast at a true time."""
        number = bisect_right(self._when, world)
        return self._errors[number - 1] if number else _NOTHING


class WorldClock(SimulatedClock):
    """The true time of a stepping clock, for the simulators, whose Sun and sky nobody sets."""

    def __init__(self, machine: SteppingClock) -> None:
        super().__init__(machine.start)
        self._machine = machine

    def now(self) -> datetime:
        return self._machine.world()
