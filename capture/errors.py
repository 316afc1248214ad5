"""Every error that nightcal raises on purpose.

NightcalError
├── BadInput              what the operator gave cannot be used: a config key, a filter, a date
│   ├── NoWindow          the Sun gives no such twilight on that night at that site
│   └── NotAllowed        who asks may not do that
├── ClockError            a worker misused the clock, or simulated time passed its horizon
├── DeviceError           a device, named, answered wrongly or not at all
│   ├── DeviceTimeout     it did not finish within its deadline
│   ├── DeviceRefused     it answered with an Alpaca error number
│   ├── DeviceUnreachable no answer came over the wire
│   └── NotCold           the sensor does not reach its set point, or does not stay there
├── GuardAway             the guard's process does not answer
├── Interrupted           work ends early, in good order, and its cleanup runs
│   ├── Unsafe            the guard says that the sky, the roof or the mount is not ours now
│   ├── LightLeak         stray light reaches what should be dark
│   ├── Preempted         something more important needs the rig: a reservation, the roof, dawn
│   └── Stopped           an operator asked for it
├── StoreError            a file or the catalogue could not be written, read or trusted
├── DeliveryError         a file has not reached its owner's place whole
├── NotTold               a message has not reached a person
└── CombineError          these frames cannot become one master
"""

from __future__ import annotations

from datetime import datetime


class NightcalError(Exception):
    """The root: whoever catches this catches all that nightcal raises on purpose."""


class BadInput(NightcalError):
    """Raised for what a person gave: the text names the thing and the remedy."""


class NoWindow(BadInput):
    """Raised when the Sun never crosses the asked altitudes on that night at that site."""


class NotAllowed(BadInput):
    """Raised when who asks may not do that, or is not who they say; the text says what it would take."""


class ClockError(NightcalError):
    """Raised when a thread that is no worker sleeps, or simulated time passes its horizon."""


class DeviceError(NightcalError):
    """Raised when a device answers wrongly; the text names device, call and cause.

    `sent`: whether the device may have got the call; False only where it provably did not.
    """

    def __init__(self, text: str, *, sent: bool = True) -> None:
        super().__init__(text)
        self.sent = sent


class DeviceTimeout(DeviceError):
    """Raised when a device does not finish within its deadline."""


class DeviceRefused(DeviceError):
    """Raised when a device answers with an Alpaca error number."""

    def __init__(self, text: str, number: int) -> None:
        super().__init__(text)
        self.number = number


class DeviceUnreachable(DeviceError):
    """Raised when no whole answer comes over the wire."""


class NotCold(DeviceError):
    """Raised when a cooler cannot bring its sensor to the set point and hold it there."""


class GuardAway(NightcalError):
    """Raised when the guard's process cannot be asked: it is not up, or not ours to ask."""


class Interrupted(NightcalError):
    """Raised by the checkpoint to end work early and in good order."""


class Unsafe(Interrupted):
    """Raised when the guard withdraws the sky: unsafe weather, a moving roof, a parked mount."""


class LightLeak(Interrupted):
    """Raised when a dark shows stray light; `since` is the last probe of the run that was dark, if any."""

    def __init__(self, text: str, since: datetime | None) -> None:
        super().__init__(text)
        self.since = since


class Preempted(Interrupted):
    """Raised when something more important needs the rig: a reservation, the roof, the window's end."""


class Stopped(Interrupted):
    """Raised when an operator asked the run to stop."""


class StoreError(NightcalError):
    """Raised when a file or the catalogue cannot be written, read or trusted."""


class CombineError(NightcalError):
    """Raised when frames cannot become one master, with the reason."""


class DeliveryError(NightcalError):
    """Raised when a file has not become whole in another place.

    `needs_a_person`: trying again will not help before somebody has done something.
    """

    def __init__(self, text: str, *, needs_a_person: bool = False) -> None:
        super().__init__(text)
        self.needs_a_person = needs_a_person


class NotTold(NightcalError):
    """Raised when a message has not reached a person; the text holds no secret of the address."""
