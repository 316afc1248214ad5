"""What every clock has: workers, and the signals and queues on which they wait for each other."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Generic, TypeVar

from capture.errors import ClockError

T = TypeVar("T")


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

    def take_turn(self, now_us: int) -> None:
        """Let its thread go on. Called by a clock, whichever thread that runs on; must not wait."""
        self.baton.release()

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
    """The time that everything is handed: UTC now, a monotonic count, sleeping, workers.

    `jumps`: whether time stands while a worker runs and jumps when all wait, so that nothing else may wait.
    """

    jumps = False

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
