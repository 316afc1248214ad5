"""`nightcal library`: the catalogue made again from files, and the files compared with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from capture.cli.console import complain, console, show_json
from capture.cli.options import CONFIG, ConfigOption, JsonOption
from capture.clock import SystemClock
from capture.config import load_config
from capture.errors import BadInput
from capture.library import rebuild as rebuilding
from capture.store.archive import Archive
from capture.store.rescue import move_damaged_catalogue

library_app = typer.Typer(help="The library: its catalogue and its files.", no_args_is_help=True)


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
