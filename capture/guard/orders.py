"""How the guard speaks to devices: in short deadlines, and never twice without a reason."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from capture.alpaca.transport import HttpRefusal
from capture.clock import Clock
from capture.config import Timeouts
from capture.errors import DeviceError, DeviceRefused

# A hung device costs the guard these at most; the promise of 10 s is made of them.
_LONGEST = {"connect_s": 2.0, "read_s": 2.0, "write_s": 3.0, "slow_write_s": 4.0}
_AFTER_REFUSAL_S = 5.0
_NOT_CONNECTED = 0x407


class Connectable(Protocol):
    """A device that can be told to connect."""

    def Connect(self) -> None:  # noqa: N802 (alpyca's name)
        """Begin to connect. Raises DeviceError."""


def prompt(timeouts: Timeouts) -> Timeouts:
    """These, but no call longer than the guard can wait for."""
    return timeouts.model_copy(
        update={name: min(longest, getattr(timeouts, name)) for name, longest in _LONGEST.items()}
    )


def did_not_start(error: DeviceError) -> bool:
    """Whether a command surely had no effect: it was not sent, or refused by its device or its server.

    A time-out, a broken reply or an HTTP 500 leave it open: the device's state must tell.
    """
    refused = isinstance(error, DeviceRefused) or (isinstance(error, HttpRefusal) and error.status < 500)
    return refused or not error.sent


def reconnect_if_lost(device: Connectable, error: DeviceError) -> None:
    """Begin to connect again where the error says that the device is not connected: its driver restarted."""
    if isinstance(error, DeviceRefused) and error.number == _NOT_CONNECTED:
        with suppress(DeviceError):
            device.Connect()


class Order:
    """A command that moves something: sent once, and due again `deadline_s` later, or soon if refused."""

    def __init__(self, send: Callable[[], object], deadline_s: float, clock: Clock) -> None:
        self._send = send
        self._deadline_s = deadline_s
        self._clock = clock
        self._again_at = clock.monotonic()
        self.refused = False

    def give(self) -> DeviceError | None:
        """Send it; return what went wrong."""
        failure: DeviceError | None = None
        try:
            self._send()
        except DeviceError as error:
            failure = error
        self.refused = failure is not None and did_not_start(failure)
        self._wait(_AFTER_REFUSAL_S if self.refused else self._deadline_s)
        return failure

    def taken(self) -> None:
        """The device is seen to do it, whatever it answered and whoever told it."""
        self.refused = False
        self._wait(self._deadline_s)

    def is_due(self) -> bool:
        """Whether it must be sent, or sent again."""
        return self._clock.monotonic() >= self._again_at

    def _wait(self, seconds: float) -> None:
        self._again_at = self._clock.monotonic() + seconds
