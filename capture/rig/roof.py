"""The roof as one rig meets it: a lease renewed while the sky is wanted, and the conditions of its work."""

from __future__ import annotations

from capture.clock import Clock
from capture.config import Timeouts
from capture.errors import Preempted, Unsafe
from capture.guard.client import GuardClient
from capture.journal import Journal
from capture.rig.patience import Patience

# Renewed at each checkpoint that is so long after the last one ...
_RENEWED_EVERY_S = 15.0
# ... and so much longer than the slow calls between two checkpoints may take.
_LEASE_TO_SPARE_S = 60.0
_FOREVER_S = 86400.0
# A roof that opens so soon leaves no time for anything.
_ABOUT_TO_OPEN_S = 5.0


class RoofAccess:
    """One rig's word with the guard. `timeouts` are those of its devices."""

    def __init__(
        self,
        rig: str,
        guard: GuardClient,
        timeouts: list[Timeouts],
        patience: Patience,
        clock: Clock,
        journal: Journal,
    ) -> None:
        self._rig = rig
        self._guard = guard
        self._lease_s = _lease_s(timeouts)
        self._patience = patience
        self._clock = clock
        self._journal = journal
        self._renewed: float | None = None

    def renew_lease(self) -> None:
        """Hold the roof open for a while longer; cheap enough for every checkpoint."""
        now = self._clock.monotonic()
        if self._renewed is None or now - self._renewed >= _RENEWED_EVERY_S:
            self._guard.hold(self._rig, self._lease_s)
            self._renewed = now

    def await_open(self) -> None:
        """Ask for an open roof and wait for it, as long as the checkpoint lets it."""
        self._renewed = None
        self.renew_lease()
        if not self._guard.report().open_and_safe:
            why = self._guard.report().why_not_open()
            self._journal.say(self._rig, "waiting", f"waiting: {why}")
        self._patience.wait("the roof", lambda: self._guard.report().open_and_safe, _FOREVER_S, poll_s=5.0)

    def release(self) -> None:
        """End the lease."""
        self._guard.release(self._rig)

    def require_open(self) -> None:
        """Raise Unsafe when the sky is not ours."""
        report = self._guard.report()
        if not report.open_and_safe:
            raise Unsafe(f"{self._rig}: {report.why_not_open()}")

    def require_shut(self) -> None:
        """Raise Preempted when the roof is not shut, or about to open."""
        report = self._guard.report()
        if not report.dark or self.leaves_s() < _ABOUT_TO_OPEN_S:
            why = "the roof is about to open" if report.dark else f"the roof is {report.roof}"
            raise Preempted(f"{self._rig}: {why}")

    def leaves_s(self) -> float:
        """Seconds until the roof may open, infinite while it stays shut, 0 when it is not shut."""
        report = self._guard.report()
        if not report.dark:
            return 0.0
        if report.opens_at is None:
            return float("inf")
        return max(0.0, (report.opens_at - self._clock.now()).total_seconds())


def _lease_s(timeouts: list[Timeouts]) -> float:
    """Seconds that a rig may be silent before its lease on the roof lapses; what hangs is given up earlier.

    Between two checkpoints there are at most three slow writes (unpark, tracking, slew) or an image and one
    (of the next filter); the quick calls beside them are in what is to spare.
    """
    slow_write_s = max(t.slow_write_s for t in timeouts)
    image_s = max(t.image_s for t in timeouts)
    return _LEASE_TO_SPARE_S + slow_write_s + max(2 * slow_write_s, image_s)
