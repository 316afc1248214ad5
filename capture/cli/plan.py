"""`nightcal plan`: what tonight and the coming nights would take, and an operator's order for one of them."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer

from capture.cli.ask import who
from capture.cli.console import show_json
from capture.cli.options import CONFIG, ConfigOption, DateOption, JsonOption
from capture.cli.outlook import RigOutlook
from capture.clock import Clock, SystemClock
from capture.config import load_config
from capture.errors import BadInput
from capture.night.ordering import give_order
from capture.site import Site
from capture.store.archive import Archive


def plan(
    rig: Annotated[str, typer.Argument(help="The rig's name; all rigs if left out.")] = "",
    nights: Annotated[int, typer.Option("--nights", min=1, max=60, help="So many nights.")] = 1,
    date_text: DateOption = "",
    tonight: Annotated[
        str,
        typer.Option(
            "--tonight", help='Take these first, in this order: "Ha, OIII x20, L". Needs the rig\'s name.'
        ),
    ] = "",
    clear_tonight: Annotated[bool, typer.Option("--clear-tonight", help="Take that order back.")] = False,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Show what the night would take: needs minus what the catalogue holds.

    Asks no device, but a wheel whose filters neither the config nor the catalogue knows yet.
    """
    settings, clock = load_config(config), SystemClock()
    site, now = settings.site.site(), clock.now()
    first = night_named(date_text, site, clock)
    rigs = (settings.rig_named(rig),) if rig else settings.rig
    if (tonight or clear_tonight) and not rig:
        raise BadInput('an order is for one rig; write nightcal plan RIG --tonight "Ha, OIII x20"')
    archive = Archive.of(settings, clock)
    try:
        if tonight or clear_tonight:
            give_order(archive, rigs[0], first, tonight, now, who())
        outlooks = [RigOutlook(archive, settings, one, first, nights, now) for one in rigs]
    finally:
        archive.close()
    if as_json:
        show_json([entry for outlook in outlooks for entry in outlook.as_json()])
        return
    for outlook in outlooks:
        outlook.show()


def night_named(text: str, site: Site, clock: Clock) -> date:
    """The night of that date, tonight for an empty text. Raises BadInput."""
    if not text:
        return site.night_of(clock.now())
    try:
        night = date.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{text!r} is no date; write it as 2026-11-21") from None
    if not 1950 <= night.year <= 2100:
        raise BadInput(f"{night} is out of range; the Sun's position is good from 1950 to 2100")
    return night
