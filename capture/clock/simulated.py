"""Time that jumps: one worker has the turn, and time moves only when nobody has it."""

from __future__ import annotations

import gc
import heapq
import itertools
import math
import sys
import threading
import time
import traceback
from datetime import UTC, datetime, timedelta
from types import FrameType

from capture.clock.base import Clock, Worker
from capture.errors import ClockError

_US = 1_000_000


class SimulatedClock(Clock):
    """Time that jumps. `start` is UTC; past `horizon` every wait raises ClockError (None: no horizon).

    A worker that keeps its turn longer than `watchdog_s` real seconds is named on stderr with its stack.
    Workers of other processes are here by proxy (`admit`, `rest`, `dismiss`), see `ClockServer`.
    """

    jumps = True

    def __init__(
        self, start: datetime, horizon: timedelta | None = timedelta(days=400), watchdog_s: float = 60.0
    ) -> None:
        super().__init__()
        self.start = start.astimezone(UTC)
        self._now_us = 0
        self._horizon_us = None if horizon is None else round(horizon.total_seconds() * _US)
        self._lock = threading.Lock()
        self._alarms: list[tuple[int, int, int, int, Worker]] = []
        self._order = itertools.count()
        self._running: Worker | None = None
        self._turns = 0
        self._alive = 0
        self._watchdog_s = watchdog_s
        self._watching = False

    def now(self) -> datetime:
        return self.start + timedelta(microseconds=self._now_us)

    def monotonic(self) -> float:
        return self._now_us / _US

    @property
    def turns(self) -> int:
        """How many turns have been given, for the curious and for benchmarks."""
        return self._turns

    @property
    def now_us(self) -> int:
        """Microseconds since the start."""
        return self._now_us

    @property
    def is_over(self) -> bool:
        """Whether time has passed its horizon."""
        return self._horizon_us is not None and self._now_us > self._horizon_us

    def park(self, deadline: float | None) -> None:
        me = self.me()
        if self.rest(me, wake_us(deadline, self._now_us)):
            me.baton.acquire()
        if self.is_over:
            raise ClockError(f"simulated time passed its horizon: it is {self.now():%Y-%m-%d %H:%M} UTC")

    def rest(self, worker: Worker, at_us: int | None) -> bool:
        """End the turn of `worker` until `at_us` (None: until `unpark`); whether its turn is still to come.

        False: the calling thread's own worker goes on at once, by a permit or as the first in time.
        """
        with self._lock:
            if worker.permit:
                worker.permit = False
                return False
            worker.token += 1
            worker.parked = True
            if at_us is not None:
                self._alarm(worker, at_us)
            self._running = None
            return self._advance() is not worker or worker is not self._caller()

    def unpark(self, worker: Worker) -> None:
        with self._lock:
            if not worker.parked:
                worker.permit = True
                return
            worker.token += 1
            worker.parked = False
            self._alarm(worker, self._now_us)
            if self._running is None:
                self._advance()

    def _alarm(self, worker: Worker, at_us: int) -> None:
        heapq.heappush(self._alarms, (at_us, worker.rank, next(self._order), worker.token, worker))

    def _advance(self) -> Worker | None:
        """Give the turn to the earliest alarm. The caller holds the lock and nobody has the turn."""
        while self._alarms:
            at_us, _, _, token, worker = heapq.heappop(self._alarms)
            if token != worker.token:
                continue
            self._now_us = max(self._now_us, at_us)
            worker.parked = False
            worker.token += 1
            self._running = worker
            self._turns += 1
            if worker is not self._caller():
                worker.take_turn(self._now_us)
            return worker
        return None

    def _caller(self) -> Worker | None:
        worker: Worker | None = getattr(self._mine, "worker", None)
        return worker

    def admit(self, worker: Worker) -> None:
        """Register the proxy of a worker of another process."""
        self._register(worker)

    def has_turn(self, worker: Worker) -> bool:
        """Whether it is the one that runs."""
        return self._running is worker

    def dismiss(self, worker: Worker) -> None:
        """Forget a proxy, whether it has the turn or waits."""
        with self._lock:
            self._alive -= 1
            worker.token += 1
            if self._running is worker:
                self._running = None
                self._advance()

    def _register(self, worker: Worker) -> None:
        with self._lock:
            self._alive += 1
            self._alarm(worker, self._now_us)
            if self._running is None:
                self._advance()
            if not self._watching:
                self._watching = True
                threading.Thread(target=self._watch, name="clock watchdog", daemon=True).start()

    def _enter(self, worker: Worker) -> None:
        worker.baton.acquire()

    def _leave(self, worker: Worker) -> None:
        with self._lock:
            self._alive -= 1
            self._running = None
            # A dead worker's thread gets no turn again, so its own name must not spare the baton.
            self._mine.worker = None
            self._advance()

    def _watch(self) -> None:
        seen, since = -1, time.monotonic()
        while True:
            time.sleep(min(1.0, self._watchdog_s / 4))
            with self._lock:
                if not self._alive:
                    self._watching = False
                    return
                turns, running = self._turns, self._running
            if turns != seen:
                seen, since = turns, time.monotonic()
            elif time.monotonic() - since > self._watchdog_s:
                since = time.monotonic()
                self._accuse(running)

    def _accuse(self, running: Worker | None) -> None:
        stack: list[str] = []
        if running is None:
            names = ", ".join(w.name for w in self._workers if not w.done.is_set())
            text = f"simulated time stands still: all workers wait for each other ({names})"
        else:
            text = f"simulated time stands still: worker {running.name!r} keeps its turn"
            ident = running.thread.ident if running.thread else None
            frame = _frames().get(ident) if ident else None
            stack = traceback.format_stack(frame) if frame else []
        print(text, *stack, sep="\n", file=sys.stderr, flush=True)


def wake_us(deadline: float | None, now_us: int) -> int | None:
    """The alarm for a monotonic `deadline` in seconds, in microseconds since the start."""
    if deadline is None:
        return None
    at_us = math.ceil(deadline * _US)
    # A deadline between two floats of now must not be awaited for ever.
    return max(at_us, now_us + 1) if deadline > now_us / _US else at_us


def _frames() -> dict[int, FrameType]:
    """Every thread's frame, by its ident."""
    collects = gc.isenabled()
    # A collection within this call stops the interpreter for ever, before CPython 3.11.8 (gh-106883).
    gc.disable()
    try:
        return sys._current_frames()
    finally:
        if collects:
            gc.enable()
