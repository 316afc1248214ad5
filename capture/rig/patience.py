"""Waiting: the one place where a rig lets time pass, and the one checkpoint that can end its work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from capture.clock import Clock
from capture.errors import DeviceTimeout, Stopped

_LONGEST_STEP_S = 5.0
# Within that time a step of the machine's clock is noticed.
_LONGEST_UNSEEN_STEP_S = 60.0
_FIRST_POLL_S = 0.02
# Where the time was foretold, the first looks follow each other closely.
_FIRST_POLL_EXPECTED_S = 0.005
_SLOWEST_POLL_S = 1.0
# Shorter steps would be lost in the rounding of a float's seconds, and time would not move.
_SHORTEST_STEP_S = 0.001

Condition = Callable[[], None]


@dataclass(frozen=True)
class Activity:
    """What a rig waits for, in monotonic time; `until` is the expected end, None where none is known."""

    what: str
    since: float
    until: float | None


class Patience:
    """Waits for devices in short steps and looks at the conditions of the work at every step.

    A condition is a function that raises one of the kinds of Interrupted when the work must end.
    """

    def __init__(self, rig: str, clock: Clock) -> None:
        self._rig = rig
        self._clock = clock
        self._conditions: list[Condition] = []
        self._stop_reason: str | None = None
        self._undisturbed = 0
        self.wake = clock.signal()
        # Read by the thread that shows it, so it is replaced as a whole.
        self.activity: Activity | None = None

    def stop(self, reason: str) -> None:
        """Make the next checkpoint raise Stopped; from any thread, and at once."""
        self._stop_reason = reason
        self.wake.set()

    def forget_stop(self) -> None:
        """Let work begin again after a stop."""
        self._stop_reason = None

    @contextmanager
    def provided(self, *conditions: Condition) -> Iterator[None]:
        """Within this block every checkpoint also looks at `conditions`."""
        self._conditions.extend(conditions)
        try:
            yield
        finally:
            for condition in conditions:
                self._conditions.remove(condition)

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Within this block nothing ends the waiting but its deadline: for making things safe."""
        self._undisturbed += 1
        try:
            yield
        finally:
            self._undisturbed -= 1

    def checkpoint(self) -> None:
        """Raise Interrupted (Stopped, Unsafe, Preempted) when the work must end now."""
        if self._undisturbed:
            return
        if self._stop_reason is not None:
            raise Stopped(f"{self._rig}: {self._stop_reason}")
        for condition in self._conditions:
            condition()

    def wait(
        self,
        what: str,
        done: Callable[[], bool],
        deadline_s: float,
        expected_s: float = 0.0,
        poll_s: float = 0.0,
        slowest_poll_s: float = _SLOWEST_POLL_S,
    ) -> None:
        """Wait until `done()`, asking it first after `expected_s`, then at short and growing intervals.

        They grow to `slowest_poll_s`; `poll_s` is a fixed interval instead. Raises Interrupted at the
        checkpoint, and DeviceTimeout, naming `what`, after `deadline_s`.
        """
        clock = self._clock
        start = clock.monotonic()
        interval_s = poll_s or (_FIRST_POLL_EXPECTED_S if expected_s else _FIRST_POLL_S)
        with self._shown(what, expected_s):
            while True:
                self.wake.clear()
                self.checkpoint()
                waited_s = clock.monotonic() - start
                if waited_s < expected_s:
                    self.wake.wait(max(_SHORTEST_STEP_S, min(_LONGEST_STEP_S, expected_s - waited_s)))
                    continue
                if done():
                    return
                if waited_s >= deadline_s:
                    raise DeviceTimeout(f"{self._rig}: {what} was not done within {deadline_s:g} s")
                self.wake.wait(max(_SHORTEST_STEP_S, min(interval_s, deadline_s - waited_s)))
                interval_s = poll_s or min(interval_s * 1.5, slowest_poll_s)

    def pause(self, seconds: float, why: str = "a pause") -> None:
        """Let `seconds` pass, with the checkpoint at every step."""
        self.wait(why, lambda: True, deadline_s=seconds + 1, expected_s=seconds)

    def pause_long(self, seconds: float, why: str = "a pause") -> None:
        """Let hours pass in a few steps: only a stop, or news that wakes the rig, is looked at meanwhile.

        It ends when the clock's `now` is so much later: a machine that slept, or whose clock was set, is not
        late for the twilight.
        """
        clock = self._clock
        end = clock.now() + timedelta(seconds=seconds)
        with self._shown(why, seconds):
            while (left_s := (end - clock.now()).total_seconds()) > 0:
                self.wake.clear()
                self.checkpoint()
                self.wake.wait(max(_SHORTEST_STEP_S, min(_LONGEST_UNSEEN_STEP_S, left_s)))

    @contextmanager
    def _shown(self, what: str, expected_s: float) -> Iterator[None]:
        now, before = self._clock.monotonic(), self.activity
        self.activity = Activity(what, now, now + expected_s if expected_s > 0 else None)
        try:
            yield
        finally:
            self.activity = before
