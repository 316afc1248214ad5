"""`nightcal run`: one sequence by hand on one rig."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from capture.cli.console import journal_printer
from capture.cli.flat_plan import FlatLine, in_runs, read_flat_plan
from capture.cli.options import (
    CONFIG,
    ConfigOption,
    CountOption,
    JsonOption,
    RigArgument,
    RigOption,
    next_twilight,
    with_farm,
)
from capture.clock import clock_of_this_process
from capture.config import Config, RigConfig, load_config
from capture.errors import BadInput, DeviceError
from capture.frame import Kind
from capture.journal import Journal
from capture.night.farm import Farm
from capture.night.needs import chosen_filters
from capture.night.plan import PREPARE
from capture.rig.rig import Rig
from capture.site import Window
from sequences.job import Job, Want

_UNATTENDED = timedelta(days=30)

run_app = typer.Typer(help="Run one sequence by hand on one rig.", no_args_is_help=True)


@run_app.command("sky-flats")
def run_sky_flats(
    named: RigArgument = "",
    config: ConfigOption = CONFIG,
    rig: RigOption = "",
    filters: Annotated[str, typer.Option(help="Names separated by commas; all if left out.")] = "",
    count: CountOption = None,
    plan: Annotated[
        Path | None, typer.Option("--plan", help="An ACP flat plan: lines of count, filter, binning.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Take sky flats in this twilight, or wait for the next one of this night."""
    settings = load_config(config)
    chosen = _rig(settings, named, rig)
    names = tuple(name.strip() for name in filters.split(",") if name.strip())
    if plan is not None and (names or count):
        raise BadInput("--plan says which filters and how many; leave --filters and --count out")
    lines = read_flat_plan(plan) if plan is not None else ()
    if names:
        chosen = chosen.model_copy(update={"flats": chosen.flats.model_copy(update={"filters": names})})

    def jobs(farm: Farm) -> list[Job]:
        here, now = farm.rigs[chosen.name], farm.clock.now()
        window = next_twilight(farm.site, now, chosen)
        runner, night = farm.runners[chosen.name], farm.site.night_of(now)
        runs = [_planned(here, run) for run in in_runs(lines)]
        if not lines:
            filters = chosen_filters(chosen, here.filters)
            wanted = count or chosen.flats.count
            runs = [tuple(Want(here.spec(Kind.FLAT, 0.0, name).set_key(), wanted) for name in filters)]
        return [runner.job_of("sky_flats", window, wants, night) for wants in runs]

    _run_by_hand(settings, chosen, jobs, as_json=as_json)


def _planned(rig: Rig, lines: list[FlatLine]) -> tuple[Want, ...]:
    """A run of a flat plan's lines. Raises BadInput for a filter that the wheel lacks."""
    wants = []
    for line in lines:
        name = line.filter if rig.filters else None
        if rig.filters and name not in rig.filters:
            raise BadInput(
                f"line {line.number} of the flat plan wants the filter {name!r}, but the wheel has "
                f"{' '.join(rig.filters)}"
            )
        spec = replace(rig.spec(Kind.FLAT, 0.0, name).set_key(), binning=line.binning)
        wants.append(Want(spec, line.count))
    return tuple(wants)


@run_app.command("bias")
def run_bias(
    named: RigArgument = "",
    config: ConfigOption = CONFIG,
    rig: RigOption = "",
    count: CountOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a set of bias frames under a shut roof."""
    settings = load_config(config)
    chosen = _rig(settings, named, rig)

    def jobs(farm: Farm) -> list[Job]:
        spec = farm.rigs[chosen.name].spec(Kind.BIAS)
        return [_dark_job(farm, chosen, "bias", (Want(spec, count or chosen.bias.count),))]

    _run_by_hand(settings, chosen, jobs, as_json=as_json)


@run_app.command("darks")
def run_darks(
    named: RigArgument = "",
    config: ConfigOption = CONFIG,
    rig: RigOption = "",
    exposures: Annotated[
        str, typer.Option(help="Seconds separated by commas; the config's if left out.")
    ] = "",
    count: CountOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take sets of darks under a shut roof."""
    settings = load_config(config)
    chosen = _rig(settings, named, rig)
    seconds = _seconds(exposures) or chosen.darks.exposures_s

    def jobs(farm: Farm) -> list[Job]:
        here = farm.rigs[chosen.name]
        wants = tuple(Want(here.spec(Kind.DARK, s), count or chosen.darks.count) for s in seconds)
        return [_dark_job(farm, chosen, "darks", wants)]

    _run_by_hand(settings, chosen, jobs, as_json=as_json)


@run_app.command("panel-flats")
def run_panel_flats(
    named: RigArgument = "",
    config: ConfigOption = CONFIG,
    rig: RigOption = "",
    filters: Annotated[str, typer.Option(help="Names separated by commas; all if left out.")] = "",
    count: CountOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take flats by the panel behind the shut cover, under a shut roof."""
    settings = load_config(config)
    chosen = _rig(settings, named, rig)
    names = tuple(name.strip() for name in filters.split(",") if name.strip())
    if names:
        chosen = chosen.model_copy(update={"flats": chosen.flats.model_copy(update={"filters": names})})

    def jobs(farm: Farm) -> list[Job]:
        here = farm.rigs[chosen.name]
        wants = tuple(
            Want(here.spec(Kind.FLAT, 0.0, name).set_key(), count or chosen.flats.count)
            for name in chosen_filters(chosen, here.filters)
            if names or chosen.panel is None or chosen.panel.lights(name)
        )
        if not wants:
            raise BadInput(f"[rig.panel] of {chosen.name} names none of its filters; use --filters")
        now = farm.clock.now()
        window, night = Window(now, now + _UNATTENDED), farm.site.night_of(now)
        return [farm.runners[chosen.name].job_of("panel_flats", window, wants, night)]

    _run_by_hand(settings, chosen, jobs, as_json=as_json)


def _dark_job(farm: Farm, rig: RigConfig, sequence: str, wants: tuple[Want, ...]) -> Job:
    now = farm.clock.now()
    runner, window = farm.runners[rig.name], Window(now, now + _UNATTENDED)
    return runner.dark_job(sequence, window, wants, farm.site.night_of(now))


def _run_by_hand(
    settings: Config, rig: RigConfig, jobs: Callable[[Farm], list[Job]], *, as_json: bool
) -> None:
    """Connect one rig, run the jobs in turn, build the masters.

    Raises NightcalError; Exit(1) when frames are missing.
    """
    rigs = tuple(rig if other.name == rig.name else other for other in settings.rig)
    settings = settings.model_copy(update={"rig": rigs})
    clock = clock_of_this_process()
    journal = Journal(clock)
    journal.listen(journal_printer(as_json=as_json))

    def work(farm: Farm) -> bool:
        here = farm.rigs[rig.name]
        here.connect()
        made = jobs(farm)
        good_before = len(farm.archive.catalogue.frames(rig=rig.name, good=True))
        for job in made:
            if job.sequence == "sky_flats":
                _await_window(here, job.window)
            else:
                _await_shut_roof(here, farm)
            outcome = farm.runners[rig.name].run(job)
        farm.build_masters()
        good = len(farm.archive.catalogue.frames(rig=rig.name, good=True)) - good_before
        wanted = sum(want.count for job in made for want in job.wants)
        journal.say(rig.name, "done", f"{good} good frames of {wanted} wanted ({outcome.text})", good=good)
        return good >= wanted

    if not with_farm(settings, clock, journal, work, rigs=(rig.name,), live=not as_json):
        raise typer.Exit(1)


def _await_window(rig: Rig, window: Window) -> None:
    """Wait for the twilight; cool in time for it. In one that is on already, no time is spent on cooling."""
    if rig.clock.now() >= window.start:
        return
    rig.journal.say(rig.name, "waiting", f"the window opens at {window.start:%Y-%m-%d %H:%M:%S} UTC")
    rig.patience.pause_long((window.start - PREPARE - rig.clock.now()).total_seconds(), "the twilight")
    rig.cool_for_flats()
    rig.patience.pause_long((window.start - rig.clock.now()).total_seconds(), "the twilight")


def _await_shut_roof(rig: Rig, farm: Farm) -> None:
    """Wait until the roof is shut: by the guard, which shuts it when nobody wants it open, or by others."""

    def shut() -> bool:
        report = farm.guard.report()
        if report.fault:
            raise DeviceError(f"{rig.name} needs a shut roof, and {report.why_not_open()}")
        return report.dark

    roof = farm.config.roof
    if roof is None or farm.guard.report().dark:
        return
    ours = roof.mode == "operate"
    what = "shutting the roof" if ours else "a roof that others shut"
    deadline_s = roof.park_deadline_s + roof.move_deadline_s + 60.0 if ours else _UNATTENDED.total_seconds()
    rig.patience.wait(what, shut, deadline_s, poll_s=1.0)


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
