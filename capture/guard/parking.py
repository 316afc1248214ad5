"""The mounts on their way to park: one worker for each, so that none waits for another's driver."""

from __future__ import annotations

from math import asin, cos, degrees, radians, sin, sqrt

from capture.alpaca.devices import Telescope, optional
from capture.clock import Clock, Signal, Worker
from capture.errors import DeviceError
from capture.guard.orders import Order, reconnect_if_lost
from capture.journal import Journal

_LOOK_EVERY_S = 1.0
# Older looks say nothing about a mount over which a roof is about to move.
_FRESH_S = 5.0
# Between two looks a parked mount may seem to turn with the sky (0.004 deg/s), but not to slew.
_STANDS_DEG = 0.1
# A rig that was about to point when danger came may have turned a parking mount round.
_AGAIN_S = 30.0
_RANK = 11


class Parking:
    """Between `begin` and `end` every mount is told to park, also one that says it is parked, and watched.

    `mounts`: by rig name. `news` is set whenever a mount is found parked.
    """

    def __init__(
        self,
        mounts: dict[str, Telescope],
        deadline_s: float,
        clock: Clock,
        journal: Journal,
        news: Signal,
    ) -> None:
        self._mounts = mounts
        self._deadline_s = deadline_s
        self._clock = clock
        self._journal = journal
        self._news = news
        self._watches: list[_Watch] = []
        self._workers: list[Worker] = []
        self._over: Signal | None = None
        self._begun_at = 0.0

    @property
    def is_on(self) -> bool:
        """Whether it has begun and not been ended."""
        return self._over is not None

    def begin(self, why: str) -> None:
        """Park them all, unless that is on already."""
        if self._over is not None:
            return
        self._journal.say("roof", "command", why)
        self._begun_at = self._clock.monotonic()
        over = self._over = self._clock.signal()
        self._watches = [
            _Watch(rig, mount, self._clock, self._journal, self._news, over)
            for rig, mount in self._mounts.items()
        ]
        # Those of an earlier time may still wait for an answer; they command nothing any more.
        self._workers = [worker for worker in self._workers if not worker.done.is_set()]
        self._workers += [
            self._clock.spawn(watch.run, f"parking {watch.rig}", _RANK) for watch in self._watches
        ]

    def end(self) -> None:
        """Command and watch no longer; a mount that is on its way goes on."""
        if self._over is not None:
            self._over.set()
            self._over = None

    def close(self) -> None:
        """End, and wait until no worker is in a call any more."""
        self.end()
        for worker in self._workers:
            worker.join()

    def is_done(self) -> bool:
        """Whether every mount is seen to be parked now; asks no device."""
        return self.is_on and not self._unparked()

    def is_overdue(self) -> bool:
        """Whether it has lasted longer than it may."""
        return self.is_on and self._clock.monotonic() - self._begun_at > self._deadline_s

    def end_when_over(self) -> None:
        """End it when all are parked, or have had their time; a person is told of the latter."""
        if self.is_overdue() and not self.is_done():
            self._journal.say("roof", "alarm", self.why_not())
        if self.is_overdue() or self.is_done():
            self.end()

    def why_not(self) -> str:
        """One clause: whose mount did not park."""
        return f"the mount of {' and '.join(self._unparked())} did not park"

    def _unparked(self) -> list[str]:
        return [watch.rig for watch in self._watches if not watch.is_parked()]


class _Watch:
    """One mount. It is parked when it says so, neither slews nor tracks, and stands where it stood before."""

    def __init__(
        self, rig: str, mount: Telescope, clock: Clock, journal: Journal, news: Signal, over: Signal
    ) -> None:
        self.rig = rig
        self._mount = mount
        self._clock = clock
        self._journal = journal
        self._news = news
        self._over = over
        self._park = Order(mount.Park, _AGAIN_S, clock)
        self._complaint = ""
        self._was_at: tuple[float, float] | None = None
        self._looked = False
        self._stands = True
        self._parked_at: float | None = None

    def is_parked(self) -> bool:
        return self._parked_at is not None and self._clock.monotonic() - self._parked_at < _FRESH_S

    def run(self) -> None:
        while not self._over.is_set():
            if self._stands and self._parked_at is None and self._park.is_due():
                self._command()
            try:
                self._look()
            except DeviceError as error:
                self._complain("cannot be watched", error)
                reconnect_if_lost(self._mount, error)
            self._over.wait(_LOOK_EVERY_S)

    def _command(self) -> None:
        error = self._park.give()
        if error is not None:
            self._complain("did not take the order to park", error)
            reconnect_if_lost(self._mount, error)

    def _look(self) -> None:
        mount = self._mount
        says_so = mount.AtPark is True
        slews = optional(lambda: mount.Slewing)
        tracks = optional(lambda: mount.Tracking)
        at = optional(lambda: (float(mount.Altitude), float(mount.Azimuth)))
        self._stands = self._looked and not slews and _apart_deg(self._was_at, at) < _STANDS_DEG
        self._was_at, self._looked = at, True
        was_parked = self.is_parked()
        self._parked_at = self._clock.monotonic() if says_so and self._stands and not tracks else None
        if self._parked_at is not None and not was_parked:
            self._news.set()

    def _complain(self, what: str, error: DeviceError) -> None:
        """Tell a person, once: a mount that is away is asked every second."""
        if self._complaint != what:
            self._complaint = what
            self._journal.say("roof", "alarm", f"the mount of {self.rig} {what}: {error}")


def _apart_deg(one: tuple[float, float] | None, other: tuple[float, float] | None) -> float:
    """Between two directions (altitude, azimuth); 0 when a mount tells neither (haversine)."""
    if one is None or other is None:
        return 0.0 if one is other else 180.0
    (alt_1, az_1), (alt_2, az_2) = ((radians(x) for x in place) for place in (one, other))
    half = sin((alt_1 - alt_2) / 2) ** 2 + cos(alt_1) * cos(alt_2) * sin((az_1 - az_2) / 2) ** 2
    return 2 * degrees(asin(min(1.0, sqrt(half))))
