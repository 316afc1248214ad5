"""`nightcal match`, `calibrate` and `lights`: which masters a light wants, and what is made of it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from capture.cli.console import complain, console, show_json
from capture.cli.options import CONFIG, ConfigOption, JsonOption
from capture.clock import SystemClock
from capture.config import load_config
from capture.errors import BadInput, StoreError
from capture.library.calibrate import calibrate as calibrate_light
from capture.library.calibrate import calibrated_name
from capture.library.light import Light, read_light
from capture.library.masters_for import masters_for, rig_of
from capture.library.match import Match
from capture.store.archive import Archive
from capture.store.lights import LightState

LightRigOption = Annotated[str, typer.Option("--rig", help="The rig, where the header does not tell.")]


def match(
    file: Annotated[Path, typer.Argument(help="A light frame of any program.")],
    rig: LightRigOption = "",
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Show which masters calibrate a light, or what is missing and how to get it.

    Exit status 1 when it cannot be calibrated as the config asks.
    """
    settings = load_config(config)
    light = read_light(file)
    archive = Archive.of(settings, SystemClock())
    try:
        name = rig_of(archive.catalogue, settings, light, rig)
        found = masters_for(archive.catalogue, light, name, settings.calibration)
    finally:
        archive.close()
    if as_json:
        show_json(match_data(light, found))
    else:
        _show(light, found)
    if not found.complete:
        raise typer.Exit(1)


def calibrate(
    files: Annotated[list[Path], typer.Argument(help="Light frames of any program.")],
    rig: LightRigOption = "",
    out: Annotated[
        Path | None, typer.Option("--out", help="The folder for calibrated lights; else beside the raw ones.")
    ] = None,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Calibrate lights with the library's masters: x.fits becomes x_cal.fits; what is raw stays untouched.

    Exit status 1 when one of them stays raw; why is said.
    """
    settings, clock = load_config(config), SystemClock()
    archive = Archive.of(settings, clock)
    told: list[dict[str, Any]] = []
    try:
        for file in files:
            try:
                light = read_light(file)
                name = rig_of(archive.catalogue, settings, light, rig)
                found = masters_for(archive.catalogue, light, name, settings.calibration)
                target = calibrated_name(file, out)
                made = calibrate_light(light, found, archive.root, target, settings.calibration, clock.now())
            except (BadInput, StoreError) as error:
                told.append({"file": str(file), "calibrated": None, "reason": str(error)})
                if not as_json:
                    complain(str(error))
                continue
            masters = [one.name for one in found.masters]
            told.append(
                {"file": str(file), "calibrated": str(made.path), "calstat": made.calstat, "masters": masters}
                | {"marked": made.counts, "notes": list(found.notes)}
            )
            if not as_json:
                console.print(f"{file.name}: {made.path} ({made.calstat}: {', '.join(masters)})")
    finally:
        archive.close()
    if as_json:
        show_json(told)
    if any(one["calibrated"] is None for one in told):
        raise typer.Exit(1)


def match_data(light: Light, found: Match) -> dict[str, Any]:
    """A match as data."""
    return {
        "file": str(light.path),
        "rig": found.rig,
        "taken": light.taken.isoformat(),
        "complete": found.complete,
        "masters": [
            {
                "kind": one.master.kind.value,
                "name": one.name,
                "path": one.master.path,
                "sha256": one.master.sha256,
                "why": one.why,
                "scale": one.scale,
            }
            for one in found.masters
        ],
        "lacking": [
            {"kind": one.spec.kind.value, "set": str(one.spec), "reason": one.reason, "remedy": one.remedy}
            for one in found.lacking
        ],
        "notes": list(found.notes),
    }


def _show(light: Light, found: Match) -> None:
    filter_name = light.spec.filter or "no filter"
    console.print(
        f"{light.path.name}: {light.spec}, {filter_name}, of {found.rig}, {light.taken:%Y-%m-%d %H:%M} UTC"
    )
    for one in found.masters:
        console.print(f"  {one.master.kind.value}: {one.name}, {one.why}")
    for lack in found.lacking:
        console.print(f"  {lack.spec.kind.value}: none: {lack.reason}; {lack.remedy}", style="bold red")
    for note in found.notes:
        console.print(note)


def lights(
    state: Annotated[
        LightState | None, typer.Option("--state", help="Only these.", show_default=False)
    ] = None,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Show the lights that came into the folder of lights: whose they are, and what became of them."""
    archive = Archive.of(load_config(config), SystemClock())
    try:
        rows = archive.catalogue.lights.all(state)
    finally:
        archive.close()
    if as_json:
        show_json([asdict(row) for row in rows])
        return
    if not rows:
        console.print("there are no such lights; [lights] in the config names their folder", markup=False)
        return
    for row in rows:
        light = row.light
        became = row.calibrated or row.reason
        console.print(
            f"{light.taken:%Y-%m-%d %H:%M}  {light.owner}  {light.rig or 'no rig'}  {Path(light.path).name}: "
            f"{row.state.value}, {became}",
            markup=False,
        )
