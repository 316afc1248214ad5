"""`nightcal run`: one sequence by hand on one rig."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated

import typer

from capture.cli.console import journal_printer
from capture.cli.options import (
    CONFIG,
    ConfigOption,
    CountOption,
    JsonOption,
    RigOption,
    next_twilight,
    with_farm,
)
from capture.clock import SystemClock
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
    config: ConfigOption = CONFIG,
    rig: RigOption = "",
    filters: Annotated[str, typer.Option(help="Names separated by commas; all if left out.")] = "",
    count: CountOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take sky flats in this twilight, or wait for the next one of this night."""
    settings = load_config(config)
    chosen = _rig(settings, rig)
    names = tuple(name.strip() for name in filters.split(",") if name.strip())
    if names:
        chosen = chosen.model_copy(update={"flats": chosen.flats.model_copy(update={"filters": names})})

    def job(farm: Farm) -> Job:
        here, now = farm.rigs[chosen.name], farm.clock.now()
        window = next_twilight(farm.site, now, chosen)
        wanted = count or chosen.flats.count
        wants = [
            Want(here.spec(Kind.FLAT, 0.0, name).set_key(), wanted)
            for name in chosen_filters(chosen, here.filters)
        ]
        runner = farm.runners[chosen.name]
        return runner.job_of("sky_flats", window, tuple(wants), farm.site.night_of(now))

    _run_by_hand(settings, chosen, job, as_json=as_json)


@run_app.command("bias")
def run_bias(
    config: ConfigOption = CONFIG,
    rig: RigOption = "",
    count: CountOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a set of bias frames under a shut roof."""
    settings = load_config(config)
    chosen = _rig(settings, rig)

    def job(farm: Farm) -> Job:
        spec = farm.rigs[chosen.name].spec(Kind.BIAS)
        return _dark_job(farm, chosen, "bias", (Want(spec, count or chosen.bias.count),))

    _run_by_hand(settings, chosen, job, as_json=as_json)


@run_app.command("darks")
def run_darks(
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
    chosen = _rig(settings, rig)
    seconds = _seconds(exposures) or chosen.darks.exposures_s

    def job(farm: Farm) -> Job:
        here = farm.rigs[chosen.name]
        wants = tuple(Want(here.spec(Kind.DARK, s), count or chosen.darks.count) for s in seconds)
        return _dark_job(farm, chosen, "darks", wants)

    _run_by_hand(settings, chosen, job, as_json=as_json)


def _dark_job(farm: Farm, rig: RigConfig, sequence: str, wants: tuple[Want, ...]) -> Job:
    now = farm.clock.now()
    return Job(sequence, rig.name, farm.site.night_of(now), Window(now, now + _UNATTENDED), wants)


def _run_by_hand(settings: Config, rig: RigConfig, job: Callable[[Farm], Job], *, as_json: bool) -> None:
    """Connect one rig, run the job, build the masters. Raises NightcalError; Exit(1) when incomplete."""
    rigs = tuple(rig if other.name == rig.name else other for other in settings.rig)
    settings = settings.model_copy(update={"rig": rigs})
    clock = SystemClock()
    journal = Journal(clock)
    journal.listen(journal_printer(as_json=as_json))

    def work(farm: Farm) -> bool:
        here = farm.rigs[rig.name]
        here.connect()
        made = job(farm)
        good_before = len(farm.archive.catalogue.frames(rig=rig.name, good=True))
        if made.sequence == "sky_flats":
            _await_window(here, made.window)
        else:
            _await_shut_roof(here, farm)
        outcome = farm.runners[rig.name].run(made)
        farm.build_masters()
        good = len(farm.archive.catalogue.frames(rig=rig.name, good=True)) - good_before
        wanted = sum(want.count for want in made.wants)
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
    rig.cool()
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


def _rig(settings: Config, name: str) -> RigConfig:
    if name:
        return settings.rig_named(name)
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
