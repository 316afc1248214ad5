"""Nights whose simulators, guard and service are processes of their own, in one simulated time."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
from astropy.io import fits

from capture.cli.side_by_side import Processes, side_by_side
from capture.clock import SimulatedClock
from capture.frame import Kind
from capture.guard.remote import Doorbell
from capture.store.archive import Archive
from capture.store.rows import FrameRow
from simulators import Observatory, serve
from tests.nights.harness import AFTERNOON, CONFIG, SITE, settings

NOON = AFTERNOON + timedelta(hours=20, minutes=30)
NEEDS = {
    ("T1", "bias"): 6, ("T1", "dark 60 s"): 5, ("T1", "dark 300 s"): 5,
    ("T1", "flat L"): 4, ("T1", "flat G"): 4, ("T1", "flat Ha"): 4,
    ("T2", "bias"): 6, ("T2", "dark 120 s"): 5, ("T2", "flat V"): 4, ("T2", "flat I"): 4,
}  # fmt: skip


@dataclass
class Site:
    """The clock, the observatory, and the processes that a test has started."""

    clock: SimulatedClock
    observatory: Observatory
    processes: Processes
    folder: Path
    config: str
    outputs: list[Path] = field(default_factory=list)

    def start(self, *arguments: str) -> Popen[bytes]:
        """Start `python -m ARGUMENTS` with the config, its journal as JSON in a file."""
        self.outputs.append(self.folder / f"out{len(self.outputs)}.txt")
        with self.outputs[-1].open("wb") as out:
            return self.processes.start("-m", *arguments, "--json", "--config", self.config, out=out)

    def said(self, number: int) -> list[dict[str, Any]]:
        """The journal of the process that was started as that number."""
        lines = self.outputs[number].read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def roof_was(self, when: datetime) -> float:
        """The roof's opening, 0 to 1, by the world."""
        return self.observatory.world.roof.opening.value(when.timestamp())

    def commands(self, member: str) -> list[datetime]:
        return [command.time for command in self.observatory.command_log if command.member == member]

    def frames(self) -> list[FrameRow]:
        archive = Archive(self.folder / "archive", SITE, self.clock)
        try:
            return archive.catalogue.frames()
        finally:
            archive.close()


@contextmanager
def site_of(folder: Path) -> Iterator[Site]:
    """The harness's site with a guard in a process of its own."""
    clock = SimulatedClock(AFTERNOON, horizon=timedelta(hours=30))
    observatory = Observatory(clock, settings())
    with serve(observatory) as server, side_by_side(clock) as processes:
        path = folder / "nightcal.toml"
        path.write_text(CONFIG.format(server=server.address) + "\n[guard]\n")
        yield Site(clock, observatory, processes, folder, str(path))


def held(frames: list[FrameRow]) -> Counter[tuple[str, str]]:
    return Counter((frame.rig, str(frame.spec.set_key())) for frame in frames if frame.good)


def test_a_service_killed_in_mid_flat_leaves_a_roof_that_closes_and_a_restart_that_takes_only_what_is_missing(
    tmp_path: Path,
) -> None:
    killed: list[datetime] = []
    back: list[datetime] = []
    seen: list[FrameRow] = []

    def night(site: Site) -> None:
        clock = site.clock
        guard = site.start("capture.guard")
        service = site.start("capture", "serve")
        # In the midst of the flats at dusk, by what the service has said.
        while not any(entry["kind"] == "frame" and "flat" in entry["text"] for entry in site.said(1)):
            clock.sleep(5.0)
        killed.append(clock.now())
        assert site.roof_was(clock.now()) == 1.0
        service.kill()
        service.wait()
        clock.sleep(240.0)
        assert site.roof_was(clock.now()) == 0.0
        seen.extend(site.frames())
        clock.sleep(60.0)
        back.append(clock.now())
        service = site.start("capture", "serve")
        clock.sleep_until(NOON)
        assert site.processes.end(service) == 130
        assert site.processes.end(guard) == 0

    with site_of(tmp_path) as site:
        site.clock.run(lambda: night(site))
        frames = site.frames()
        closed = [time for time in site.commands("closeshutter") if time > killed[0]]
        parked = [time for time in site.commands("park") if time > killed[0]]
        # The lease of a process that vouches for it no longer lasts 30 s, and the mounts park first.
        assert parked[0] - killed[0] < timedelta(seconds=40)
        assert closed[0] - killed[0] < timedelta(seconds=100)
        assert site.observatory.world.collisions == []
        exposed = site.commands("startexposure")
        assert not [time for time in exposed if killed[0] < time < back[0]]
        assert sum("the lease of" in entry["text"] for entry in site.said(0)) >= 1
    assert held(frames) == NEEDS
    assert {row.id for row in seen} <= {row.id for row in frames}
    for row in frames:
        with fits.open(tmp_path / "archive" / row.path, checksum=True) as file:
            assert file[0].data is not None
    darks = [row for row in frames if row.good and row.kind is Kind.DARK]
    assert all(site.roof_was(row.taken) == 0.0 for row in darks)


def test_a_guard_killed_at_night_stops_the_darks_and_its_successor_lets_them_go_on(tmp_path: Path) -> None:
    def night(site: Site) -> None:
        clock = site.clock
        guard = site.start("capture.guard")
        service = site.start("capture", "serve")
        while not any(entry["kind"] == "frame" and "dark" in entry["text"] for entry in site.said(1)):
            clock.sleep(5.0)
        guard.kill()
        guard.wait()
        killed = clock.now()
        clock.sleep(1200.0)
        taken = [row.taken for row in site.frames() if row.taken > killed]
        assert taken == []
        guard = site.start("capture.guard")
        clock.sleep_until(NOON)
        bell = Doorbell(tmp_path / "guard")
        assert bell.ask("report").roof == "shut"
        bell.close()
        site.processes.end(service)
        site.processes.end(guard)

    with site_of(tmp_path) as site:
        site.clock.run(lambda: night(site))
        assert held(site.frames()) == NEEDS
        assert any("the guard does not answer" in entry["text"] for entry in site.said(1))


@pytest.fixture(autouse=True)
def _no_inherited_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NIGHTCAL_CLOCK", raising=False)
