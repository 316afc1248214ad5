"""`nightcal event`: what a hand did to a telescope; needs and learning start anew from there."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

import typer

from capture.cli.ask import ask_service, who
from capture.cli.console import console, show_table
from capture.cli.options import CONFIG, ConfigOption
from capture.clock import SystemClock
from capture.config import load_config
from capture.errors import BadInput
from capture.night.happenings import KINDS, record, sentence
from capture.store.archive import Archive


def event(
    rig: Annotated[str, typer.Argument(help="The rig's name.")],
    kind: Annotated[str, typer.Argument(help=f"What was done: {KINDS}. Left out: list the events.")] = "",
    filters: Annotated[
        str, typer.Option("--filter", help="Which filters, separated by commas; for filter_... only.")
    ] = "",
    at: Annotated[
        str, typer.Option("--at", help="When, as 2026-11-21T16:30, local time of the site; else now.")
    ] = "",
    note: Annotated[str, typer.Option("--note", help="Why, for those who read it later.")] = "",
    forget: Annotated[int, typer.Option("--forget", help="Take back the event of this number.")] = 0,
    config: ConfigOption = CONFIG,
) -> None:
    """Tell that a filter was cleaned, a camera removed: flats from before no longer count.

    Their filters' throughput is learned anew, their sets and masters are due again.
    """
    settings, clock = load_config(config), SystemClock()
    settings.rig_named(rig)
    if kind and not forget:
        more = {"rig": rig, "kind": kind, "filters": filters, "at": at, "note": note, "who": who()}
        answer = ask_service(settings, "event", **more)
        if answer is not None:
            _tell(rig, answer["recorded"])
            return
    archive = Archive.of(settings, clock)
    try:
        if forget:
            _forget(archive, rig, forget, clock.now(), note)
        elif kind:
            now = clock.now()
            _tell(rig, record(archive, settings, rig, kind, filters, at, who(), note, now))
        else:
            _list(archive, rig)
    finally:
        archive.close()


def _tell(rig: str, recorded: Iterable[tuple[int, str]]) -> None:
    for number, text in recorded:
        console.print(f"{text}. Told by mistake? nightcal event {rig} --forget {number}", markup=False)


def _forget(archive: Archive, rig: str, number: int, now: datetime, why: str) -> None:
    mine = {row.id for row in archive.catalogue.told.events(rig=rig)}
    if number not in mine:
        numbers = ", ".join(map(str, sorted(mine))) or "none"
        raise BadInput(f"{rig} has no event {number}; it has {numbers}")
    row = archive.catalogue.told.forget_event(number, now, who(), why)
    if row is not None:
        console.print(f"forgotten, and frames from before it count again: {sentence(row)}", markup=False)


def _list(archive: Archive, rig: str) -> None:
    rows = [
        (row.id, f"{row.time:%Y-%m-%d %H:%M}", row.kind, row.filter or "", row.who, row.note)
        for row in archive.catalogue.told.events(rig=rig)
    ]
    show_table(f"{rig}: events", ("number", "UTC", "what", "filter", "who", "note"), rows)
