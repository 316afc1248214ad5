"""Whole simulated nights over real HTTP, for tests: an observatory, a config for it, one call to live."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from capture.clock import SimulatedClock
from capture.config import Config, parse_config
from capture.journal import Entry, Journal
from capture.night.farm import Farm, NightResult, open_farm
from capture.site import Site
from capture.store.archive import Archive
from capture.store.rows import FrameRow
from simulators import Observatory, ObservatorySettings, demo_settings, serve
from simulators.settings import CloudSettings

NIGHT = date(2026, 11, 21)
AFTERNOON = datetime(2026, 11, 21, 22, 30, tzinfo=UTC)
SITE = Site("Test Ridge", 32.9, -105.5, 2225.0, "America/Denver")

CONFIG = """
[site]
name = "Test Ridge"
latitude_deg = 32.9
longitude_deg = -105.5
elevation_m = 2225
time_zone = "America/Denver"
[storage]
folder = "archive"
[roof]
dome = "{server}/0"
mode = "operate"
if_park_fails = "stay_open"
safety_monitors = ["{server}/0"]
observing_conditions = "{server}/0"
[[rig]]
name = "T1"
camera = "{server}/0"
filter_wheel = "{server}/0"
telescope = "{server}/0"
cover_calibrator = "{server}/0"
cooling = {{ set_temperature_c = -10.0 }}
flats = {{ count = 4, filters = ["L", "G", "Ha"], max_exposure_s = 30.0 }}
bias = {{ count = 6 }}
darks = {{ count = 5, exposures_s = [60, 300] }}
[[rig]]
name = "T2"
camera = "{server}/1"
filter_wheel = "{server}/1"
telescope = "{server}/1"
cover_calibrator = "{server}/1"
cooling = {{ set_temperature_c = -20.0 }}
flats = {{ count = 4, filters = ["V", "I"], min_exposure_s = 2.0 }}
bias = {{ count = 6 }}
darks = {{ count = 5, exposures_s = [120] }}
[masters]
min_frames = 4
"""


@dataclass
class Night:
    """What came of one life through a night."""

    result: NightResult
    observatory: Observatory
    entries: list[Entry]
    frames: list[FrameRow]
    folder: Path
    ended: datetime

    def commands(self, device: str, member: str) -> list[datetime]:
        """When `device` was commanded `member`, by the simulators' own log."""
        log = self.observatory.command_log
        return [command.time for command in log if (command.device, command.member) == (device, member)]

    def said(self, kind: str) -> list[str]:
        return [entry.text for entry in self.entries if entry.kind == kind]


def settings(size_px: int = 64, clouds: tuple[CloudSettings, ...] = (), seed: int = 3) -> ObservatorySettings:
    """The demo's observatory with small sensors and only the clouds that are given."""
    demo = demo_settings(seed=seed, width_px=size_px, height_px=size_px, night=NIGHT)
    return replace(demo, weather=replace(demo.weather, clouds=clouds))


def live(
    folder: Path,
    observatory_settings: ObservatorySettings,
    *,
    start: datetime = AFTERNOON,
    meanwhile: Callable[[Farm, Observatory], None] | None = None,
    prepare: Callable[[Observatory], None] | None = None,
    change: Callable[[str], str] = lambda text: text,
) -> Night:
    """Live through NIGHT from `start`; `meanwhile` runs as a worker beside it."""
    clock = SimulatedClock(start, horizon=timedelta(hours=30))
    observatory = Observatory(clock, observatory_settings)
    entries: list[Entry] = []
    if prepare is not None:
        prepare(observatory)
    with serve(observatory) as server:
        config = parse_config(change(CONFIG.format(server=server.address)), folder / "nightcal.toml")
        result = clock.run(lambda: _live(config, clock, entries, observatory, meanwhile))
    archive = Archive(config.storage.folder, SITE, clock)
    try:
        frames = archive.catalogue.frames()
    finally:
        archive.close()
    return Night(result, observatory, entries, frames, config.storage.folder, clock.now())


def _live(
    config: Config,
    clock: SimulatedClock,
    entries: list[Entry],
    observatory: Observatory,
    meanwhile: Callable[[Farm, Observatory], None] | None,
) -> NightResult:
    journal = Journal(clock)
    journal.listen(entries.append)
    with open_farm(config, clock, journal) as farm:
        beside = (
            clock.spawn(lambda: meanwhile(farm, observatory), "meanwhile", rank=60) if meanwhile else None
        )
        result = farm.night(NIGHT)
        if beside is not None:
            beside.join()
        return result
