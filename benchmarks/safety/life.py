"""What is written down of one case while it is lived through."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from benchmarks.safety.cases import Case
from simulators.device import Command

DUSK = datetime(2026, 11, 22, 0, 20, tzinfo=UTC)


@dataclass(frozen=True)
class Sight:
    """The world at `at_s` (simulated seconds from the start): how far open the roof is, who is parked."""

    at_s: float
    opening: float
    parked: tuple[bool, ...]


@dataclass
class Life:
    """What was told and seen. `danger_s`: when it went wrong, None when the step was never reached.

    `guarded`: whether the guard began.
    """

    case: Case
    guarded: bool = False
    danger_s: float | None = None
    until_s: float = 0.0
    commands: list[Command] = field(default_factory=list)
    sights: list[Sight] = field(default_factory=list)
    # When the roof moved while a mount was not parked.
    collisions_s: list[float] = field(default_factory=list)
