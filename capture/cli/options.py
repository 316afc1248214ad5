"""What the subcommands share: options, and the farm opened for one piece of work."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from capture.cli.console import console
from capture.cli.progress import live_line
from capture.cli.stopping import LeftAtOnce, stops_in_good_order
from capture.clock import Clock
from capture.config import Config
from capture.errors import Stopped
from capture.journal import Journal
from capture.night.farm import Farm, open_farm

T = TypeVar("T")
CONFIG = Path("nightcal.toml")
_REASON = "stopped by the operator"

ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", envvar="NIGHTCAL_CONFIG", help="The TOML config file.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
RigOption = Annotated[str, typer.Option("--rig", help="The rig's name; may be left out when there is one.")]
RigArgument = Annotated[
    str, typer.Argument(metavar="[RIG]", help="The rig's name, as with --rig.", show_default=False)
]
CountOption = Annotated[int | None, typer.Option("--count", min=1, max=1000, help="Frames of each set.")]
DateOption = Annotated[str, typer.Option("--date", help="The evening's date, YYYY-MM-DD; else tonight.")]


def with_farm(
    settings: Config,
    clock: Clock,
    journal: Journal,
    work: Callable[[Farm], T],
    *,
    rigs: tuple[str, ...] = (),
    live: bool = False,
) -> T:
    """Open the farm and do `work` as a worker; `live`: show a terminal what it waits for.

    Ctrl-C and SIGTERM stop it in good order: what exposes is aborted, what was exposed is saved, the guard
    shuts its roof; Stopped is raised. A second one leaves at once, and says so when the roof is not shut.
    """
    farms: list[Farm] = []
    stopped = False

    def body() -> T:
        with open_farm(settings, clock, journal, rigs=rigs) as farm:
            farms.append(farm)
            if stopped:
                farm.stop(_REASON)
            try:
                return work(farm)
            except Stopped:
                if _roof_to_shut(farm):
                    journal.say(
                        "nightcal",
                        "waiting",
                        "stopped; the guard shuts the roof before this ends. Ctrl-C again leaves at once, "
                        "and leaves the roof as it is",
                    )
                raise

    def stop() -> None:
        nonlocal stopped
        stopped = True
        journal.say("nightcal", "stop", "stopping: what exposes is aborted, what was exposed is saved")
        for farm in farms:
            farm.stop(_REASON)

    shown = live_line(farms, clock, console) if live else nullcontext()
    with stops_in_good_order(stop), shown:
        try:
            return clock.run(body)
        except LeftAtOnce:
            for farm in farms:
                if _roof_to_shut(farm):
                    roof = farm.guard.report().roof
                    raise LeftAtOnce(f"left at once, and the roof is {roof}: look at it") from None
            raise


def _roof_to_shut(farm: Farm) -> bool:
    """Whether the roof is the guard's to move, and is not shut."""
    roof = farm.config.roof
    if farm.config.guard is not None:
        # Its process goes on, and shuts the roof.
        return False
    return roof is not None and roof.mode == "operate" and not farm.guard.report().dark
