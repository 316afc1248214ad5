"""The month itself: simulators here, guard and service as processes on a served clock, killed at times."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from subprocess import Popen
from typing import IO

from benchmarks.month.place import CONFIG, SITE, reservations_of, settings_of, write_calendars
from capture.cli.side_by_side import Processes, side_by_side
from capture.clock import SimulatedClock
from simulators import Observatory, serve
from simulators.observatory import Command
from simulators.server import Server

# The set of which a service is killed at its 13th frame; it wants 20.
KILLED_SET = ("T2", "dark", 120.0)
_KILLED_AT_FRAME = 13
_LOOKS_EVERY_S = 20.0
_OUTAGE_S = 600.0


@dataclass(frozen=True)
class Blow:
    """What befalls the service at a time: `what` is kill, kill both, or power cut."""

    at: datetime
    what: str


@dataclass
class Month:
    """What came of it: when blows fell, and what the simulators saw; the archive is in the folder."""

    blows: list[Blow] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    collisions: int = 0
    roof: list[tuple[datetime, bool]] = field(default_factory=list)
    held_at_kill: int = 0


def blows_of(nights: Sequence[date]) -> list[Blow]:
    """Every third night a blow, mostly in mid-twilight or mid-darkness; the first is at the 13th frame."""
    rng, found = random.Random(11), []
    for number, night in enumerate(nights):
        if number and number % 3 != 2:
            noon = SITE.night_span(night).start
            hours = rng.choice((6.4, 7.0, 11.0, 13.0, 18.2)) + rng.uniform(-0.3, 0.3)
            what = "power cut" if number % 7 == 4 else "kill both" if number % 7 == 3 else "kill"
            found.append(Blow(noon + timedelta(hours=hours), what))
    return found


class Site:
    """The observatory with its server, and the processes of guard and service."""

    def __init__(
        self, clock: SimulatedClock, processes: Processes, folder: Path, nights: Sequence[date], month: Month
    ) -> None:
        self.clock = clock
        self.month = month
        self._processes = processes
        self._settings = settings_of(nights)
        self.observatory = Observatory(clock, self._settings)
        self.server: Server = serve(self.observatory)
        self._config = folder / "nightcal.toml"
        self._config.write_text(CONFIG.format(server=self.server.address), encoding="utf-8")
        write_calendars(folder / "reservations", reservations_of(nights))
        self._said = folder / "said.jsonl"
        self._words: list[IO[bytes]] = [self._said.open("ab"), (folder / "guard.jsonl").open("ab")]
        self.guard: Popen[bytes] | None = None
        self.service: Popen[bytes] | None = None
        self._read_to = 0

    def start(self) -> None:
        """Start what does not run."""
        arguments = ("--json", "--config", str(self._config))
        if self.guard is None:
            self.guard = self._processes.start("-m", "capture.guard", *arguments, out=self._words[1])
        if self.service is None:
            self.service = self._processes.start("-m", "capture", "serve", *arguments, out=self._words[0])

    def kill(self, *, both: bool) -> None:
        """SIGKILL the service, and the guard too."""
        assert self.service is not None
        self.service.kill()
        self.service.wait()
        self.service = None
        if both and self.guard is not None:
            self.guard.kill()
            self.guard.wait()
            self.guard = None

    def cut_power(self) -> None:
        """Everything off: cameras warm up, wheels and mounts forget, the roof stays as it is."""
        self.kill(both=True)
        self.server.close()
        now, old = self.clock.now().timestamp(), self.observatory
        self._keep_log()
        self.observatory = Observatory(self.clock, self._settings)
        world = self.observatory.world
        world.roof.opening.send(now, round(old.world.roof.opening.value(now)))
        for rig, before in zip(world.rigs, old.world.rigs, strict=True):
            ha, dec = before.mount.ha_dec(now)
            rig.mount.unpark(now)
            rig.mount.slew(now, float(ha), float(dec), False)
            rig.cover.send(now, round(before.cover.value(now)))

    def give_power(self) -> None:
        """The devices are on again, at the same address."""
        self.server = serve(self.observatory, port=self.server.port)

    def close(self) -> None:
        """End both in good order."""
        for process in (self.service, self.guard):
            if process is not None:
                self._processes.end(process)
        self.server.close()
        self._keep_log()
        for words in self._words:
            words.close()

    def frames_said(self) -> int:
        """How many good frames of the watched set the service has told of, from the start."""
        rig, kind, exposure_s = KILLED_SET
        found = 0
        for line in self._said.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line) if line.startswith("{") and line.endswith("}") else {}
            if entry.get("kind") == "frame" and entry["source"] == rig and entry.get("frame") == kind:
                # A shutter's exposure is off by hundredths.
                found += bool(entry["good"]) and abs(entry["exposure_s"] - exposure_s) < 1
        return found

    def roof_is_open(self) -> bool:
        return self.observatory.world.roof.opening.value(self.clock.now().timestamp()) > 0

    def _keep_log(self) -> None:
        self.month.commands += self.observatory.command_log
        self.month.collisions += len(self.observatory.world.collisions)


def live(folder: Path, nights: Sequence[date], tell: Callable[[str], None]) -> Month:
    """Live through the nights in `folder`; `tell` hears of each blow."""
    start = SITE.night_span(nights[0]).start
    clock, month = SimulatedClock(start, horizon=None), Month()
    with side_by_side(clock) as processes:
        site = Site(clock, processes, folder, nights, month)
        clock.run(lambda: _live(site, nights, tell))
    return month


def _live(site: Site, nights: Sequence[date], tell: Callable[[str], None]) -> None:
    clock, month = site.clock, site.month
    watcher = clock.spawn(lambda: _watch_the_roof(site, SITE.night_span(nights[-1]).end), "watcher", rank=70)
    site.start()
    while site.frames_said() < _KILLED_AT_FRAME:
        clock.sleep(_LOOKS_EVERY_S)
        if clock.now() > SITE.night_span(nights[0]).end:
            raise AssertionError(f"the first night had no frame {_KILLED_AT_FRAME} of {KILLED_SET}")
    month.held_at_kill = site.frames_said()
    blows = [Blow(clock.now(), "kill"), *blows_of(nights)]
    for blow in blows:
        clock.sleep_until(blow.at)
        tell(f"{clock.now():%Y-%m-%d %H:%M} UTC: {blow.what}")
        month.blows.append(blow)
        if blow.what == "power cut":
            site.cut_power()
            clock.sleep(_OUTAGE_S)
            site.give_power()
        else:
            site.kill(both=blow.what == "kill both")
            clock.sleep(_OUTAGE_S / 2)
        site.start()
    clock.sleep_until(SITE.night_span(nights[-1]).end)
    watcher.join()
    site.close()


def _watch_the_roof(site: Site, end: datetime) -> None:
    """Note every few minutes whether the roof is open."""
    while site.clock.now() < end:
        site.month.roof.append((site.clock.now(), site.roof_is_open()))
        site.clock.sleep(300.0)
