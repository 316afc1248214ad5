"""`nightcal library log`, `withdraw` and `retain`: who changed what and why, and what may go."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from capture.cli.ask import who
from capture.cli.console import console, show_json, show_table
from capture.cli.options import CONFIG, ConfigOption, JsonOption
from capture.clock import SystemClock
from capture.config import Config, load_config
from capture.errors import BadInput
from capture.frame import Kind
from capture.library.masters import MAX_AGE_DAYS
from capture.library.retention import Dispensable, dispensable, let_go
from capture.store.archive import Archive

_LATELY = timedelta(days=30)


def log(
    rig: Annotated[str, typer.Option("--rig", help="Only of this rig.")] = "",
    last: Annotated[int, typer.Option("--last", min=1, help="So many, the newest.")] = 50,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Show who changed what, when and why: events, orders, quarantine, withdrawals, deletions, pauses."""
    archive = Archive.of(load_config(config), SystemClock())
    try:
        changes = archive.catalogue.changes.all(rig=rig or None, limit=last)
    finally:
        archive.close()
    if as_json:
        names = ("time", "rig", "what", "who", "why", "text")
        show_json([{name: getattr(one, name) for name in names} for one in changes])
        return
    if not changes:
        console.print("nothing was ever changed")
        return
    rows = [
        (f"{one.time:%Y-%m-%d %H:%M}", one.rig, one.what.value, one.who, one.text, one.why) for one in changes
    ]
    show_table("", ("UTC", "rig", "what", "who", "which", "why"), rows, text_columns=range(6))


def withdraw(
    master: Annotated[str, typer.Argument(help="The name of the master's file.")],
    why: Annotated[str, typer.Option("--why", help="For those who used it, and read it later.")],
    config: ConfigOption = CONFIG,
) -> None:
    """Take a master back: it calibrates nothing more, leaves the public place, and its users are told."""
    clock = SystemClock()
    if not why.strip():
        raise BadInput("--why wants a reason: those who used the master will read it")
    archive = Archive.of(load_config(config), clock)
    try:
        found = [row for row in archive.catalogue.masters() if master in (row.path, row.path.split("/")[-1])]
        if len(found) != 1:
            known = ", ".join(row.path for row in found) or "none; nightcal library shows names"
            raise BadInput(f"{master!r} must name one master, and it names {known}")
        gone = archive.catalogue.withdrawals.withdraw(found[0].id, clock.now(), who(), why.strip())
        users = archive.catalogue.lights.made_with(gone.sha256)
    finally:
        archive.close()
    console.print(
        f"{gone.path} is withdrawn; {users} lights of the folder were calibrated with it. "
        f"Set its frames aside, or take new ones, to have another made",
        markup=False,
    )


def retain(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would go, and do nothing: so it is without --yes.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Delete it.")] = False,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Show, or with --yes delete, what the config's retention lets go; without it nothing goes."""
    if dry_run and yes:
        raise BadInput("--dry-run and --yes say opposite things; give one")
    settings = load_config(config)
    archive = Archive.of(settings, SystemClock())
    try:
        files = dispensable(archive, settings.retention, _ages(settings))
        if yes:
            let_go(archive, files, who())
    finally:
        archive.close()
    if as_json:
        show_json({"deleted": yes, "files": [vars(one) for one in files]})
    else:
        _show(files, yes=yes)


def show_withdrawn(archive: Archive) -> None:
    """Print the masters that were withdrawn within a month, where there are any."""
    rows = []
    for master in archive.catalogue.withdrawals.all(archive.clock.now() - _LATELY):
        if (gone := master.withdrawn) is not None:
            heirs = archive.catalogue.masters(rig=master.rig, spec=master.spec, valid=True)
            heir = heirs[0].path.rpartition("/")[2] if heirs else "none yet"
            users = archive.catalogue.lights.made_with(master.sha256)
            rows.append((master.path, f"{gone.when:%Y-%m-%d}", gone.who, gone.why, users, heir))
    if rows:
        columns = ("withdrawn", "on", "by", "why", "lights", "in its place")
        show_table("", columns, rows, text_columns=(0, 1, 2, 3, 5))


def _ages(settings: Config) -> dict[Kind, float]:
    """So long frames of a kind may count, for a need of any rig or for a master."""
    ages = dict(MAX_AGE_DAYS)
    for rig in settings.rig:
        ages[Kind.BIAS] = max(ages[Kind.BIAS], rig.bias.max_age_days)
        ages[Kind.DARK] = max(ages[Kind.DARK], rig.darks.max_age_days)
        ages[Kind.FLAT] = max(ages[Kind.FLAT], rig.flats.max_age_days)
    return ages


def _show(files: list[Dispensable], *, yes: bool) -> None:
    for one in files:
        console.print(f"{one.path}: {one.why}", markup=False)
    verb = "are deleted" if yes else "would be deleted; --yes deletes them"
    size = sum(one.size_bytes for one in files) / 1e9
    console.print(f"{len(files)} files, {size:.2f} GB, {verb}", markup=False)
