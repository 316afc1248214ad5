"""`nightcal library`: the catalogue made again from files, and the files compared with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from capture.cli.console import complain, console, show_json
from capture.cli.coverage import show_board
from capture.cli.keeping import log, retain, withdraw
from capture.cli.options import CONFIG, ConfigOption, JsonOption, RigOption
from capture.cli.quarantine import quarantine, release
from capture.clock import SystemClock
from capture.config import load_config
from capture.errors import BadInput
from capture.library import rebuild as rebuilding
from capture.library.importing import import_folder
from capture.store.archive import Archive
from capture.store.rescue import move_damaged_catalogue

library_app = typer.Typer(help="The library: what it holds, its catalogue and its files.")


for command in (log, quarantine, release, withdraw, retain):
    library_app.command()(command)


@library_app.callback(invoke_without_command=True)
def board(
    context: typer.Context,
    stale: Annotated[
        bool, typer.Option("--stale", help="Only what is an alarm: stale for too long, or about to be.")
    ] = False,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Show of every set what is held, what is needed, how old it is, and when more comes.

    Exit status 1 when a need is not met; with --stale, when one is an alarm.
    """
    if context.invoked_subcommand is not None:
        return
    if not show_board(load_config(config), SystemClock(), as_json=as_json, stale=stale):
        raise typer.Exit(1)


@library_app.command()
def rebuild(config: ConfigOption = CONFIG, as_json: JsonOption = False) -> None:
    """Make the catalogue again from the FITS files; what it has is left as it is.

    A damaged SQLite catalogue is moved aside first. Stopped half-way, the same command goes on.
    """
    settings = load_config(config)
    folder = settings.storage.folder
    if not folder.is_dir():
        raise BadInput(f"{folder} does not exist: there are no files to make a catalogue of")
    aside = None if settings.storage.database else move_damaged_catalogue(folder)
    if aside is not None:
        console.print(f"the catalogue was damaged, and is kept in {aside}", markup=False)
    archive = Archive.of(settings, SystemClock())
    try:
        with _bar() as progress:
            rebuilt = rebuilding.rebuild(archive, progress)
        held = archive.catalogue.board()
    finally:
        archive.close()
    if as_json:
        show_json({
            "frames": rebuilt.frames, "masters": rebuilt.masters, "damaged": rebuilt.damaged,
            "sets": len(held), "catalogue_aside": aside,
        })  # fmt: skip
    else:
        console.print(
            f"{len(rebuilt.frames)} frames and {len(rebuilt.masters)} masters were taken in; "
            f"the catalogue knows {len(held)} sets",
            markup=False,
        )
        for file in rebuilt.damaged:
            console.print(f"damaged, and set aside: {file}", markup=False)
    if rebuilt.damaged:
        raise typer.Exit(1)


@library_app.command()
def verify(config: ConfigOption = CONFIG, as_json: JsonOption = False) -> None:
    """Read every file again and compare it with its checksums and the catalogue. Changes nothing.

    Exit status 1 when a file is missing, damaged, another one, or not in the catalogue.
    """
    settings = load_config(config)
    if not settings.storage.folder.is_dir():
        raise BadInput(f"{settings.storage.folder} does not exist: there is nothing to verify")
    archive = Archive.of(settings, SystemClock())
    try:
        with _bar() as progress:
            verified = rebuilding.verify(archive, progress)
    finally:
        archive.close()
    if as_json:
        show_json(vars(verified))
    else:
        for fault in verified.faults:
            complain(fault)
        sound = "all of them sound" if not verified.faults else f"{len(verified.faults)} faults"
        size = f"{verified.size_bytes / 1e9:.2f} GB"
        console.print(f"{verified.files} files, {size}: {sound}", markup=False)
    if verified.faults:
        raise typer.Exit(1)


@library_app.command("import")
def import_(
    folder: Annotated[Path, typer.Argument(help="Frames and masters of another program, and its folders.")],
    rig: RigOption = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would be done, and do nothing.")
    ] = False,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Take in calibration frames of MaxIm DL, ACP, NINA, SharpCap, KStars, Siril and the like.

    Each file is copied, rewritten as nightcal's own; the original is only read. Exit status 1 when some were
    refused, each with the reason.
    """
    settings = load_config(config)
    if not rig and len(settings.rig) > 1:
        raise BadInput(f"--rig wants one of {', '.join(one.name for one in settings.rig)}")
    name = settings.rig_named(rig).name if rig else settings.rig[0].name
    archive = Archive.of(settings, SystemClock())
    try:
        with _bar() as progress:
            outcomes = import_folder(archive, folder, name, progress, dry_run=dry_run)
    finally:
        archive.close()
    refused = [one for one in outcomes if one.refused]
    there = [one for one in outcomes if one.reason and not one.refused]
    if as_json:
        show_json([vars(one) for one in outcomes])
    else:
        for one in outcomes:
            said = f"refused: {one.reason}" if one.refused else one.reason or one.path or "would be taken in"
            said += f"  does not count: {'; '.join(one.faults)}" if one.faults else ""
            # A name may hold what would write over the terminal.
            name = "".join(c if c.isprintable() else "?" for c in str(one.file.relative_to(folder)))
            console.print("  ".join(filter(None, (name, one.what, said))), markup=False)
        taken = len(outcomes) - len(refused) - len(there)
        verb = "would be taken in" if dry_run else "taken in"
        console.print(f"{taken} {verb}, {len(there)} there already, {len(refused)} refused", markup=False)
    if refused:
        raise typer.Exit(1)


@contextmanager
def _bar() -> Iterator[rebuilding.Progress]:
    """A line on the terminal that tells what is done of how much; nothing where there is no terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        tasks = {}

        def tell(what: str, done: int, of: int) -> None:
            if what not in tasks:
                tasks[what] = shown.add_task(what)
            shown.update(tasks[what], completed=done, total=of)

        yield tell
