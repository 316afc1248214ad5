"""Time: the only file that reads a clock or sleeps.

One Clock is handed to everything. SystemClock is the machine's. SimulatedClock jumps to the next deadline
when every registered worker waits, so that a night passes in seconds and no exposure is ever shortened.

A *worker* is a thread that the clock knows. In simulated time exactly one worker has the turn; time, an
integer of microseconds, moves only when nobody has it, to the earliest alarm; equal alarms go by
(time, rank, order of asking). What a worker does within its turn, HTTP included, costs no simulated time.
A plain lock, Event or queue held across a wait would freeze time: use the clock's Signal and Queue.
"""

from __future__ import annotations

import heapq
import itertools
import math
import sys
import threading
import time
import traceback
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from capture.errors import ClockError

T = TypeVar("T")
_US = 1_000_000


class Worker:
    """A thread that a clock knows; `join` waits for its end in the clock's own time."""

    def __init__(self, clock: Clock, name: str, rank: int) -> None:
        self.name = name
        self.rank = rank
        self.failure: BaseException | None = None
        self.done = Signal(clock)
        self.thread: threading.Thread | None = None
        # For the main thread, which is no worker: a Ctrl-C within Thread.join breaks the thread's own mark
        # of being alive (CPython before 3.13).
        self.ended = threading.Event()
        self._observed = False
        # The simulated clock's own marks; each is touched only under its lock.
        self.baton = threading.Semaphore(0)
        self.token = 0
        self.parked = False
        self.permit = False

    def join(self) -> None:
        """Wait until the worker has ended; raise what it died of."""
        self.done.wait()
        self.outcome()

    def outcome(self) -> None:
        """Raise what the worker died of, if it did; from then on its death is known."""
        self._observed = True
        if self.failure is not None:
            raise self.failure

    @property
    def died_unseen(self) -> bool:
        """Whether it died and nobody has asked."""
        return self.failure is not None and not self._observed


class Clock(ABC):
    """The time that everything is handed: UTC now, a monotonic count, sleeping, workers."""

    def __init__(self) -> None:
        self._mine = threading.local()
        self._workers: list[Worker] = []

    @abstractmethod
    def now(self) -> datetime:
        """The time as an aware datetime in UTC."""

    @abstractmethod
    def monotonic(self) -> float:
        """Seconds from an arbitrary start, never going back; for durations and deadlines."""

    @abstractmethod
    def park(self, deadline: float | None) -> None:
        """Give up the turn until the monotonic `deadline` (None: for ever) or until `unpark`.

        It may return early: the caller loops on its own condition. Raises ClockError when the calling
        thread is no worker of a simulated clock.
        """

    @abstractmethod
    def unpark(self, worker: Worker) -> None:
        """Make `worker` return from `park`, now or the next time that it parks. Any thread may call it."""

    @abstractmethod
    def _enter(self, worker: Worker) -> None:
        """Called by a new worker's own thread: wait for its first turn."""

    @abstractmethod
    def _register(self, worker: Worker) -> None:
        """Called before a new worker's thread starts."""

    @abstractmethod
    def _leave(self, worker: Worker) -> None:
        """Called by a worker's own thread at its end."""

    def me(self) -> Worker:
        """The calling thread's worker.

        Raises ClockError when the calling thread is none.
        """
        worker: Worker | None = getattr(self._mine, "worker", None)
        if worker is None:
            name = threading.current_thread().name
            raise ClockError(f"thread {name!r} waits on the clock but is no worker of it: use spawn or run")
        return worker

    def sleep(self, seconds: float) -> None:
        """Wait `seconds`; a wake-up by `unpark` does not shorten it."""
        self._sleep_to(self.monotonic() + seconds)

    def sleep_until(self, when: datetime) -> None:
        """Wait until `now()` has reached `when`. A step of the machine's clock is followed."""
        while (left_s := (when - self.now()).total_seconds()) > 0:
            self._sleep_to(self.monotonic() + min(left_s, 60.0))

    def _sleep_to(self, deadline: float) -> None:
        while self.monotonic() < deadline:
            self.park(deadline)

    def signal(self) -> Signal:
        """A new flag that workers can wait for."""
        return Signal(self)

    def queue(self, capacity: int) -> Queue[T]:
        """A new bounded queue between workers."""
        return Queue(self, capacity)

    def spawn(self, work: Callable[[], object], name: str, rank: int = 0) -> Worker:
        """Run `work` on a thread of its own as a worker; a lower `rank` goes first at equal times."""
        worker = Worker(self, name, rank)
        # A service spawns workers for months: those that ended well, or whose end is known, are let go.
        self._workers = [w for w in self._workers if not w.done.is_set() or w.died_unseen]
        self._workers.append(worker)
        self._register(worker)

        def body() -> None:
            self._mine.worker = worker
            try:
                self._enter(worker)
                work()
            except BaseException as failure:
                worker.failure = failure
            finally:
                worker.done.set()
                self._leave(worker)
                worker.ended.set()

        worker.thread = threading.Thread(target=body, name=name, daemon=True)
        worker.thread.start()
        return worker

    def run(self, work: Callable[[], T], name: str = "main") -> T:
        """Run `work` as a worker while the calling thread, which is none, waits for it.

        Raises what `work` raised, or else the failure of any worker whose death nobody looked at.
        """
        result: list[T] = []
        worker = self.spawn(lambda: result.append(work()), name)
        while not worker.ended.wait(0.2):
            pass
        worker.outcome()
        for other in self._workers:
            if other.died_unseen:
                raise ClockError(f"worker {other.name!r} died unnoticed") from other.failure
        return result[0]


class Signal:
    """A sticky flag. A waiter clears it *before* it looks at its condition, so no wake-up is lost."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._flag = False
        self._times_set = 0
        self._waiters: list[Worker] = []

    def is_set(self) -> bool:
        return self._flag

    def set(self) -> None:
        """Raise the flag and wake all who wait; any thread may call it."""
        with self._lock:
            self._flag = True
            self._times_set += 1
            waiters = list(self._waiters)
        for worker in waiters:
            self._clock.unpark(worker)

    def clear(self) -> None:
        with self._lock:
            self._flag = False

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the flag is up or `timeout_s` has passed; return whether it was raised."""
        clock = self._clock
        deadline = None if timeout_s is None else clock.monotonic() + timeout_s
        me = clock.me()
        with self._lock:
            if self._flag:
                return True
            seen = self._times_set
            self._waiters.append(me)
        try:
            # Counted, not only looked at: another waiter may clear the flag before this one wakes.
            while self._times_set == seen and (deadline is None or clock.monotonic() < deadline):
                clock.park(deadline)
        finally:
            with self._lock:
                self._waiters.remove(me)
        return self._times_set != seen


class QueueClosed(Exception):
    """Raised by `Queue.get` when the queue is closed and empty, and by `put` once it is closed."""


class Queue(Generic[T]):
    """A bounded first-in-first-out queue between workers of one clock."""

    def __init__(self, clock: Clock, capacity: int) -> None:
        self._clock = clock
        self._capacity = capacity
        self._lock = threading.Lock()
        self._items: deque[T] = deque()
        self._waiters: list[Worker] = []
        self._closed = False

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        """Append `item`, waiting while the queue is full. Raises QueueClosed."""

        def step() -> bool:
            if self._closed:
                raise QueueClosed
            if len(self._items) >= self._capacity:
                return False
            self._items.append(item)
            return True

        self._until(step)

    def get(self) -> T:
        """Take the oldest item, waiting while there is none. Raises QueueClosed."""
        taken: list[T] = []

        def step() -> bool:
            if self._items:
                taken.append(self._items.popleft())
                return True
            if self._closed:
                raise QueueClosed
            return False

        self._until(step)
        return taken[0]

    def close(self) -> None:
        """No more items come; what is inside can still be taken."""
        with self._lock:
            self._closed = True
        self._wake()

    def _wake(self) -> None:
        with self._lock:
            waiters = list(self._waiters)
        for worker in waiters:
            self._clock.unpark(worker)

    def _until(self, step: Callable[[], bool]) -> None:
        me = self._clock.me()
        with self._lock:
            # On the list before the first look: a change after the look then leaves a permit.
            self._waiters.append(me)
        try:
            while True:
                with self._lock:
                    if step():
                        break
                self._clock.park(None)
        finally:
            with self._lock:
                self._waiters.remove(me)
        self._wake()


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


class SimulatedClock(Clock):
    """Time that jumps. `start` is UTC; past `horizon` every wait raises ClockError (None: no horizon).

    A worker that keeps its turn longer than `watchdog_s` real seconds is named on stderr with its stack.
    """

    def __init__(
        self, start: datetime, horizon: timedelta | None = timedelta(days=400), watchdog_s: float = 60.0
    ) -> None:
        super().__init__()
        self._start = start.astimezone(UTC)
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
        return self._start + timedelta(microseconds=self._now_us)

    def monotonic(self) -> float:
        return self._now_us / _US

    @property
    def turns(self) -> int:
        """How many turns have been given, for the curious and for benchmarks."""
        return self._turns

    def park(self, deadline: float | None) -> None:
        me = self.me()
        with self._lock:
            if me.permit:
                me.permit = False
                return
            me.token += 1
            me.parked = True
            if deadline is not None:
                at_us = math.ceil(deadline * _US)
                if deadline > self.monotonic():
                    # A deadline between two floats of now must not be awaited for ever.
                    at_us = max(at_us, self._now_us + 1)
                self._alarm(me, at_us)
            self._running = None
            chosen = self._advance()
        if chosen is not me:
            me.baton.acquire()
        if self._horizon_us is not None and self._now_us > self._horizon_us:
            raise ClockError(f"simulated time passed its horizon: it is {self.now():%Y-%m-%d %H:%M} UTC")

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
            if worker is not getattr(self._mine, "worker", None):
                worker.baton.release()
            return worker
        return None

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
        if running is None or running.thread is None or running.thread.ident is None:
            names = ", ".join(w.name for w in self._workers if not w.done.is_set())
            text = f"simulated time stands still: all workers wait for each other ({names})"
            stack: list[str] = []
        else:
            text = f"simulated time stands still: worker {running.name!r} keeps its turn"
            frame = sys._current_frames().get(running.thread.ident)
            stack = traceback.format_stack(frame) if frame else []
        print(text, *stack, sep="\n", file=sys.stderr, flush=True)


def stopwatch() -> Callable[[], float]:
    """A function that tells the machine's seconds since now, whatever clock the program runs on.

    For the two things that are real even in simulated time: deadlines on the wire and our own speed.
    """
    origin = time.perf_counter()
    return lambda: time.perf_counter() - origin
