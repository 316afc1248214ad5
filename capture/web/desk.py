"""What the page works with: the config, the archive, the service, and what is dear to compute, kept."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from capture.clock import Clock, Pace, SystemClock
from capture.config import Config, WebConfig
from capture.night.control import door_folder
from capture.store.archive import Archive
from capture.web.link import Link
from capture.web.log import Log
from capture.web.pictures import Pictures
from capture.web.throttle import Throttle

T = TypeVar("T")


@dataclass
class _Kept:
    at: float
    value: Any


class Kept:
    """Values kept for some seconds. One thread makes one anew; meanwhile the others get the one before.

    Who waits for a value keeps others from being answered, as few requests are worked on at once.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._locks: dict[object, threading.Lock] = {}
        self._values: dict[object, _Kept] = {}

    def get(self, key: object, for_s: float, make: Callable[[], T]) -> T:
        """The value of `key`, made anew when it is older than `for_s`."""
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        before = self._values.get(key)
        if not lock.acquire(blocking=before is None) and before is not None:
            return cast(T, before.value)
        try:
            kept = self._values.get(key)
            if kept is None or self._clock.monotonic() - kept.at > for_s:
                kept = self._values[key] = _Kept(self._clock.monotonic(), make())
            return cast(T, kept.value)
        finally:
            lock.release()

    def forget(self, key: object = None) -> None:
        """Make the value of `key`, or without one everything, anew when it is asked for next."""
        with self._lock:
            if key is None:
                self._values.clear()
            else:
                self._values.pop(key, None)


class Desk:
    """Everything that pages need; made once."""

    def __init__(self, config: Config, archive: Archive, pace: Pace | None = None) -> None:
        self.config = config
        self.web = config.web or WebConfig()
        self.archive = archive
        self.site = archive.site
        # Sessions, time-outs and what is kept for a while live in the machine's time, whatever the farm's is.
        self.clock = SystemClock()
        self.link = Link(door_folder(config), self.clock)
        self.log = Log(self.link, self.clock)
        self.kept = Kept(self.clock)
        # The hand on a simulated clock, for the demonstration; None elsewhere.
        self.pace = pace
        self.pictures = Pictures(archive)
        # What the next page of a caller says on top: the outcome of what was asked last.
        self.notes: dict[str, str] = {}
        self.throttle = Throttle(self.clock)
        self.faults = 0

    @property
    def rigs(self) -> tuple[str, ...]:
        """The names of all rigs."""
        return tuple(rig.name for rig in self.config.rig)
