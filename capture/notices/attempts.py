"""Attempts to tell somebody: who does not answer is left alone ever longer, and complained of once a day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from capture.clock import Clock
from capture.errors import ClockError, NotTold
from capture.notices.addresses import Address
from capture.notices.apprising import Message, Sender
from capture.notices.pacing import SOURCE

TRIED_FOR = timedelta(days=1)
_FIRST_WAIT_S, _LONGEST_WAIT_S = 60.0, 3600.0

Say = Callable[..., None]


class Attempts:
    """Sends messages by `sender`, and says through `say`, a journal's, that somebody cannot be told."""

    def __init__(self, sender: Sender, clock: Clock, say: Say, over: Callable[[], bool]) -> None:
        self._sender, self._clock, self._say, self._over = sender, clock, say, over
        self._failures: dict[str, int] = {}
        self._again_at_s: dict[str, float] = {}
        self._complained: dict[str, datetime] = {}

    def may_try(self, address: Address) -> bool:
        """Whether it is time to try again."""
        return self._clock.monotonic() >= self._again_at_s.get(address.recipient, 0.0)

    def send(self, address: Address, make: Callable[[], Message]) -> str:
        """Make a message and send it; return why that failed, or nothing."""
        name, now = address.recipient, self._clock.now()
        try:
            self._sender.send(address.url, make(), self._over)
        except ClockError:
            raise
        except Exception as error:
            # Whatever is wrong with this one, the others are told.
            why = str(error) if isinstance(error, NotTold) else f"{type(error).__name__}: {error}"
        else:
            self._failures.pop(name, None)
            self._complained.pop(name, None)
            return ""
        self._failures[name] = self._failures.get(name, 0) + 1
        wait_s = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** (self._failures[name] - 1))
        self._again_at_s[name] = self._clock.monotonic() + wait_s
        if name not in self._complained or now - self._complained[name] >= TRIED_FOR:
            self._complained[name] = now
            self._say(SOURCE, "alarm", f"{address} cannot be told: {why}; it is tried for a day", to=name)
        return why
