"""The mounts on their way to park: one worker for each, so that none waits for another's driver."""

from __future__ import annotations

from math import asin, cos, degrees, radians, sin, sqrt

from capture.alpaca.devices import Telescope, optional
from capture.clock import Clock, Signal
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
    """Every mount is told to park, also one that says it is parked, and watched until `end`.

    `mounts`: by rig name. `news` is set whenever a mount is found parked.
    """

    def __init__(self, mounts: dict[str, Telescope], clock: Clock, journal: Journal, news: Signal) -> None:
        self._clock = clock
        self._begun = clock.monotonic()
        self._over = clock.signal()
        self._watches = {
            rig: _Watch(rig, mount, clock, journal, news, self._over) for rig, mount in mounts.items()
        }
        self._workers = [
            clock.spawn(watch.run, f"parking {rig}", _RANK) for rig, watch in self._watches.items()
        ]

    def not_parked(self) -> tuple[str, ...]:
        """The rigs whose mount is not seen to be parked now; asks no device."""
        return tuple(rig for rig, watch in self._watches.items() if not watch.is_parked())

    def lasts_longer_than(self, seconds: float) -> bool:
        """Whether it began longer ago."""
        return self._clock.monotonic() - self._begun > seconds

    def end(self) -> None:
        """Command and watch no longer; what has been begun goes on."""
        self._over.set()

    def join(self) -> None:
        """Wait until no worker is in a call any more; after `end`."""
        for worker in self._workers:
            worker.join()


class _Watch:
    """One mount. It is parked when it says so, neither slews nor tracks, and stands where it stood before."""

    def __init__(
        self, rig: str, mount: Telescope, clock: Clock, journal: Journal, news: Signal, over: Signal
    ) -> None:
        self._rig = rig
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
            self._journal.say("roof", "alarm", f"the mount of {self._rig} {what}: {error}")


def _apart_deg(one: tuple[float, float] | None, other: tuple[float, float] | None) -> float:
    """Between two directions (altitude, azimuth); 0 when a mount tells neither (haversine)."""
    if one is None or other is None:
        return 0.0 if one is other else 180.0
    (alt_1, az_1), (alt_2, az_2) = ((radians(x) for x in place) for place in (one, other))
    half = sin((alt_1 - alt_2) / 2) ** 2 + cos(alt_1) * cos(alt_2) * sin((az_1 - az_2) / 2) ** 2
    return 2 * degrees(asin(min(1.0, sqrt(half))))
