"""What the rest of the program knows of the guard: its report, and leases on an open roof."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from capture.clock import Signal


class RoofState(StrEnum):
    """Where the roof is, by its own word and by what the guard has seen it do; NONE: the site has none."""

    SHUT = "shut"
    OPENING = "opening"
    OPEN = "open"
    CLOSING = "closing"
    FAULT = "fault"
    UNKNOWN = "unknown"
    NONE = "none"


@dataclass(frozen=True)
class Report:
    """The guard's word at `time`.

    `reasons`: why it is not safe. `opens_at`: when the roof will open if the weather stays good (somebody
    holds a lease), None while nothing asks for it: then it stays shut. `fault`: what a person must reset.
    """

    time: datetime
    roof: RoofState
    safe: bool
    reasons: tuple[str, ...] = ()
    opens_at: datetime | None = None
    fault: str | None = None
    holders: tuple[str, ...] = ()

    @property
    def open_and_safe(self) -> bool:
        return self.safe and self.fault is None and self.roof in (RoofState.OPEN, RoofState.NONE)

    @property
    def dark(self) -> bool:
        """Whether the roof keeps the sky out, or there is none and the camera's own shutter must."""
        return self.roof in (RoofState.SHUT, RoofState.NONE)

    def why_not_open(self) -> str:
        """One clause for the operator."""
        if self.fault:
            return f"the roof has a fault: {self.fault}"
        if not self.safe:
            return "it is not safe: " + "; ".join(self.reasons)
        if self.opens_at is not None and self.roof is RoofState.SHUT:
            return f"the roof opens at {self.opens_at:%H:%M} UTC when it has been safe long enough"
        return f"the roof is {self.roof}"


class GuardClient(Protocol):
    """How sequencers talk to the guard, in the process or from another one."""

    def report(self) -> Report:
        """The newest report; cheap, asks no device."""

    def hold(self, holder: str, lease_s: float) -> None:
        """Ask that the roof be open while it is safe, for `lease_s` from now; renews `holder`'s lease."""

    def release(self, holder: str) -> None:
        """End `holder`'s lease; the roof closes when nobody else holds one."""

    def subscribe(self, signal: Signal) -> None:
        """Set `signal` whenever the report changes."""


class OpenAir:
    """The guard of a config without a roof: nothing opens or shuts. For a bench, or a simulator."""

    def __init__(self, now: datetime) -> None:
        self._report = Report(now, RoofState.NONE, safe=True)

    def report(self) -> Report:
        return self._report

    def hold(self, holder: str, lease_s: float) -> None:
        """Nothing to open."""

    def release(self, holder: str) -> None:
        """Nothing to close."""

    def subscribe(self, signal: Signal) -> None:
        """Nothing ever changes."""
