"""A short evening in simulated time, for a fault to happen in: T1 takes darks and flats, T2 bias frames."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path

from capture.clock import Signal, SimulatedClock
from capture.config import Config, parse_config
from capture.errors import BadInput, DeviceError, Interrupted, NightcalError
from capture.frame import Kind
from capture.guard.wiring import guarding
from capture.journal import Entry, Journal
from capture.rig.rig import Rig
from simulators import Fault, Observatory, demo_settings, serve
from simulators.device import Command
from tests.conftest import DUSK, TWO_RIGS
from tests.faults.expected import GIVEN_UP, INTERRUPTED, SURVIVES

WINDOW = timedelta(minutes=12)
MENDED_AFTER_S = 420.0


@dataclass
class Evening:
    """What came of it. `outcome` is T1's; times in simulated seconds."""

    outcome: str = ""
    error: NightcalError | None = None
    took_s: float = 0.0
    neighbours_frames: int = 0
    neighbours_slowest_s: float = 0.0
    neighbours_error: NightcalError | None = None
    mended_s: float = 0.0
    ends_shut: bool = False
    fault: str | None = None
    struck: int = 0
    collisions: int = 0
    commands: list[Command] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    calls: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def times(self, device: str, member: str) -> int:
        return sum((c.device, c.member) == (device, member) for c in self.commands)


def live(fault: Fault | None = None) -> Evening:
    """Live through the evening with the fault in it, which is mended a while after the guard was stopped."""
    clock = SimulatedClock(DUSK, horizon=timedelta(days=1))
    observatory = Observatory(clock, demo_settings(seed=7, width_px=64, height_px=64))
    observatory.request_log = []
    evening = Evening(commands=observatory.command_log)
    if fault is not None:
        observatory.faults.add(fault)
    with serve(observatory) as server:
        text = TWO_RIGS.format(server=server.address).replace('"close"', '"stay_open"')
        config = parse_config(text, Path("nowhere") / "nightcal.toml")
        clock.run(lambda: _live(config, clock, observatory, fault, evening))
    evening.calls.update((r.method, r.device, r.member) for r in observatory.request_log)
    evening.collisions = len(observatory.world.collisions)
    evening.ends_shut = observatory.world.roof.opening.value(observatory.world.now_s()) == 0
    return evening


def _live(
    config: Config, clock: SimulatedClock, observatory: Observatory, fault: Fault | None, evening: Evening
) -> None:
    journal = Journal(clock)
    journal.listen(evening.entries.append)
    begun = clock.monotonic()
    with ExitStack() as stack:
        mounts = {rig.name: rig.telescope for rig in config.rig if rig.telescope}
        assert config.roof is not None
        guard = stack.enter_context(guarding(config.roof, mounts, config.timeouts, clock, journal))
        rigs = [Rig(rig, config.site.site(), guard, clock, journal) for rig in config.rig]
        for rig in rigs:
            stack.callback(rig.disconnect)
        ended = clock.signal()
        beside = clock.spawn(lambda: _bias_until(rigs[1], clock, ended, evening), "T2", rank=21)
        working = clock.spawn(lambda: _dark_and_flats(rigs[0], clock, evening), "T1", rank=20)
        working.join()
        evening.took_s = clock.monotonic() - begun
        ended.set()
        beside.join()
        # Long enough to see a close that fails, and whether it is sent again in time and not before.
        guard.stop()
        clock.sleep(MENDED_AFTER_S)
        evening.struck = observatory.faults.struck(fault) if fault else 0
        observatory.faults.clear()
        mended = clock.monotonic()
        stack.close()
        evening.mended_s = clock.monotonic() - mended
        evening.fault = guard.report().fault


def _dark_and_flats(rig: Rig, clock: SimulatedClock, evening: Evening) -> None:
    try:
        rig.connect()
        rig.cool()
        with rig.ready_for_dark():
            rig.expose(rig.spec(Kind.DARK, 5.0))
            rig.expose(rig.spec(Kind.BIAS))
        with rig.until(clock.now() + WINDOW), rig.ready_for_sky():
            for name in ("R", "G"):
                rig.expose(rig.spec(Kind.FLAT, 2.0, name))
        evening.outcome = SURVIVES
    except (DeviceError, BadInput) as error:
        evening.outcome, evening.error = GIVEN_UP, error
    except Interrupted as error:
        evening.outcome, evening.error = INTERRUPTED, error


def _bias_until(rig: Rig, clock: SimulatedClock, ended: Signal, evening: Evening) -> None:
    try:
        rig.connect()
        while not ended.is_set():
            begun = clock.monotonic()
            rig.expose(rig.spec(Kind.BIAS))
            evening.neighbours_frames += 1
            took_s = clock.monotonic() - begun
            evening.neighbours_slowest_s = max(evening.neighbours_slowest_s, took_s)
            clock.sleep(20.0)
    except NightcalError as error:
        evening.neighbours_error = error


@cache
def undisturbed() -> Evening:
    """The evening without a fault; its log of calls says which calls there are."""
    return live()
