"""`nightcal run`: one sequence by hand on one rig."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from capture.cli.ask import ask_service, who
from capture.cli.console import console, journal_printer, show_json, show_table
from capture.cli.options import (
    CONFIG,
    ConfigOption,
    CountOption,
    JsonOption,
    RigArgument,
    RigOption,
    with_farm,
)
from capture.clock import Clock, clock_of_this_process
from capture.config import Config, RigConfig, load_config
from capture.errors import BadInput
from capture.journal import Journal
from capture.night.dry_run import dry_run
from capture.night.farm import Farm
from capture.night.flat_plan import read_flat_plan
from capture.night.hand_runs import HandRun, carry_out, jobs_of
from capture.store.archive import Archive
from capture.web.plain import job_data

run_app = typer.Typer(help="Run one sequence by hand on one rig.", no_args_is_help=True)


BinningOption = Annotated[
    int | None, typer.Option("--binning", help="1 to 8, of both axes; the config's if left out.")
]
GainOption = Annotated[int | None, typer.Option("--gain", help="The config's if left out.")]
TemperatureOption = Annotated[
    float | None, typer.Option("--temperature", help="The sensor's set point in C; the config's if left out.")
]
FiltersOption = Annotated[str, typer.Option("--filters", help="Names separated by commas; all if left out.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show the job; ask no device, start nothing.")]


@run_app.command("sky-flats")
def run_sky_flats(
    named: RigArgument = "",
    config: ConfigOption = CONFIG,
    rig: RigOption = "",
    filters: FiltersOption = "",
    count: CountOption = None,
    binning: BinningOption = None,
    gain: GainOption = None,
    plan: Annotated[
        Path | None, typer.Option("--plan", help="An ACP flat plan: lines of count, filter, binning.")
    ] = None,
    dry: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take sky flats in this twilight, or wait for the next one of this night."""
    lines = read_flat_plan(plan) if plan is not None else ()
    asked = HandRun(
        "sky_flats", _names(filters), count=count, binning=binning, gain=gain, lines=lines, who=who()
    )
    _run_by_hand(config, named, rig, asked, dry=dry, as_json=as_json)


@run_app.command("bias")
def run_bias(
    named: RigArgument = "",
    config: ConfigOption = CONFIG,
    rig: RigOption = "",
    count: CountOption = None,
    binning: BinningOption = None,
    gain: GainOption = None,
    temperature: TemperatureOption = None,
    dry: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take a set of bias frames under a shut roof."""
    asked = HandRun("bias", count=count, binning=binning, gain=gain, temperature_c=temperature, who=who())
    _run_by_hand(config, named, rig, asked, dry=dry, as_json=as_json)


@run_app.command("darks")
def run_darks(
    named: RigArgument = "",
    config: ConfigOption = CONFIG,
    rig: RigOption = "",
    exposures: Annotated[
        str, typer.Option(help="Seconds separated by commas; the config's if left out.")
    ] = "",
    count: CountOption = None,
    binning: BinningOption = None,
    gain: GainOption = None,
    temperature: TemperatureOption = None,
    dry: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take sets of darks under a shut roof."""
    asked = HandRun(
        "darks",
        exposures_s=_seconds(exposures),
        count=count,
        binning=binning,
        gain=gain,
        temperature_c=temperature,
        who=who(),
    )
    _run_by_hand(config, named, rig, asked, dry=dry, as_json=as_json)


@run_app.command("panel-flats")
def run_panel_flats(
    named: RigArgument = "",
    config: ConfigOption = CONFIG,
    rig: RigOption = "",
    filters: FiltersOption = "",
    count: CountOption = None,
    binning: BinningOption = None,
    gain: GainOption = None,
    dry: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take flats by the panel behind the shut cover, under a shut roof."""
    asked = HandRun(
        "panel_flats", filters=_names(filters), count=count, binning=binning, gain=gain, who=who()
    )
    _run_by_hand(config, named, rig, asked, dry=dry, as_json=as_json)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _run_by_hand(config: Path, named: str, option: str, asked: HandRun, *, dry: bool, as_json: bool) -> None:
    """Connect one rig, run what is asked, build the masters; `dry`: show the job and no more.

    A service that runs does it instead: it has the rig.
    Raises NightcalError; Exit(1) when frames are missing.
    """
    settings = load_config(config)
    rig = _rig(settings, named, option)
    clock = clock_of_this_process()
    if dry:
        _show_job(settings, rig, asked, clock, as_json=as_json)
        return
    if _passed_on(settings, rig.name, asked):
        return
    journal = Journal(clock)
    journal.listen(journal_printer(as_json=as_json))

    def work(farm: Farm) -> bool:
        farm.runners[rig.name].connect()
        jobs = jobs_of(asked, farm.runners[rig.name])
        good_before = len(farm.archive.catalogue.frames(rig=rig.name, good=True))
        for job in jobs:
            outcome = carry_out(job, farm.runners[rig.name], farm.guard, settings)
        farm.build_masters()
        good = len(farm.archive.catalogue.frames(rig=rig.name, good=True)) - good_before
        wanted = sum(want.count for job in jobs for want in job.wants)
        journal.say(rig.name, "done", f"{good} good frames of {wanted} wanted ({outcome.text})", good=good)
        return good >= wanted

    if not with_farm(settings, clock, journal, work, rigs=(rig.name,), live=not as_json):
        raise typer.Exit(1)


def _show_job(settings: Config, rig: RigConfig, asked: HandRun, clock: Clock, *, as_json: bool) -> None:
    archive = Archive.of(settings, clock)
    try:
        job = dry_run(rig, archive.site, archive.catalogue, asked, clock.now())
    finally:
        archive.close()
    if as_json:
        show_json(job_data(job))
        return
    sets = [(want.spec, want.count) for want in job.wants]
    show_table(f"{rig.name}, {asked}", ("set", "frames"), sets)
    took = f", {job.exposure_total_s / 60:.0f} min of exposure" if job.exposure_total_s else ""
    when = f", from {job.window.start:%m-%d %H:%M} to {job.window.end:%H:%M} UTC" if job.window else ""
    console.print(f"{job.frames} frames{took}; it needs {job.needs}{when}. Nothing is started", markup=False)


def _passed_on(settings: Config, rig: str, asked: HandRun) -> bool:
    """Ask the service that runs, if one does. Raises BadInput with what it refuses."""
    answer = ask_service(settings, "run", rig=rig, who=asked.who, **asked.told())
    if answer is None:
        return False
    console.print(f"the running service does it: {answer['told']}. nightcal watch shows it", markup=False)
    return True


def _rig(settings: Config, named: str, option: str) -> RigConfig:
    """The rig that is meant, by argument or option. Raises BadInput."""
    if named and option and named != option:
        raise BadInput(f"two rigs are named, {named} and {option}; name one")
    if named or option:
        return settings.rig_named(named or option)
    if len(settings.rig) > 1:
        raise BadInput(f"name a rig with --rig: {', '.join(rig.name for rig in settings.rig)}")
    return settings.rig[0]


def _seconds(text: str) -> tuple[float, ...]:
    try:
        values = tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise BadInput(f"--exposures {text!r} is no list of seconds; write it as 60,120,300") from None
    if any(not 0 < value <= 7200 for value in values):
        raise BadInput(f"--exposures {text!r}: each must be above 0 and at most 7200 s")
    return values
