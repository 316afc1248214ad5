"""The guard: watches safety, alone opens the roof, and closes it when nobody holds a lease.

A state machine of small steps that never blocks: each `step` reads the hardware, decides, and commands at
most what is due. The mounts are parked before the roof closes, unless it clears them. Close is sent once
and again only after a deadline; success is the shutter's own word, seen to change.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from capture.alpaca.devices import Dome, ShutterState, Telescope
from capture.clock import Clock, Signal
from capture.config import RoofConfig
from capture.errors import DeviceError
from capture.guard.client import Report, RoofState
from capture.guard.safety import Safety
from capture.journal import Journal

_SHUTTER_WORDS = {
    ShutterState.shutterOpen: RoofState.OPEN,
    ShutterState.shutterClosed: RoofState.SHUT,
    ShutterState.shutterOpening: RoofState.OPENING,
    ShutterState.shutterClosing: RoofState.CLOSING,
    ShutterState.shutterError: RoofState.FAULT,
}
_STEP_IN_MOTION_S = 2.0


class Guard:
    """The authority over one roof. `mounts` are the telescopes under it, by rig name."""

    def __init__(
        self,
        config: RoofConfig,
        dome: Dome,
        safety: Safety,
        mounts: dict[str, Telescope],
        clock: Clock,
        journal: Journal,
    ) -> None:
        self._config = config
        self._dome = dome
        self._safety = safety
        self._mounts = mounts
        self._clock = clock
        self._journal = journal
        self._leases: dict[str, float] = {}
        self._safe_since: float | None = None
        self._fault: str | None = None
        self._stays_open = False
        self._park_deadline: float | None = None
        self._move_deadline: float | None = None
        self._ordered: RoofState | None = None
        self._unread = 0
        self._wake = clock.signal()
        self._stopping = False
        self._subscribers: list[Signal] = []
        self._report = Report(clock.now(), RoofState.UNKNOWN, False, ("nothing has been read yet",))

    def report(self) -> Report:
        """The newest report; asks no device."""
        return self._report

    def hold(self, holder: str, lease_s: float) -> None:
        """Ask that the roof be open while it is safe, for `lease_s` from now; renews `holder`'s lease."""
        new = holder not in self._leases
        self._leases[holder] = self._clock.monotonic() + lease_s
        if new:
            self._journal.say("roof", "lease", f"{holder} asks for an open roof")
            self._wake.set()

    def release(self, holder: str) -> None:
        """End `holder`'s lease; the roof closes when nobody else holds one."""
        if self._leases.pop(holder, None) is not None:
            self._journal.say("roof", "lease", f"{holder} needs the roof open no longer")
            self._wake.set()

    def subscribe(self, signal: Signal) -> None:
        """Set `signal` whenever the report changes."""
        self._subscribers.append(signal)

    def stop(self) -> None:
        """End `run` once the roof, where it is ours to move, is shut."""
        self._leases.clear()
        self._stopping = True
        self._wake.set()

    def run(self) -> None:
        """Guard until `stop`: a step every `poll_s`, and at once when a lease comes or goes."""
        while True:
            self._wake.clear()
            self.step()
            at_rest = self._report.roof is RoofState.SHUT or self._stays_open
            if self._stopping and (at_rest or self._config.mode == "observe"):
                return
            moving = self._park_deadline is not None or self._move_deadline is not None
            self._wake.wait(min(_STEP_IN_MOTION_S, self._config.poll_s) if moving else self._config.poll_s)

    def step(self) -> None:
        """Read everything once, publish the report, command what is due."""
        now = self._clock.monotonic()
        for holder in [holder for holder, until in self._leases.items() if until <= now]:
            del self._leases[holder]
            self._journal.say("roof", "lease", f"the lease of {holder} ran out")
        reasons = self._safety.read()
        if reasons:
            self._safe_since = None
        elif self._safe_since is None:
            self._safe_since = now
        roof = self._read_roof()
        opens_at = self._opens_at(roof, now)
        # The report of danger goes out before any device is commanded: rigs abort while mounts park.
        self._publish(roof, reasons, opens_at)
        if self._config.mode == "operate" and not self._stays_open:
            if opens_at is not None and opens_at <= self._clock.now() and not self._is_closing(roof):
                self._see_to_open(roof, now)
            else:
                self._see_to_shut(roof, now)
            # From the order to park on the roof is no longer open to anybody.
            self._publish(self._seen(roof), reasons, None if self._fault else opens_at)

    def _opens_at(self, roof: RoofState, now: float) -> datetime | None:
        wanted = bool(self._leases) and not self._stopping
        if not wanted or self._safe_since is None or self._fault or self._config.mode == "observe":
            return None
        wait_s = max(0.0, self._config.reopen_after_s - (now - self._safe_since))
        if roof is RoofState.OPEN:
            wait_s = 0.0
        return self._clock.now() + timedelta(seconds=wait_s)

    def _read_roof(self) -> RoofState:
        try:
            word = _SHUTTER_WORDS[ShutterState(self._dome.ShutterStatus)]
        except (DeviceError, ValueError) as error:
            self._unread += 1
            if self._unread == 2:
                self._journal.say("roof", "alarm", f"the roof's state cannot be read: {error}")
            return self._report.roof if self._unread < 2 else RoofState.UNKNOWN
        self._unread = 0
        return self._seen(word)

    def _is_closing(self, roof: RoofState) -> bool:
        """Whether mounts park, or the shutter moves, to close it: what is begun is carried through."""
        ordered = self._ordered is RoofState.SHUT or self._park_deadline is not None
        return ordered and roof is not RoofState.SHUT

    def _seen(self, word: RoofState) -> RoofState:
        return RoofState.CLOSING if word is RoofState.OPEN and self._is_closing(word) else word

    def _publish(self, roof: RoofState, reasons: tuple[str, ...], opens_at: datetime | None) -> None:
        old = self._report
        holders = tuple(sorted(self._leases))
        self._report = Report(self._clock.now(), roof, not reasons, reasons, opens_at, self._fault, holders)
        if (old.safe, old.reasons) != (not reasons, reasons):
            word = "safe" if not reasons else "unsafe: " + "; ".join(reasons)
            self._journal.say("weather", "safety", word, safe=not reasons)
        if old.roof is not roof:
            self._journal.say("roof", "roof", f"the roof is {roof}", state=roof.value)
        changed = (old.roof, old.safe, old.fault) != (roof, self._report.safe, self._fault)
        if changed or (old.opens_at is None) != (opens_at is None):
            for signal in self._subscribers:
                signal.set()

    def _see_to_open(self, roof: RoofState, now: float) -> None:
        if roof is RoofState.OPEN:
            self._park_deadline = self._move_deadline = self._ordered = None
        elif self._ordered is not RoofState.OPEN:
            if self._is_clear_to_open(now):
                holders = ", ".join(sorted(self._leases))
                self._journal.say("roof", "command", f"opening the roof for {holders}")
                self._order(RoofState.OPEN, now)
        elif self._move_deadline is not None and now > self._move_deadline:
            self._latch(f"it did not open within {self._config.move_deadline_s:g} s")

    def _is_clear_to_open(self, now: float) -> bool:
        """Whether no mount stands in the roof's way; one that does is parked first."""
        if self._config.clears_mounts or self._all_parked():
            return True
        if self._park_deadline is None:
            self._journal.say("roof", "command", "parking the mounts before the roof opens")
            self._park_deadline = now + self._config.park_deadline_s
            self._park_mounts()
        elif now > self._park_deadline:
            self._park_deadline = None
            self._latch("a mount did not park, and the roof would open onto it")
        return False

    def _see_to_shut(self, roof: RoofState, now: float) -> None:
        if roof is RoofState.SHUT:
            self._park_deadline = self._move_deadline = self._ordered = None
        elif self._ordered is RoofState.SHUT and self._move_deadline is not None:
            if now > self._move_deadline:
                self._journal.say("roof", "alarm", "the roof did not close in time; close is sent again")
                self._order(RoofState.SHUT, now)
        elif self._park_deadline is None:
            self._journal.say("roof", "command", "parking the mounts, then closing the roof")
            self._park_deadline = now + self._config.park_deadline_s
            self._park_mounts()
            if self._config.clears_mounts or self._all_parked():
                self._order(RoofState.SHUT, now)
        elif self._all_parked():
            self._order(RoofState.SHUT, now)
        elif now > self._park_deadline:
            if self._config.if_park_fails == "close":
                self._journal.say("roof", "alarm", "a mount did not park; the roof closes all the same")
                self._order(RoofState.SHUT, now)
            else:
                self._stays_open, self._park_deadline = True, None
                self._latch("a mount did not park, and the config says to stay open then")

    def _order(self, state: RoofState, now: float) -> None:
        self._park_deadline = None
        self._ordered = state
        self._move_deadline = now + self._config.move_deadline_s
        try:
            if state is RoofState.SHUT:
                self._dome.CloseShutter()
            else:
                self._dome.OpenShutter()
        except DeviceError as error:
            self._journal.say("roof", "alarm", f"the roof did not take the order to be {state}: {error}")

    def _park_mounts(self) -> None:
        for rig, mount in self._mounts.items():
            try:
                if not mount.AtPark:
                    mount.Park()
            except DeviceError as error:
                self._journal.say("roof", "alarm", f"the mount of {rig} cannot be parked: {error}")

    def _all_parked(self) -> bool:
        try:
            return all(mount.AtPark is True for mount in self._mounts.values())
        except DeviceError:
            return False

    def _latch(self, fault: str) -> None:
        self._fault = fault
        self._journal.say("roof", "alarm", f"the roof has a fault: {fault}. A person must look at it.")
