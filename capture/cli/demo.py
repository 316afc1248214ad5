"""`nightcal demo`: a whole simulated night over real Alpaca HTTP, judged by the simulator's truth."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from capture.cli.console import console, show_table
from capture.cli.demo_lights import LIGHTS, judge_lights
from capture.cli.side_by_side import Processes, side_by_side
from capture.clock import Clock, SimulatedClock, stopwatch
from capture.config import Config, parse_config
from capture.errors import BadInput
from capture.guard.client import GuardClient
from capture.guard.remote import guarded_from_afar
from capture.journal import Journal, Listener, jsonl_listener
from capture.night.farm import NightResult, open_farm
from capture.night.report import Check, write_report
from capture.site import Twilight, Window
from capture.store.archive import CATALOGUE, EVENTS, Archive
from capture.store.quarantine_file import QUARANTINE
from simulators import Observatory, check_master, demo_settings, serve

NIGHT = date(2026, 11, 21)
# Local noon there; what the Sun, the clouds and the observers do follows from the date and the site.
_START = datetime.combine(NIGHT, time(22, 30), UTC)
MARKER = "nightcal-demo.toml"
_JOURNAL = "journal.jsonl"
_GUARDS_JOURNAL = "guard.log"
_REPORT = "report.html"

CONFIG = """\
# The demonstration's farm: two telescopes under one roof. Written by `nightcal demo`.
[site]
name = "Demo Ridge"
latitude_deg = 32.9
longitude_deg = -105.5
elevation_m = 2225
time_zone = "America/Denver"

[storage]
folder = "."

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
flats = {{ max_exposure_s = 30.0{fewer_flats} }}
{fewer}

[[rig]]
name = "T2"
camera = "{server}/1"
filter_wheel = "{server}/1"
telescope = "{server}/1"
cover_calibrator = "{server}/1"
cooling = {{ set_temperature_c = -20.0 }}
flats = {{ min_exposure_s = 2.0{fewer_flats} }}
{fewer}
"""
_GUARD = """
[guard]
folder = "guard"
"""

# A night short enough for CI: fewer frames, the same procedures and the same exposures.
SHORT = {
    "fewer_flats": ", count = 6",
    "fewer": "bias = { count = 10 }\ndarks = { count = 5, exposures_s = [60, 300] }\n",
}
FULL = {"fewer_flats": "", "fewer": ""}


def run_demo(
    folder: Path, seed: int, size_px: int, *, short: bool, processes: int, printer: Listener
) -> bool:
    """Live through the night, write the report, and tell whether every master agrees with the truth.

    `processes`: 1, or 3 for simulators, guard and service each in its own. Raises BadInput when `folder`
    holds something else than an earlier demo.
    """
    make_room(folder)
    clock = SimulatedClock(_START, horizon=timedelta(hours=30))
    settings = demo_settings(seed=seed, width_px=size_px, height_px=size_px, night=NIGHT)
    observatory = Observatory(clock, settings)
    elapsed_s = stopwatch()
    with serve(observatory) as server:
        text = CONFIG.format(server=server.address, **(SHORT if short else FULL))
        text += _GUARD if processes > 1 else ""
        (folder / MARKER).write_text(text, encoding="utf-8")
        config = parse_config(text, folder / MARKER)
        console.print(
            f"A night on {config.site.name}, {len(config.rig)} telescopes, Alpaca on {server.address}"
        )
        if processes > 1:
            _live_side_by_side(config, folder / MARKER, clock)
            result = None
        else:
            result = clock.run(lambda: _live(config, clock, printer))
    night_s = elapsed_s()
    archive = Archive(folder, config.site.site(), clock)
    try:
        result = result or NightResult(NIGHT, masters=archive.catalogue.masters(valid=True))
        return _conclude(archive, observatory, config, result, folder, night_s)
    finally:
        archive.close()


def make_room(folder: Path) -> None:
    """An empty folder, or that of an earlier demonstration without what it made. Raises BadInput."""
    try:
        if folder.exists() and any(folder.iterdir()):
            if not (folder / MARKER).exists():
                raise BadInput(
                    f"{folder} holds something that is no earlier demo; name another with --folder"
                )
            _clear(folder)
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{folder} cannot be made ({error}); name another with --folder") from error


def _clear(folder: Path) -> None:
    """Take away what an earlier demo made, and nothing that somebody put beside it."""
    for name in ("raw", "masters", LIGHTS):
        shutil.rmtree(folder / name, ignore_errors=True)
    shutil.rmtree(folder / "guard", ignore_errors=True)
    for path in (
        *folder.glob(f"{CATALOGUE}*"),
        folder / EVENTS,
        folder / QUARANTINE,
        folder / _JOURNAL,
        folder / _GUARDS_JOURNAL,
        folder / _REPORT,
    ):
        path.unlink(missing_ok=True)


def _live(config: Config, clock: Clock, printer: Listener) -> NightResult:
    journal = Journal(clock)
    journal.listen(printer)
    journal.listen(jsonl_listener(config.storage.folder / _JOURNAL))
    with open_farm(config, clock, journal) as farm:
        hours = between_twilights(config)
        observers = clock.spawn(lambda: observe(farm.guard, hours, clock), "observers", rank=50)
        result = farm.night(NIGHT)
        observers.join()
        return result


def _live_side_by_side(config: Config, path: Path, clock: SimulatedClock) -> None:
    """The night with the guard and the service as processes of their own, on the clock of this one."""
    assert config.guard is not None
    folder, hours = config.guard.folder, between_twilights(config)
    noon = config.site.site().night_span(NIGHT).end

    def body(processes: Processes) -> None:
        guard = processes.start("-m", "capture.guard", "--config", str(path), out=guards_words)
        service = processes.start("-m", "capture", "serve", "--config", str(path))
        with guarded_from_afar(folder, clock, Journal(clock)) as observed:
            observe(observed, hours, clock)
        clock.sleep_until(noon)
        processes.end(service)
        processes.end(guard)

    # What concerns the night is said by the service, too.
    with side_by_side(clock) as processes, (path.parent / _GUARDS_JOURNAL).open("wb") as guards_words:
        clock.run(lambda: body(processes))


def between_twilights(config: Config, night: date = NIGHT) -> Window:
    """The hours of the observers."""
    site, flats = config.site.site(), config.rig[0].flats
    dusk = site.twilight(night, Twilight.DUSK, flats.highest_sun_deg, flats.lowest_sun_deg)
    dawn = site.twilight(night, Twilight.DAWN, flats.highest_sun_deg, flats.lowest_sun_deg)
    return Window(dusk.end, dawn.start)


def observe(guard: GuardClient, hours: Window, clock: Clock) -> None:
    """The observers of the night: they want the roof open from dusk to dawn, whenever it is safe."""
    clock.sleep_until(hours.start)
    while clock.now() < hours.end:
        guard.hold("observers", 600.0)
        clock.sleep(300.0)
    guard.release("observers")


def _conclude(
    archive: Archive,
    observatory: Observatory,
    config: Config,
    result: NightResult,
    folder: Path,
    night_s: float,
) -> bool:
    checks = [(master, check_master(observatory, archive.path_of(master))) for master in result.masters]
    rows, figures = [], []
    for master, check in checks:
        worst = check.worst
        rows.append(
            [
                archive.path_of(master).name,
                master.count,
                worst.name,
                f"{worst.measured:.4g} {worst.unit}".strip(),
                f"{worst.expected:.4g} +- {worst.tolerance:.3g}",
                "agrees" if check.ok else "DIFFERS",
            ]
        )
        figures += [
            Check(master.path, f.name, f.measured, f.expected, f.tolerance, f.unit, f.ok)
            for f in check.figures
        ]
    frames = archive.catalogue.frames(night=result.night)
    wanted = len({(frame.rig, frame.spec.set_key()) for frame in frames})
    report = write_report(
        archive, result.night, folder / _REPORT, figures, min_frames=config.masters.min_frames
    )
    show_table(
        "Masters against the simulator's truth (the figure that comes closest to its limit)",
        ("master", "frames", "figure", "measured", "truth", "verdict"),
        rows,
    )
    lights = judge_lights(archive, observatory, config, result.night, result.masters)
    shown = []
    for light in lights:
        if light.check is None:
            console.print(f"{light.name} stayed raw: {light.failure}", style="bold red")
            continue
        worst = light.check.worst
        measured, truth = (
            f"{worst.measured:.4g} {worst.unit}".strip(),
            f"{worst.expected:.4g} +- {worst.tolerance:.3g}",
        )
        shown.append(
            [light.name, light.masters, worst.name, measured, truth, "agrees" if light.ok else "DIFFERS"]
        )
    show_table(
        "A light of each telescope, calibrated with them, against the sky that it saw",
        ("light", "masters", "figure", "measured", "truth", "verdict"),
        shown,
    )
    good = sum(frame.good for frame in frames)
    verified = sum(check.ok for _, check in checks)
    console.print(
        f"{len(frames)} frames taken, {good} good, {len(frames) - good} rejected; {len(checks)} masters of "
        f"{wanted} sets, {verified} verified; the night took {night_s:.1f} s. Report: {report}"
    )
    for rig, failure in result.failures.items():
        console.print(f"{rig} was given up: {failure}", style="bold red")
    calibrated = len(lights) == len(config.rig) and all(light.ok for light in lights)
    return bool(checks) and verified == len(checks) == wanted and calibrated and not result.failures
