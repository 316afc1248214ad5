"""The guard's front: who holds a lease, and the newest report, for whoever asks."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from capture.clock import Clock, Signal
from capture.guard.client import Report, RoofState
from capture.journal import Journal

# A report older than this comes from a guard that is dead or hangs.
_SILENT_S = 30.0


class Announcer:
    """The newest report; what is new in it is said, and its subscribers are woken."""

    def __init__(self, first: Report, journal: Journal) -> None:
        self.newest = first
        self._journal = journal
        self._subscribers: list[Signal] = []

    def subscribe(self, signal: Signal) -> None:
        """Set `signal` whenever the report changes."""
        self._subscribers.append(signal)

    def announce(self, new: Report) -> None:
        """Make this the newest report, say what is new in it, and wake whom it concerns."""
        old, self.newest = self.newest, new
        if (old.safe, old.reasons) != (new.safe, new.reasons):
            word = "safe" if new.safe else "unsafe: " + "; ".join(new.reasons)
            self._journal.say("weather", "safety", word, safe=new.safe)
        if old.roof is not new.roof:
            self._journal.say("roof", "roof", f"the roof is {new.roof}", state=new.roof.value)
        changed = (old.roof, old.safe, old.fault) != (new.roof, new.safe, new.fault)
        if changed or (old.opens_at is None) != (new.opens_at is None):
            for signal in self._subscribers:
                signal.set()


class Desk:
    """Leases and reports; `wake` is set when a lease comes or goes. Any thread may call it."""

    def __init__(self, clock: Clock, journal: Journal, wake: Signal) -> None:
        self._clock = clock
        self._journal = journal
        self._wake = wake
        self._leases: dict[str, float] = {}
        self._reported_at = clock.monotonic()
        nothing = Report(clock.now(), RoofState.UNKNOWN, False, ("nothing has been read yet",))
        self._board = Announcer(nothing, journal)

    @property
    def newest(self) -> Report:
        """The newest report, however old."""
        return self._board.newest

    def report(self) -> Report:
        """The newest report; unsafe when nothing has been published for 30 s."""
        newest, silent_s = self.newest, self._clock.monotonic() - self._reported_at
        if silent_s > _SILENT_S and newest.safe:
            why = f"the guard has said nothing for {silent_s:.0f} s"
            return replace(newest, safe=False, reasons=(why,), opens_at=None)
        return newest

    def hold(self, holder: str, lease_s: float) -> None:
        """Begin or renew `holder`'s lease."""
        new = holder not in self._leases
        self._leases[holder] = self._clock.monotonic() + lease_s
        if new:
            self._journal.say("roof", "lease", f"{holder} asks for an open roof")
            self._wake.set()

    def release(self, holder: str) -> None:
        """End `holder`'s lease, if there is one."""
        if self._leases.pop(holder, None) is not None:
            self._journal.say("roof", "lease", f"{holder} needs the roof open no longer")
            self._wake.set()

    def release_all(self) -> None:
        """End every lease."""
        self._leases.clear()
        self._wake.set()

    def subscribe(self, signal: Signal) -> None:
        """Set `signal` whenever the report changes."""
        self._board.subscribe(signal)

    def holders(self) -> tuple[str, ...]:
        """Who holds a lease now; those that ran out end here."""
        now = self._clock.monotonic()
        for holder, until in list(self._leases.items()):
            if until <= now and self._leases.pop(holder, None) is not None:
                self._journal.say("roof", "lease", f"the lease of {holder} ran out")
        return tuple(sorted(self._leases))

    def publish(
        self,
        roof: RoofState,
        reasons: tuple[str, ...],
        opens_at: datetime | None,
        fault: str | None,
        holders: tuple[str, ...],
    ) -> None:
        """Make this the newest report."""
        self._reported_at = self._clock.monotonic()
        self._board.announce(Report(self._clock.now(), roof, not reasons, reasons, opens_at, fault, holders))
