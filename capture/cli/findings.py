"""What `nightcal doctor` finds: a level, whom it is about, a sentence with the remedy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from capture.alpaca.transport import HttpRefusal
from capture.errors import DeviceError, DeviceRefused, DeviceTimeout, DeviceUnreachable

T = TypeVar("T")
_UNKNOWN = (400, 404, 405, 501)


class Level(StrEnum):
    """ok: as it should be. note: good to know. warning: look at it. problem: something will not work."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """One thing that was found."""

    level: Level
    subject: str
    text: str


@dataclass
class Look:
    """One look at one subject: what it answers, and what is found while asking."""

    subject: str
    findings: list[Finding] = field(default_factory=list)

    def ok(self, text: str) -> None:
        self._add(Level.OK, text)

    def note(self, text: str) -> None:
        self._add(Level.NOTE, text)

    def warn(self, text: str) -> None:
        self._add(Level.WARNING, text)

    def problem(self, text: str) -> None:
        self._add(Level.PROBLEM, text)

    def ask(self, what: str, read: Callable[[], T]) -> T | None:
        """What `read` returns, None where the device refuses it or what it says makes no sense.

        Raises DeviceTimeout, DeviceUnreachable: what hangs once is not asked for more.
        """
        try:
            return read()
        except DeviceRefused:
            return None
        except (DeviceTimeout, DeviceUnreachable):
            raise
        except HttpRefusal as error:
            # A server's other way to say that it has never heard of a member.
            if error.status not in _UNKNOWN:
                self.warn(f"{error}; look at its driver")
        except DeviceError as error:
            self.warn(f"{error}; look at its driver")
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            self.warn(f"its {what} makes no sense ({error}); look at its driver")
        return None

    def _add(self, level: Level, text: str) -> None:
        self.findings.append(Finding(level, self.subject, text))
