"""What other processes of this machine may ask the guard, at its LocalDoor in the guard's folder.

Each request is answered by `{"report"}` or `{"error"}`:

    report
    renew {"leases": {HOLDER: SECONDS}}    begins or renews these leases
    release {"holder"}
    reset {"who"}                          a person has looked at the fault
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from capture.guard.client import Report
from capture.guard.guard import Guard
from capture.journal import Journal
from capture.local_door import LocalDoor, Request

# The day on which summer time ends has 25 hours.
_LONGEST_LEASE_S = 90_000.0


class Door(LocalDoor):
    """Serves `guard` while it is entered."""

    def __init__(self, guard: Guard, folder: Path, journal: Journal) -> None:
        super().__init__(folder, "the guard", self._do)
        self._guard = guard
        if self.failure is not None:
            journal.say(
                "roof", "alarm", f"nobody can ask the guard for anything, as its door: {self.failure}"
            )

    def _do(self, request: Request) -> dict[str, Any]:
        match request["ask"]:
            case "report":
                pass
            case "renew":
                leases = {str(name): float(seconds) for name, seconds in request["leases"].items()}
                if not all(0 < seconds <= _LONGEST_LEASE_S for seconds in leases.values()):
                    raise ValueError("a lease lasts more than 0 s and at most a day")
                for name, seconds in leases.items():
                    self._guard.hold(name, seconds)
            case "release":
                self._guard.release(str(request["holder"]))
            case "reset":
                self._guard.reset(str(request["who"]))
            case other:
                raise ValueError(f"{other!r} is nothing to ask")
        return {"report": told(self._guard.report())}


def told(report: Report) -> dict[str, Any]:
    """The report as JSON can tell it; times in ISO."""
    opens_at = report.opens_at.isoformat() if report.opens_at else None
    return vars(report) | {"time": report.time.isoformat(), "opens_at": opens_at}
