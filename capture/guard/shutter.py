"""The roof's shutter: what it says, what of that is believed, and the orders that it gets."""

from __future__ import annotations

from capture.alpaca.devices import Dome, ShutterState
from capture.clock import Clock
from capture.errors import DeviceError, DeviceTimeout
from capture.guard.client import RoofState
from capture.guard.orders import Order, reconnect_if_lost
from capture.journal import Journal

_WORDS = {
    ShutterState.shutterOpen: RoofState.OPEN,
    ShutterState.shutterClosed: RoofState.SHUT,
    ShutterState.shutterOpening: RoofState.OPENING,
    ShutterState.shutterClosing: RoofState.CLOSING,
    ShutterState.shutterError: RoofState.FAULT,
}
# So long a shutter that was not shut must say that it is, before it is believed.
_DWELL_S = 4.0
# A shutter that has been told to close and still reads open after that time has not begun.
_BEGINS_WITHIN_S = 10.0


class Shutter:
    """A dome's shutter. `state`: what is known of it, by the last look and order. `ordered`: where the last
    order sends it, None when it has come to rest there.

    `owes_close`: it was open or sent there, and has neither been seen closing nor told to close since: its
    word alone does not make it shut. `leapt`: it reads shut all the same. That may be a lie: it is believed
    only when it has had the time of a whole motion, from then or from our order on.
    """

    def __init__(self, dome: Dome, move_deadline_s: float, clock: Clock, journal: Journal) -> None:
        self._dome = dome
        self._deadline_s = move_deadline_s
        self._clock = clock
        self._journal = journal
        self._order: Order | None = None
        self._ordered_at = 0.0
        self._unread = 0
        self._shut_since: float | None = None
        self.state = RoofState.UNKNOWN
        self.ordered: RoofState | None = None
        self.owes_close = False
        self.leapt = False
        self._told_of_no_effect = False

    @property
    def in_doubt(self) -> bool:
        """Whether its last state is remembered, as it did not answer this time."""
        return self._unread == 1

    def look(self) -> RoofState:
        """Its state: silent once it keeps its last, twice it is UNKNOWN; just shut it is still CLOSING."""
        try:
            word = _WORDS[ShutterState(self._dome.ShutterStatus)]
        except (DeviceError, ValueError) as error:
            self._unread += 1
            if self._unread == 2:
                self._journal.say("roof", "alarm", f"the roof's state cannot be read: {error}")
            if self._unread >= 2:
                self.state = RoofState.UNKNOWN
            if isinstance(error, DeviceError):
                reconnect_if_lost(self._dome, error)
            return self.state
        self._unread = 0
        self.state = self._believed(word)
        return self.state

    def _believed(self, word: RoofState) -> RoofState:
        now = self._clock.monotonic()
        if word is not RoofState.SHUT:
            self._shut_since = None
            self.leapt = False
            self._remember_motion(word)
            return word
        if self.ordered is RoofState.OPEN and not self.was_refused:
            # It was told to open: it may be half open and only its word stuck.
            return RoofState.OPENING
        by_order = self.ordered is RoofState.SHUT and not self.was_refused
        if self.owes_close and not by_order and not self.leapt:
            self.leapt = True
            told = f"it is not believed before {self._deadline_s:g} s have passed"
            self._journal.say("roof", "alarm", f"the roof reads shut and has not been seen closing; {told}")
        if self._shut_since is None:
            known_before = self.state not in (RoofState.UNKNOWN, RoofState.SHUT)
            self._shut_since = now if known_before else now - _DWELL_S
        dwell_s = self._deadline_s if self.leapt else _DWELL_S
        return RoofState.SHUT if now - self._shut_since >= dwell_s else RoofState.CLOSING

    def _remember_motion(self, word: RoofState) -> None:
        if word is RoofState.CLOSING:
            self.owes_close = False
            if self._order is not None and self.ordered is RoofState.SHUT and self._order.refused:
                self._order.taken()
        elif word in (RoofState.OPEN, RoofState.OPENING):
            self.owes_close = True
            if word is RoofState.OPEN:
                self._tell_if_it_does_not_begin()

    def _tell_if_it_does_not_begin(self) -> None:
        waited_s = self._clock.monotonic() - self._ordered_at
        ordered = self.ordered is RoofState.SHUT and not self.was_refused
        if ordered and waited_s >= _BEGINS_WITHIN_S and not self._told_of_no_effect:
            self._told_of_no_effect = True
            left_s = max(0.0, self._deadline_s - waited_s)
            text = f"the roof was told to close and still reads open; close is sent again in {left_s:.0f} s"
            self._journal.say("roof", "alarm", text)

    def order(self, state: RoofState) -> None:
        """Send it to OPEN or SHUT; the journal says what went wrong, a refusal once."""
        if self.ordered is not state or self._order is None:
            send = self._dome.CloseShutter if state is RoofState.SHUT else self._dome.OpenShutter
            self._order = Order(send, self._deadline_s, self._clock)
            self.ordered = state
            self._ordered_at = self._clock.monotonic()
        refused_before = self._order.refused
        if self.leapt:
            self._shut_since = self._clock.monotonic()
        error = self._order.give()
        if not self._order.refused:
            self.owes_close = state is RoofState.OPEN
            if {self.state, state} == {RoofState.SHUT, RoofState.OPEN}:
                self.state = RoofState.OPENING if state is RoofState.OPEN else RoofState.CLOSING
        if isinstance(error, DeviceTimeout) and error.sent:
            self._journal.say(
                "roof", "command", f"no answer yet to the order to be {state}; the roof is watched"
            )
        elif error is not None and not refused_before:
            self._journal.say("roof", "alarm", f"the roof did not take the order to be {state}: {error}")

    def adopt(self, state: RoofState) -> None:
        """It is on its way already, by somebody else's order: it gets ours only when it is late."""
        send = self._dome.CloseShutter if state is RoofState.SHUT else self._dome.OpenShutter
        self._order = Order(send, self._deadline_s, self._clock)
        self._order.taken()
        self.ordered = state
        self._ordered_at = self._clock.monotonic()

    @property
    def was_refused(self) -> bool:
        """Whether it said No to the last order: it did not begin to move."""
        return self._order is not None and self._order.refused

    def is_due_again(self) -> bool:
        """Whether the order was refused a moment ago, or was taken and its deadline has passed."""
        return self._order is not None and self._order.is_due()

    def is_late(self) -> bool:
        """Whether it was sent for the first time longer ago than it may take."""
        return self.ordered is not None and self._clock.monotonic() - self._ordered_at > self._deadline_s

    def rest(self) -> None:
        """It is where it was sent."""
        self._told_of_no_effect = False
        if self.ordered is RoofState.SHUT:
            self.owes_close = False
        self._order = self.ordered = None
