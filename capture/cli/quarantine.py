"""`nightcal library quarantine` and `release`: frames that count no longer, and those that do again."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated

import typer

from capture.cli.ask import who
from capture.cli.console import console, show_json, show_table
from capture.cli.options import CONFIG, ConfigOption, JsonOption
from capture.clock import SystemClock
from capture.config import Config, load_config
from capture.errors import BadInput
from capture.journal import Entry
from capture.night.happenings import release as give_back
from capture.night.happenings import set_aside
from capture.notices.crier import keep_notices
from capture.store.archive import Archive
from capture.store.quarantine import SetAside
from capture.store.rows import FrameRow


def quarantine(
    rig: Annotated[str, typer.Option("--rig", help="Only of this rig.")] = "",
    kinds: Annotated[str, typer.Option("--kinds", help="With --since: bias, dark, flat, with commas.")] = "",
    since: Annotated[
        str, typer.Option("--since", help="Set aside what was taken since then (local time), or 23:30Z.")
    ] = "",
    why: Annotated[str, typer.Option("--why", help="With --since: it stands with every frame.")] = "",
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Show frames that are set aside, or, with --rig, --kinds, --since and --why, set good ones aside."""
    settings, clock = load_config(config), SystemClock()
    if since and not rig:
        raise BadInput("--since wants --rig, whose frames are to be set aside")
    if (kinds or why) and not since:
        raise BadInput("--kinds and --why say what to set aside, and want --since")
    archive = Archive.of(settings, clock)
    try:
        if since:
            said = set_aside(archive, settings, rig, kinds, since, who(), why, clock.now())
            console.print(said, markup=False)
            _tell(settings, archive, Entry(clock.now(), rig, "quarantine", said))
            return
        found = [(one, frame) for one, frame in _aside(archive) if rig in ("", frame.rig)]
    finally:
        archive.close()
    if as_json:
        show_json([
            {
                "path": frame.path, "rig": frame.rig, "time": one.when.isoformat(),
                "who": one.who, "why": one.why,
            }
            for one, frame in found
        ])  # fmt: skip
    elif not found:
        console.print("nothing is set aside")
    else:
        rows = [
            (f"{one.when:%Y-%m-%dT%H:%M:%SZ}", PurePosixPath(frame.path).name, one.who, one.why)
            for one, frame in found
        ]
        show_table("", ("set aside", "frame", "by", "why"), rows, text_columns=range(4))


def release(
    frames: Annotated[
        list[str],
        typer.Argument(help="Names of files, or the time when they were set aside, for all of then."),
    ],
    why: Annotated[str, typer.Option("--why", help="What was found; it is kept with the change.")],
    rig: Annotated[str, typer.Option("--rig", help="Only of this rig.")] = "",
    config: ConfigOption = CONFIG,
) -> None:
    """Let frames that were set aside count again, and the masters that were withdrawn for them.

    No rule sets them aside once more; `nightcal library log` tells who gave them back, when and why.
    """
    clock = SystemClock()
    archive = Archive.of(load_config(config), clock)
    try:
        back = give_back(archive, rig, frames, who(), why, clock.now())
    finally:
        archive.close()
    console.print(f"{len(back.frames)} frames count again", markup=False)
    for master in back.masters:
        console.print(f"{master} counts again", markup=False)


def _tell(settings: Config, archive: Archive, entry: Entry) -> None:
    archive.catalogue.add_entry(entry)
    try:
        keep_notices(settings, archive, entry)
    except BadInput as error:
        # The frames are aside all the same; an address may be in the service's environment alone.
        console.print(f"nobody is told of it: {error}", markup=False)


def _aside(archive: Archive) -> list[tuple[SetAside, FrameRow]]:
    aside = archive.catalogue.quarantine.all()
    known = {row.id: row for row in archive.catalogue.frames(good=False)} if aside else {}
    return [(one, known[one.frame]) for one in aside if one.frame in known]
