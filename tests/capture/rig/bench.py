"""A rig over the served observatory, under a guard that says what a test wants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from capture.clock import Clock, Signal
from capture.config import Config, RigConfig, TimeoutsConfig
from capture.frame import Frame, FrameSpec, Kind
from capture.guard.client import GuardClient, Report, RoofState
from capture.journal import Entry, Journal
from capture.rig.rig import Rig
from simulators import Observatory
from simulators.device import Command

DARK_600 = FrameSpec(Kind.DARK, 600.0)


class SayingGuard:
    """A guard whose report is what a test says; `holders` and `log` are what rigs asked of it.

    A lease that ran out before it was renewed or released is in the log, too.
    """

    def __init__(self, clock: Clock, roof: RoofState = RoofState.SHUT) -> None:
        self._clock = clock
        self._report = Report(clock.now(), roof, safe=True)
        self._signals: list[Signal] = []
        self.log: list[str] = []
        self.holders: set[str] = set()
        self.leases_s: dict[str, float] = {}
        self._ends: dict[str, float] = {}

    def report(self) -> Report:
        return self._report

    def hold(self, holder: str, lease_s: float) -> None:
        self._look_at_lease(holder)
        self.log.append(f"hold {holder}")
        self.holders.add(holder)
        self.leases_s[holder] = lease_s
        self._ends[holder] = self._clock.monotonic() + lease_s

    def release(self, holder: str) -> None:
        self._look_at_lease(holder)
        self.log.append(f"release {holder}")
        self.holders.discard(holder)
        self._ends.pop(holder, None)

    def _look_at_lease(self, holder: str) -> None:
        if self._clock.monotonic() > self._ends.get(holder, float("inf")):
            self.log.append(f"lapsed {holder}")

    def subscribe(self, signal: Signal) -> None:
        self._signals.append(signal)

    def says(self, **changes: object) -> None:
        """Change the report and wake who listens."""
        self._report = replace(self._report, time=self._clock.now(), **changes)  # type: ignore[arg-type]
        for signal in self._signals:
            signal.set()


class RigBench:
    """The first rig of a config, or another one, with the world's roof as open as its guard says."""

    def __init__(self, config: Config, observatory: Observatory, roof: RoofState, rig: int = 0) -> None:
        self.clock = observatory.clock
        self.observatory = observatory
        self.world_rig = observatory.world.rigs[rig]
        self.guard = SayingGuard(self.clock, roof)
        self.entries: list[Entry] = []
        self._config = config
        self._number = rig
        if roof is RoofState.OPEN:
            observatory.world.roof.opening.send(observatory.world.now_s() - 3600, 1.0)

    @contextmanager
    def rig(
        self, guard: GuardClient | None = None, timeouts: TimeoutsConfig | None = None, **changes: object
    ) -> Iterator[Rig]:
        """Connect the rig, its config changed; at the end drop its connections. Within a worker."""
        config = self._config.rig[self._number]
        config = RigConfig.model_validate(config.model_copy(update=changes).model_dump())
        journal = Journal(self.clock)
        journal.listen(self.entries.append)
        rig = Rig(config, self._config.site.site(), guard or self.guard, self.clock, journal, timeouts)
        try:
            rig.connect()
            yield rig
        finally:
            rig.disconnect()

    def commands(self, *members: str) -> list[Command]:
        """What was commanded of this rig's devices."""
        log = [c for c in self.observatory.command_log if c.device.endswith(f"/{self._number}")]
        return [command for command in log if command.member in members]


def later(clock: Clock, seconds: float, act: Callable[[], object]) -> None:
    """Let `act` happen on a worker of its own when so many seconds have passed."""

    def work() -> None:
        clock.sleep(seconds)
        act()

    clock.spawn(work, "later")


def on_a_rig(bench: RigBench, work: Callable[[Rig], Frame | None], **changes: Any) -> Frame | None:
    """Run `work` with the connected rig as a worker."""

    def main() -> Frame | None:
        with bench.rig(**changes) as rig:
            return work(rig)

    return bench.clock.run(main)


def taken(bench: RigBench, kind: Kind, exposure_s: float = 0.0, filter_name: str | None = None) -> Frame:
    """The frame that a connected rig takes."""
    frame = on_a_rig(bench, lambda rig: rig.expose(rig.spec(kind, exposure_s, filter_name)))
    assert frame is not None
    return frame
