"""`nightcal event`: what a hand did to a telescope; needs and learning start anew from there."""

from __future__ import annotations

import getpass
from contextlib import suppress
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from capture.cli.console import console, show_table
from capture.cli.options import CONFIG, ConfigOption
from capture.clock import SystemClock
from capture.config import Config, load_config
from capture.errors import BadInput
from capture.frame import Kind
from capture.journal import Entry
from capture.night.needs import known_filters
from capture.store.archive import Archive
from capture.store.events import EventKind, EventRow

_KINDS = ", ".join(EventKind)


def event(
    rig: Annotated[str, typer.Argument(help="The rig's name.")],
    kind: Annotated[str, typer.Argument(help=f"What was done: {_KINDS}. Left out: list the events.")] = "",
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
    archive = Archive.of(settings, clock)
    try:
        if forget:
            _forget(archive, rig, forget)
        elif kind:
            _record(archive, settings, rig, kind, filters, at, note, clock.now())
        else:
            _list(archive, rig)
    finally:
        archive.close()


def _record(
    archive: Archive,
    settings: Config,
    rig: str,
    kind_text: str,
    filters: str,
    at: str,
    note: str,
    now: datetime,
) -> None:
    try:
        kind = EventKind(kind_text.strip().lower().replace("-", "_"))
    except ValueError:
        raise BadInput(f"there is no event {kind_text!r}; there are {_KINDS}") from None
    time = _time(at, settings, now)
    for name in _filters(archive, settings, rig, kind, filters):
        row = archive.catalogue.told.add_event(rig, kind, name, time, now, who(), note.strip())
        text = _sentence(row)
        archive.catalogue.add_entry(Entry(now, rig, "event", text, {"event": row.id, "kind": row.kind}))
        console.print(f"{text}. Told by mistake? nightcal event {rig} --forget {row.id}", markup=False)


def _filters(
    archive: Archive, settings: Config, rig: str, kind: EventKind, text: str
) -> tuple[str | None, ...]:
    """The filters that are named; (None,) for an event that touches all. Raises BadInput."""
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    known = known_filters(settings.rig_named(rig), archive.catalogue)
    if not kind.of_one_filter:
        if names:
            raise BadInput(f"{kind} touches every filter: leave --filter out")
        return (None,)
    if not names:
        raise BadInput(f"{kind} wants --filter NAME, of {', '.join(known) or 'the wheel'}")
    for name in names:
        if known and name not in known:
            raise BadInput(f"{rig} has no filter {name!r}; known are {', '.join(known)}")
    return names


def _time(text: str, settings: Config, now: datetime) -> datetime:
    if not text:
        return now
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(
            f"--at {text!r} is no time; write it as 2026-11-21T16:30 (the site's local time) "
            "or 2026-11-21T23:30Z"
        ) from None
    if time.tzinfo is None:
        time = time.replace(tzinfo=ZoneInfo(settings.site.time_zone))
    if time > now:
        raise BadInput(f"--at {text!r} lies in the future; tell an event when it has happened")
    return time


def _sentence(row: EventRow) -> str:
    what = f"{row.kind.replace('_', ' ')}" + (f" {row.filter}" if row.filter else "")
    kinds = " ".join(
        {Kind.FLAT: "flats", Kind.DARK: "darks"}.get(kind, kind) for kind in sorted(row.kind.spoils)
    )
    of = f" of {row.filter}" if row.filter else ""
    return f"{row.rig}: {what}; {kinds}{of} from before {row.time:%Y-%m-%d %H:%M} UTC count no more"


def _forget(archive: Archive, rig: str, number: int) -> None:
    mine = {row.id for row in archive.catalogue.told.events(rig=rig)}
    if number not in mine:
        numbers = ", ".join(map(str, sorted(mine))) or "none"
        raise BadInput(f"{rig} has no event {number}; it has {numbers}")
    row = archive.catalogue.told.forget_event(number)
    if row is not None:
        console.print(f"forgotten, and frames from before it count again: {_sentence(row)}", markup=False)


def _list(archive: Archive, rig: str) -> None:
    rows = [
        (row.id, f"{row.time:%Y-%m-%d %H:%M}", row.kind, row.filter or "", row.who, row.note)
        for row in archive.catalogue.told.events(rig=rig)
    ]
    show_table(f"{rig}: events", ("number", "UTC", "what", "filter", "who", "note"), rows)


def who() -> str:
    """Who types here, for those who read it later."""
    with suppress(OSError, KeyError, ImportError):
        return getpass.getuser()
    return "unknown"
