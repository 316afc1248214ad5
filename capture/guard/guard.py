"""The guard: watches safety, alone opens the roof, and closes it when nobody holds a lease.

A state machine of small steps: each reads safety and shutter, decides, and commands at most what is due.
The mounts are parked before the roof moves, unless it clears them; each by a worker of its own (`parking`),
so that a hung one delays nothing else. A roof that others move is only watched; its mounts are parked all
the same when it gets unsafe or the roof closes.
"""

from __future__ import annotations

from datetime import timedelta

from capture.alpaca.devices import Dome, Telescope
from capture.clock import Clock, Signal
from capture.config import RoofConfig
from capture.guard.client import Report, RoofState
from capture.guard.desk import Desk
from capture.guard.latch import Latch
from capture.guard.parking import Parking
from capture.guard.safety import Safety
from capture.guard.shutter import Shutter
from capture.journal import Journal

_STEP_IN_MOTION_S = 2.0
_CLOCK_STEP_S = 5.0
_LEAVING = (RoofState.CLOSING, RoofState.FAULT, RoofState.UNKNOWN)


class Guard:
    """The authority over one roof. `mounts`: those under it, by rig name; `latch` keeps its fault."""

    def __init__(
        self,
        config: RoofConfig,
        dome: Dome,
        safety: Safety,
        mounts: dict[str, Telescope],
        clock: Clock,
        journal: Journal,
        latch: Latch,
    ) -> None:
        self._config = config
        self._operates = config.mode == "operate"
        self._shutter = Shutter(dome, config.move_deadline_s, clock, journal)
        self._safety = safety
        self._clock = clock
        self._journal = journal
        self._wake = clock.signal()
        self.ended = clock.signal()
        self._desk = Desk(clock, journal, self._wake)
        self._holders: tuple[str, ...] = ()
        self._safe_since: float | None = None
        self._latch_file = latch
        self._fault = latch.read()
        self._reset_by: str | None = None
        # What is under way: the roof's next state, from the order to park on until it is there.
        self._goal: RoofState | None = None
        self._parking = Parking(mounts, config.park_deadline_s, clock, journal, self._wake)
        self._stays_open = False
        self._stop_by: float | None = None
        self._clock_zero = clock.now() - timedelta(seconds=clock.monotonic())

    def report(self) -> Report:
        """The newest report; asks no device. Unsafe when the guard has been silent for 30 s."""
        return self._desk.report()

    def hold(self, holder: str, lease_s: float) -> None:
        """Ask that the roof be open while it is safe, for `lease_s` from now; renews `holder`'s lease."""
        self._desk.hold(holder, lease_s)

    def release(self, holder: str) -> None:
        """End `holder`'s lease; the roof closes when nobody else holds one."""
        self._desk.release(holder)

    def subscribe(self, signal: Signal) -> None:
        """Set `signal` whenever the report changes."""
        self._desk.subscribe(signal)

    @property
    def fault(self) -> str | None:
        """What a person must look at; the roof does not open before."""
        return self._fault

    def reset(self, who: str) -> None:
        """Forget the fault, which a person has looked at; the roof is as slow to open as after danger."""
        self._reset_by = who
        self._wake.set()

    def stop(self) -> None:
        """End `run` once the roof, where it is ours to move, is shut, or has had twice its time for that."""
        if self._stop_by is not None:
            return
        config = self._config
        longest_s = config.park_deadline_s + 2 * config.move_deadline_s + 30.0
        self._stop_by = self._clock.monotonic() + longest_s
        self._desk.release_all()

    def run(self) -> None:
        """Guard until `stop`: a step every `poll_s`, in motion or doubt every 2 s, at once for a lease."""
        try:
            while True:
                self._wake.clear()
                begun = self._clock.monotonic()
                self.step()
                if self._stop_by is not None and self._may_end(self._stop_by):
                    return
                spent_s = self._clock.monotonic() - begun
                self._wake.wait(max(0.1, self._period_s() - spent_s))
        finally:
            self.ended.set()
            self._parking.close()
            self._safety.close()

    def _period_s(self) -> float:
        in_doubt = self._safety.in_doubt or self._shutter.in_doubt
        moving = self._goal is not None or self._parking.is_on
        return min(_STEP_IN_MOTION_S, self._config.poll_s) if moving or in_doubt else self._config.poll_s

    def _may_end(self, stop_by: float) -> bool:
        roof = self._desk.newest.roof
        if not self._operates or self._stays_open or (roof is RoofState.SHUT and self._goal is None):
            return True
        if self._clock.monotonic() <= stop_by:
            return False
        alarm = f"the roof is {roof} and does not shut. Nobody guards it from now on: look at it at once."
        self._journal.say("roof", "alarm", alarm)
        return True

    def step(self) -> None:
        """Read everything once, publish the report, command what is due."""
        now = self._clock.monotonic()
        self._holders = self._desk.holders()
        self._look_at_the_clock(now)
        self._reset_if_asked()
        reasons = self._safety.read()
        before = self._desk.newest.roof
        if reasons:
            self._safe_since = None
            # The report of danger goes out before anything else is asked: rigs abort meanwhile.
            self._desk.publish(before, reasons, None, self._fault, self._holders)
        elif self._safe_since is None:
            self._safe_since = now
        roof = self._shutter.look()
        if roof is before is RoofState.FAULT and self._operates and self._fault is None:
            self._latch("its shutter reports an error")
        waits_s = self._opens_in_s(roof, now)
        opens_at = None if waits_s is None else self._clock.now() + timedelta(seconds=waits_s)
        self._desk.publish(self._shown(roof), reasons, opens_at, self._fault, self._holders)
        if not self._operates:
            self._see_to_mounts(roof, danger=bool(reasons))
        elif waits_s == 0.0 and self._goal is not RoofState.SHUT:
            self._see_to_open(roof)
        else:
            self._see_to_shut(roof, before)
        if not self._roof_waits_for_mounts():
            self._parking.end_when_over()
        # From the order to park on the roof is no longer open to anybody.
        opens_at = None if self._fault else opens_at
        self._desk.publish(self._shown(self._shutter.state), reasons, opens_at, self._fault, self._holders)

    def _look_at_the_clock(self, now: float) -> None:
        """After a step of the machine's clock nobody knows where the Sun is: the roof opens later."""
        zero = self._clock.now() - timedelta(seconds=now)
        step_s = (zero - self._clock_zero).total_seconds()
        self._clock_zero = zero
        if abs(step_s) > _CLOCK_STEP_S:
            self._journal.say("roof", "alarm", f"this machine's clock was set by {step_s:+.0f} s")
            self._safe_since = None

    def _reset_if_asked(self) -> None:
        who, self._reset_by = self._reset_by, None
        if who is None or self._fault is None:
            return
        self._journal.say(
            "roof", "reset", f"{who} has looked at the roof; its fault is forgotten: {self._fault}"
        )
        self._fault = self._safe_since = None
        self._stays_open = False
        self._latch_file.forget()

    def _opens_in_s(self, roof: RoofState, now: float) -> float | None:
        wanted = bool(self._holders) and self._stop_by is None and self._operates
        if not wanted or self._safe_since is None or self._fault or roof in _LEAVING:
            return None
        if roof is RoofState.OPEN:
            return 0.0
        return max(0.0, self._config.reopen_after_s - (now - self._safe_since))

    def _shown(self, roof: RoofState) -> RoofState:
        closing = self._operates and self._goal is RoofState.SHUT
        if closing and roof is RoofState.SHUT and self._shutter.owes_close:
            return RoofState.CLOSING
        return RoofState.CLOSING if roof is RoofState.OPEN and closing else roof

    def _see_to_open(self, roof: RoofState) -> None:
        shutter = self._shutter
        if roof is RoofState.OPEN:
            self._parking.end()
            self._rest()
            return
        self._goal = RoofState.OPEN
        if shutter.ordered is RoofState.OPEN:
            if shutter.is_late():
                self._latch(f"it did not open within {self._config.move_deadline_s:g} s")
            elif shutter.was_refused and shutter.is_due_again():
                shutter.order(RoofState.OPEN)
        elif roof is RoofState.OPENING:
            shutter.adopt(RoofState.OPEN)
        elif self._is_clear("parking the mounts before the roof opens"):
            self._journal.say("roof", "command", f"opening the roof for {', '.join(self._holders)}")
            self._parking.end()
            shutter.order(RoofState.OPEN)
        elif self._parking.is_overdue():
            self._latch(f"{self._parking.why_not()}, and the roof would open onto it")

    def _see_to_shut(self, roof: RoofState, before: RoofState) -> None:
        shutter = self._shutter
        if roof is RoofState.SHUT and (shutter.ordered is RoofState.SHUT or not shutter.owes_close):
            self._rest()
            return
        if shutter.ordered is RoofState.SHUT:
            if shutter.is_due_again():
                if not shutter.was_refused:
                    self._journal.say("roof", "alarm", "the roof did not close in time; close is sent again")
                shutter.order(RoofState.SHUT)
            return
        by_others = roof is RoofState.CLOSING and not shutter.leapt
        was_open = before in (RoofState.OPEN, RoofState.OPENING)
        if roof is RoofState.CLOSING and self._holders and was_open and not self._fault:
            seen = "reads shut and was not seen closing" if shutter.leapt else "closes"
            self._latch(f"it {seen}, and nobody here has told it to close")
        self._goal = RoofState.SHUT
        clear = self._is_clear("parking the mounts, then closing the roof")
        if by_others:
            shutter.adopt(RoofState.SHUT)
        elif clear:
            self._order_shut()
        elif self._parking.is_overdue():
            if self._config.if_park_fails == "close":
                self._journal.say("roof", "alarm", f"{self._parking.why_not()}; the roof closes all the same")
                self._order_shut()
            elif not self._stays_open:
                # Should they park after all, the roof closes then.
                self._stays_open = True
                self._latch(f"{self._parking.why_not()}, and the config says to stay open then")

    def _order_shut(self) -> None:
        if not self._config.clears_mounts:
            self._parking.end()
        self._shutter.order(RoofState.SHUT)

    def _see_to_mounts(self, roof: RoofState, *, danger: bool) -> None:
        """Under a roof that others move: park once when it gets unsafe or the roof leaves OPEN."""
        if roof is RoofState.SHUT:
            # What has not begun to park by now would move under a shut roof.
            self._goal = None
        elif not danger and roof not in _LEAVING:
            self._goal = None
            self._parking.end()
        elif self._goal is None:
            self._goal = RoofState.SHUT
            self._parking.begin("parking the mounts")

    def _is_clear(self, why: str) -> bool:
        """Whether no mount stands in the roof's way; a roof that clears them closes while they park."""
        if not (self._config.clears_mounts and self._goal is RoofState.OPEN):
            self._parking.begin(why)
        return self._config.clears_mounts or self._parking.is_done()

    def _roof_waits_for_mounts(self) -> bool:
        under_way = self._operates and self._goal is not None and self._shutter.ordered is None
        return under_way and not self._config.clears_mounts

    def _rest(self) -> None:
        self._goal = None
        self._stays_open = False
        self._shutter.rest()

    def _latch(self, fault: str) -> None:
        self._fault = fault
        self._latch_file.keep(fault)
        self._journal.say("roof", "alarm", f"the roof has a fault: {fault}. A person must look at it.")
