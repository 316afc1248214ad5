"""What the page asks of the running service, at its door; and what it last answered."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from capture.clock import Clock
from capture.errors import BadInput, NightcalError
from capture.local_door import LocalCaller, Refused

_ANSWERS_WITHIN_S = 10.0
_STATUS_HOLDS_S = 0.5


class NoService(NightcalError):
    """Raised when no service answers."""


@dataclass(frozen=True)
class Told:
    """The service's last status, None when it never answered; `since`: from when on it has been silent."""

    status: Mapping[str, Any] | None
    heard: datetime | None
    since: datetime | None


class Link:
    """Asks the service whose door is in `folder`. Any thread may ask; `clock` is the machine's."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._lock = threading.Lock()
        self._asked_at = float("-inf")
        self._told = Told(None, None, None)

    def ask(self, what: str, **more: object) -> dict[str, Any]:
        """The service's answer. Raises BadInput with what it refuses, NoService when none answers."""
        caller = LocalCaller(self._folder, _ANSWERS_WITHIN_S)
        try:
            return caller.ask(what, more)
        except Refused as refused:
            raise BadInput(str(refused)) from None
        except (OSError, ValueError, KeyError, TypeError):
            raise NoService("the service does not answer; start it with nightcal serve") from None
        finally:
            caller.hang_up()

    def status(self) -> Told:
        """What the service does, asked at most twice a second however many look.

        While one thread asks, the others get what was told before.
        """
        if not self._lock.acquire(blocking=self._asked_at == float("-inf")):
            return self._told
        try:
            if self._clock.monotonic() - self._asked_at < _STATUS_HOLDS_S:
                return self._told
            try:
                self._told = Told(self.ask("status")["status"], self._clock.now(), None)
            except (NoService, BadInput):
                told = self._told
                self._told = Told(told.status, told.heard, told.since or told.heard or self._clock.now())
            self._asked_at = self._clock.monotonic()
            return self._told
        finally:
            self._lock.release()

    def entries(self) -> Iterator[dict[str, Any]]:
        """The journal's entries from now on, until the service ends. Raises NoService."""
        caller = LocalCaller(self._folder, _ANSWERS_WITHIN_S)
        try:
            for said in caller.stream("watch", {}):
                if "entry" in said:
                    yield said["entry"]
        except (OSError, ValueError, KeyError, TypeError):
            raise NoService("the service does not answer") from None
        finally:
            caller.hang_up()
