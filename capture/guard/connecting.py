"""The guard's devices connected side by side, for as long as it takes: none keeps the guard from its work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from capture.clock import Clock, Worker
from capture.errors import DeviceError
from capture.journal import Journal

_FIRST_WITHIN_S = 10.0
_DEADLINE_S = 30.0
_AGAIN_AFTER_S = 15.0
_RANK = 11


class Openable(Protocol):
    """A device that can be connected."""

    def open(
        self, clock: Clock, deadline_s: float | None = None, pause: Callable[[float], None] | None = None
    ) -> None:
        """Connect and verify. Raises DeviceError."""


class _Over(DeviceError):
    """Raised to end a connecting that nobody waits for any more."""


class Connecting:
    """A worker for each device, which ends when that is connected; what is lost later, others see to."""

    def __init__(self, clock: Clock, journal: Journal) -> None:
        self._clock = clock
        self._journal = journal
        self._over = clock.signal()
        self._news = clock.signal()
        self._workers: list[Worker] = []
        # By name; of several threads each adds its own.
        self._tried: set[str] = set()

    def begin(self, device: Openable, name: str, until_then: str) -> None:
        """Connect it. A person is told once that it does not connect, and what is true `until_then`."""

        def keep_trying() -> None:
            told = False
            while not self._over.is_set():
                try:
                    device.open(self._clock, _DEADLINE_S, self._pause)
                except _Over:
                    return
                except DeviceError as error:
                    if not told:
                        words = f"{name} does not connect; {until_then}. It is tried again: {error}"
                        self._journal.say("roof", "alarm", words)
                        self._has_tried(name)
                    told = True
                    self._over.wait(_AGAIN_AFTER_S)
                    continue
                if told:
                    self._journal.say("roof", "connected", f"{name} is connected now")
                self._has_tried(name)
                return

        self._workers.append(self._clock.spawn(keep_trying, f"connecting {name}", _RANK))

    def await_first_tries(self) -> None:
        """Wait until each has been tried once, at most 10 s: the guard has more to do. Within a worker."""
        deadline = self._clock.monotonic() + _FIRST_WITHIN_S
        while len(self._tried) < len(self._workers):
            self._news.clear()
            left_s = deadline - self._clock.monotonic()
            if left_s <= 0:
                return
            self._news.wait(left_s)

    def close(self) -> None:
        """End, and wait until no worker is in a call any more."""
        self._over.set()
        for worker in self._workers:
            worker.join()

    def _has_tried(self, name: str) -> None:
        self._tried.add(name)
        self._news.set()

    def _pause(self, seconds: float) -> None:
        if self._over.wait(seconds) or self._over.is_set():
            raise _Over("nobody waits for it any more")
