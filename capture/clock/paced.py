"""A hand on simulated time: it goes no faster than asked, stands still, or goes on by a step."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from capture.clock.base import Clock

_STEPS_A_SECOND = 10
_LONGEST_STEP_S = 30.0


class Pace:
    """Caps a simulated clock at `rate` simulated seconds per real second while its worker `live`s.

    Any thread may set `rate`, `pause`, `go_on` and `step`. What the other workers do in a step takes the time
    that it takes: the rate is a bound, not a promise. A clock with a watchdog must allow for long pauses.
    """

    def __init__(self, clock: Clock, rate: float, over: Callable[[], bool] = lambda: False) -> None:
        """`over`: whether all ends, so that time is to be held no longer."""
        self._clock = clock
        self._is_over = over
        self._change = threading.Condition()
        self._rate = rate
        self._paused = False
        self._to_step_s = 0.0

    @property
    def rate(self) -> float:
        """Simulated seconds per real second, at most."""
        return self._rate

    @property
    def paused(self) -> bool:
        """Whether time stands still."""
        return self._paused

    @property
    def pace(self) -> float:
        """The rate, 0 while time stands still."""
        return 0.0 if self._paused else self._rate

    def set_rate(self, rate: float) -> None:
        """Cap it anew."""
        with self._change:
            self._rate = rate
            self._change.notify_all()

    def pause(self) -> None:
        """Let time stand still."""
        with self._change:
            self._paused, self._to_step_s = True, 0.0
            self._change.notify_all()

    def go_on(self) -> None:
        """Let time go on."""
        with self._change:
            self._paused = False
            self._change.notify_all()

    def step(self, seconds: float) -> None:
        """Stand still after so much more simulated time, which passes as fast as it can."""
        with self._change:
            self._paused, self._to_step_s = True, self._to_step_s + seconds
            self._change.notify_all()

    def live(self) -> None:
        """Hold the turn, and so all time, for as long as it takes; until it is over. Within a worker."""
        while not self._is_over():
            step_s = self._await_leave()
            if not self._is_over():
                self._clock.sleep(step_s)

    def _await_leave(self) -> float:
        """Wait in real time until simulated time may go on; return by how much."""
        with self._change:
            if not self._paused:
                self._wait(1 / _STEPS_A_SECOND)
            while self._paused and not self._to_step_s and not self._is_over():
                self._change.wait(0.5)
            if self._paused:
                step_s = min(self._to_step_s, _LONGEST_STEP_S)
                self._to_step_s -= step_s
                return max(step_s, 1e-3)
            return min(self._rate / _STEPS_A_SECOND, _LONGEST_STEP_S)

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not self._is_over() and (left_s := end - time.monotonic()) > 0:
            self._change.wait(left_s)
            if self._paused:
                return
