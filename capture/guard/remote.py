"""The guard in another process, as sequencers and the command meet it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from capture.clock import Clock, Signal
from capture.errors import GuardAway
from capture.guard.client import Report, RoofState
from capture.guard.desk import Announcer
from capture.journal import Journal
from capture.local_door import LocalCaller

_ANSWERS_WITHIN_S = 2.0
_RANK = 15
_POLL_S = 5.0
_POLL_IN_MOTION_S = 2.0
# So long a lease outlives the process that vouches for it.
_VOUCHED_S = 30.0
_SILENT_S = 30.0


class Doorbell:
    """One connection to the guard's door, made anew where it was lost; any thread may use it."""

    def __init__(self, folder: Path) -> None:
        self._lock = threading.Lock()
        self._caller = LocalCaller(folder, _ANSWERS_WITHIN_S)

    def ask(self, what: str, **more: object) -> Report:
        """Ask, and return the guard's report. Raises GuardAway."""
        with self._lock:
            for fresh in (not self._caller.connected, True):
                try:
                    return _report(self._caller.ask(what, more)["report"])
                except (OSError, ValueError, KeyError, TypeError) as error:
                    self._caller.hang_up()
                    if fresh:
                        raise GuardAway(
                            f"the guard does not answer ({error}); is `nightcal guard` up?"
                        ) from error
        raise AssertionError

    def close(self) -> None:
        """Hang up."""
        with self._lock:
            self._caller.hang_up()


def _report(said: dict[str, Any]) -> Report:
    opens_at = said["opens_at"]
    return Report(
        datetime.fromisoformat(said["time"]),
        RoofState(said["roof"]),
        said["safe"] is True,
        tuple(said["reasons"]),
        datetime.fromisoformat(opens_at) if opens_at else None,
        said["fault"],
        tuple(said["holders"]),
    )


class RemoteGuard:
    """A GuardClient. A worker of its own asks for the report and vouches for the leases of this process.

    A lease ends with its own time, or 30 s after this process has stopped to vouch for it.
    """

    def __init__(self, folder: Path, clock: Clock, journal: Journal) -> None:
        self._bell = Doorbell(folder)
        self._clock = clock
        # Held across a question, never across a wait of the clock.
        self._lock = threading.RLock()
        self._leases: dict[str, float] = {}
        self._failures = 0
        self._over = clock.signal()
        self._heard_at = clock.monotonic()
        nothing = Report(clock.now(), RoofState.UNKNOWN, False, ("the guard has not been asked yet",))
        self._board = Announcer(nothing, journal)

    def report(self) -> Report:
        newest, silent_s = self._board.newest, self._clock.monotonic() - self._heard_at
        if silent_s > _SILENT_S and newest.safe:
            return _away(newest, f"the guard has not been heard for {silent_s:.0f} s")
        return newest

    def hold(self, holder: str, lease_s: float) -> None:
        with self._lock:
            new = holder not in self._leases
            self._leases[holder] = self._clock.monotonic() + lease_s
            if new:
                self._vouch()

    def release(self, holder: str) -> None:
        with self._lock:
            if self._leases.pop(holder, None) is not None:
                self._exchange("release", holder=holder)

    def subscribe(self, signal: Signal) -> None:
        self._board.subscribe(signal)

    def run(self) -> None:
        """Ask and vouch until `stop`."""
        while not self._over.is_set():
            with self._lock:
                self._vouch()
            report = self._board.newest
            quiet = report.roof in (RoofState.SHUT, RoofState.OPEN) and not self._failures
            self._over.wait(_POLL_S if quiet else _POLL_IN_MOTION_S)

    def stop(self) -> None:
        """End every lease of this process, and the worker."""
        for holder in list(self._leases):
            self.release(holder)
        self._over.set()

    def close(self) -> None:
        """Hang up."""
        self._bell.close()

    def _vouch(self) -> None:
        now = self._clock.monotonic()
        self._leases = {holder: until for holder, until in self._leases.items() if until > now}
        leases = {holder: min(until - now, _VOUCHED_S) for holder, until in self._leases.items()}
        self._exchange("renew", leases=leases)

    def _exchange(self, what: str, **more: object) -> None:
        try:
            report = self._bell.ask(what, **more)
        except GuardAway as error:
            self._failures += 1
            if self._failures >= 2:
                self._board.announce(_away(self._board.newest, str(error)))
            return
        self._failures = 0
        self._heard_at = self._clock.monotonic()
        self._board.announce(report)


def _away(last: Report, why: str) -> Report:
    return replace(last, roof=RoofState.UNKNOWN, safe=False, reasons=(why,), opens_at=None)


@contextmanager
def guarded_from_afar(folder: Path, clock: Clock, journal: Journal) -> Iterator[RemoteGuard]:
    """The guard process whose folder that is; our leases end at the end. Within a worker."""
    guard = RemoteGuard(folder, clock, journal)
    worker = clock.spawn(guard.run, "guard's client", _RANK)
    try:
        yield guard
    finally:
        guard.stop()
        worker.join()
        guard.close()
