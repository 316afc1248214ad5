"""A guard at work over the served observatory, and what the observatory wrote down."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from capture.clock import Clock
from capture.config import Config, RoofConfig
from capture.guard.guard import Guard
from capture.guard.wiring import guarding
from capture.journal import Entry, Journal
from simulators import Observatory
from simulators.device import Command

# What the safety monitor is asked.
UNSAFE = ("safetymonitor/0", "issafe")


class Bench:
    """A config whose `[roof]` is changed by `roof`, its journal's entries, its observatory's command log."""

    def __init__(self, config: Config, observatory: Observatory, **roof: object) -> None:
        assert config.roof is not None
        self.roof = RoofConfig.model_validate(config.roof.model_copy(update=roof).model_dump())
        self.config = config.model_copy(update={"roof": self.roof})
        self.observatory = observatory
        self.clock: Clock = observatory.clock
        self.entries: list[Entry] = []
        self.journal = Journal(self.clock)
        self.journal.listen(self.entries.append)

    @contextmanager
    def guard(self) -> Iterator[Guard]:
        """Connect and guard; at the end stop, and close everything. Within a worker."""
        mounts = {rig.name: rig.telescope for rig in self.config.rig if rig.telescope}
        with guarding(self.roof, mounts, self.config.timeouts, self.clock, self.journal) as guard:
            yield guard

    @contextmanager
    def leased(self, since_s: float) -> Iterator[Guard]:
        """A guard whom T1 asked for an open roof so long ago, for two hours."""
        with self.guard() as guard:
            guard.hold("T1", 7200)
            self.clock.sleep(since_s)
            yield guard

    @contextmanager
    def in_flats(self, *rigs: int) -> Iterator[Guard]:
        """A guard over an open roof whom T1 asked 160 s ago, for two hours; mounts of `rigs` are up."""
        with self.leased(100) as guard:
            for rig in rigs:
                self.unpark(rig)
            self.clock.sleep(60)
            yield guard

    def commands(self, *members: str) -> list[Command]:
        """What was commanded, but for connecting; only these members if any are named."""
        log = [c for c in self.observatory.command_log if c.member not in ("connect", "connected")]
        return [command for command in log if not members or command.member in members]

    def when(self, member: str) -> list[float]:
        """Monotonic seconds at which the member was commanded."""
        now, monotonic = self.clock.now(), self.clock.monotonic()
        return [monotonic - (now - command.time).total_seconds() for command in self.commands(member)]

    def said(self, kind: str) -> list[str]:
        """The journal's texts of one kind."""
        return [entry.text for entry in self.entries if entry.kind == kind]

    @property
    def roof_is_shut(self) -> bool:
        """What the world knows, whatever a device says."""
        return self.observatory.world.roof.opening.value(self.observatory.world.now_s()) == 0.0

    @property
    def roof_is_open(self) -> bool:
        return self.observatory.world.roof.opening.value(self.observatory.world.now_s()) == 1.0

    def unpark(self, rig: int) -> None:
        """Unpark a mount and send it up, as a rig would for flats."""
        telescope = self.observatory.devices["telescope", rig]
        telescope.connected = True
        telescope.call("put", "unpark", {})
        telescope.call("put", "slewtoaltazasync", {"Azimuth": "100", "Altitude": "76"})


MakeBench = Callable[..., Bench]
