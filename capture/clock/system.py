"""The machine's time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from capture.clock.base import Clock, Worker


class SystemClock(Clock):
    """The machine's time; with `rate` > 1 it runs that many times faster, for simulators shown live."""

    def __init__(self, rate: float = 1.0, start: datetime | None = None) -> None:
        super().__init__()
        self._rate = rate
        self._origin = time.monotonic()
        self._start = start if start is not None or rate == 1.0 else datetime.now(UTC)

    def now(self) -> datetime:
        if self._start is None:
            return datetime.now(UTC)
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return (time.monotonic() - self._origin) * self._rate

    def me(self) -> Worker:
        """The calling thread's worker; on the machine's clock any thread may wait."""
        if getattr(self._mine, "worker", None) is None:
            self._mine.worker = Worker(self, threading.current_thread().name, 0)
        return super().me()

    def park(self, deadline: float | None) -> None:
        worker = self.me()
        timeout = None if deadline is None else max(0.0, (deadline - self.monotonic()) / self._rate)
        worker.baton.acquire(timeout=timeout)

    def unpark(self, worker: Worker) -> None:
        worker.baton.release()

    def _register(self, worker: Worker) -> None:
        pass

    def _enter(self, worker: Worker) -> None:
        pass

    def _leave(self, worker: Worker) -> None:
        pass


def stopwatch() -> Callable[[], float]:
    """A function that tells the machine's seconds since now, whatever clock the program runs on.

    For the two things that are real even in simulated time: deadlines on the wire and our own speed.
    """
    origin = time.perf_counter()
    return lambda: time.perf_counter() - origin
