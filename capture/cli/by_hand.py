"""`nightcal run`: one sequence by hand on one rig."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from capture.cli.ask import ask_service, who
from capture.cli.console import console, journal_printer
from capture.cli.flat_plan import FlatLine, in_runs, read_flat_plan
from capture.cli.options import (
    CONFIG,
    ConfigOption,
    CountOption,
    JsonOption,
    RigArgument,
    RigOption,
    with_farm,
)
from capture.clock import clock_of_this_process
from capture.config import Config, RigConfig, load_config
from capture.errors import BadInput
from capture.frame import Kind
from capture.journal import Journal
from capture.night.farm import Farm
from capture.night.hand_runs import HandRun, carry_out, job_of, next_twilight
from capture.rig.rig import Rig
from sequences.job import Job, Want

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
    names = _names(filters)
    if plan is not None and (names or count):
        raise BadInput("--plan says which filters and how many; leave --filters and --count out")
    lines = read_flat_plan(plan) if plan is not None else ()
    asked = HandRun("sky_flats", names, count=count)

    def jobs(farm: Farm) -> list[Job]:
        runner, now = farm.runners[chosen.name], farm.clock.now()
        window, night = next_twilight(farm.site, now, chosen), farm.site.night_of(now)
        runs = [_planned(runner.rig, run) for run in in_runs(lines)]
        return [runner.job_of("sky_flats", window, wants, night) for wants in runs]

    _run_by_hand(settings, chosen, asked, jobs if lines else None, as_json=as_json)


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

    _run_by_hand(settings, chosen, HandRun("bias", count=count), as_json=as_json)


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
    asked = HandRun("darks", exposures_s=_seconds(exposures), count=count)
    _run_by_hand(settings, chosen, asked, as_json=as_json)


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
    asked = HandRun("panel_flats", filters=_names(filters), count=count)
    _run_by_hand(settings, chosen, asked, as_json=as_json)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _run_by_hand(
    settings: Config,
    rig: RigConfig,
    asked: HandRun,
    jobs: Callable[[Farm], list[Job]] | None = None,
    *,
    as_json: bool,
) -> None:
    """Connect one rig, run what is asked, or these jobs in turn, build the masters.

    A service that runs does it instead: it has the rig.
    Raises NightcalError; Exit(1) when frames are missing.
    """
    if _passed_on(settings, rig.name, asked, by_plan=jobs is not None):
        return
    rigs = tuple(rig if other.name == rig.name else other for other in settings.rig)
    settings = settings.model_copy(update={"rig": rigs})
    clock = clock_of_this_process()
    journal = Journal(clock)
    journal.listen(journal_printer(as_json=as_json))

    def work(farm: Farm) -> bool:
        here = farm.rigs[rig.name]
        here.connect()
        made = jobs(farm) if jobs is not None else [job_of(asked, farm.runners[rig.name])]
        good_before = len(farm.archive.catalogue.frames(rig=rig.name, good=True))
        for job in made:
            outcome = carry_out(job, farm.runners[rig.name], farm.guard, settings)
        farm.build_masters()
        good = len(farm.archive.catalogue.frames(rig=rig.name, good=True)) - good_before
        wanted = sum(want.count for job in made for want in job.wants)
        journal.say(rig.name, "done", f"{good} good frames of {wanted} wanted ({outcome.text})", good=good)
        return good >= wanted

    if not with_farm(settings, clock, journal, work, rigs=(rig.name,), live=not as_json):
        raise typer.Exit(1)


def _passed_on(settings: Config, rig: str, asked: HandRun, *, by_plan: bool) -> bool:
    """Ask the service that runs, if one does. Raises BadInput with what it refuses."""
    running = ask_service(settings, "status")
    if running is None:
        return False
    if by_plan:
        raise BadInput(
            f"the running service has {rig}, and takes no flat plans: order with nightcal plan --tonight, "
            f"or end it with nightcal stop"
        )
    more: dict[str, object] = {"rig": rig, "sequence": asked.sequence, "count": asked.count, "who": who()}
    more |= {"filters": list(asked.filters), "exposures_s": list(asked.exposures_s)}
    answer = ask_service(settings, "run", **more)
    if answer is None:
        raise BadInput("the service has just ended; ask again")
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
