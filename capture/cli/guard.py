"""`nightcal guard` and `nightcal roof`: the guard's process, and what a person asks of it."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Annotated

import typer

from capture.cli.ask import who
from capture.cli.console import console, show_json
from capture.cli.options import CONFIG, ConfigOption, JsonOption
from capture.clock import clock_of_this_process
from capture.errors import BadInput
from capture.guard.client import Report, RoofState
from capture.guard.door import told
from capture.guard.own_config import load_guards_config, load_site
from capture.guard.remote import Doorbell
from capture.site import Site

# The day on which summer time ends.
_LONGEST = timedelta(hours=25)

guard_app = typer.Typer(help="Guard the roof: a process of its own, the only one that opens it.")
roof_app = typer.Typer(help="Ask the guard for an open roof.", no_args_is_help=True)


@guard_app.callback(invoke_without_command=True)
def guard(context: typer.Context, config: ConfigOption = CONFIG, as_json: JsonOption = False) -> None:
    """Guard the roof until SIGTERM or Ctrl-C; at the end it is shut where it is ours."""
    if context.invoked_subcommand is not None:
        return
    command = [sys.executable, "-m", "capture.guard", "--config", str(config)]
    command += ["--json"] if as_json else []
    if os.name == "posix":
        # In our place, without what the rest of the command has imported: the guard is a small process.
        os.execv(sys.executable, command)
    raise typer.Exit(subprocess.call(command))


@guard_app.command("status")
def guard_status(config: ConfigOption = CONFIG, as_json: JsonOption = False) -> None:
    """Show the guard's newest report: roof, safety, who holds it open, its fault."""
    _show(_ask(_guarded(config), "report"), as_json=as_json)


@guard_app.command("reset")
def guard_reset(config: ConfigOption = CONFIG) -> None:
    """Forget the roof's fault, after somebody has looked at the roof."""
    folder = _guarded(config)
    before = _ask(folder, "report")
    if before.fault is None:
        console.print("the roof has no fault")
        return
    _ask(folder, "reset", who=who())
    console.print(f"reset: {before.fault}")


@roof_app.command("hold")
def roof_hold(
    until: Annotated[
        str, typer.Option("--until", help="When it may close, as 05:30, local time of the site, or in ISO.")
    ],
    config: ConfigOption = CONFIG,
) -> None:
    """Keep the roof open, while it is safe, for observers who use it between dusk and dawn."""
    folder = _guarded(config)
    now = clock_of_this_process().now()
    end = _moment(until, load_site(config).site(), now)
    report = _ask(folder, "renew", leases={_holder(): (end - now).total_seconds()})
    console.print(f"held until {end:%Y-%m-%d %H:%M} UTC; {_state(report)}")


@roof_app.command("release")
def roof_release(config: ConfigOption = CONFIG) -> None:
    """Need it open no longer; it closes when nobody else does."""
    report = _ask(_guarded(config), "release", holder=_holder())
    others = [holder for holder in report.holders if holder != _holder()]
    console.print("released" + (f"; still held by {', '.join(others)}" if others else ""))


def _holder() -> str:
    return f"observers ({who()})"


def _guarded(config: Path) -> Path:
    """The guard's folder, by what the guard itself reads of the config. Raises BadInput where it has none."""
    section = load_guards_config(config).guard
    if section is None:
        raise BadInput(f"{config} has no section [guard]: its guard is part of the service")
    return section.folder


def _ask(folder: Path, what: str, **more: object) -> Report:
    bell = Doorbell(folder)
    try:
        return bell.ask(what, **more)
    finally:
        bell.close()


def _moment(text: str, site: Site, now: datetime) -> datetime:
    """The next such time of day at the site, or the date and time. Raises BadInput."""
    try:
        here = datetime.fromisoformat(text) if "-" in text else None
        clock_time = None if here else time.fromisoformat(text)
    except ValueError:
        raise BadInput(f"--until {text!r} is no time; write it as 05:30 or 2026-11-22T05:30") from None
    zone = site.local(now).tzinfo
    if clock_time is not None:
        here = datetime.combine(site.local(now).date(), clock_time, zone)
        if here <= now:
            here = datetime.combine(here.date() + timedelta(days=1), clock_time, zone)
    assert here is not None
    if here.tzinfo is None:
        here = here.replace(tzinfo=zone)
    if not now < here <= now + _LONGEST:
        raise BadInput(f"--until {text} is not within a day from now; hold the roof for one night")
    return here.astimezone(now.tzinfo)


def _show(report: Report, *, as_json: bool) -> None:
    if as_json:
        show_json(told(report))
        return
    console.print(f"{report.time:%Y-%m-%d %H:%M:%S} UTC: {_state(report)}")
    console.print(f"held open for: {', '.join(report.holders) or 'nobody'}")
    if report.fault:
        console.print(f"fault: {report.fault}; look at the roof, then nightcal guard reset", style="bold red")


def _state(report: Report) -> str:
    if report.open_and_safe:
        return "the roof is open, and it is safe"
    staying = "; it stays shut" if report.roof is RoofState.SHUT and report.opens_at is None else ""
    return report.why_not_open() + staying
