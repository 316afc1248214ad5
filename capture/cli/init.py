"""`nightcal init`: a first config from what was found; asked about, or with --yes only guessed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from capture.alpaca.at_once import at_once
from capture.alpaca.devices import Camera, Dome, Telescope, optional
from capture.cli.console import complain, console, errors, show_json
from capture.cli.dialogue import Dialogue
from capture.cli.discover import (
    ADVICE,
    HostsArgument,
    Ipv6Option,
    SecondsOption,
    search_shown,
    show_faults,
)
from capture.cli.first_config import (
    FIRST_SET_POINT_C,
    Device,
    Draft,
    SiteDraft,
    devices_of,
    grouped,
    of_type,
    roof_of,
    toml_of,
    with_domes,
)
from capture.cli.options import CONFIG, ConfigOption, JsonOption
from capture.cli.time_zones import likely_zone
from capture.clock import Clock, SystemClock
from capture.config import parse_config
from capture.errors import BadInput, Stopped, StoreError
from capture.store.fits_file import sync_folder

_CONNECTS_WITHIN_S = 60.0


@dataclass(frozen=True)
class _Told:
    """What the devices tell: where the mounts say they stand, which cameras are cooled, which domes turn."""

    site: tuple[float, float, float | None] | None
    cooled: frozenset[Device]
    turning: tuple[Device, ...]


def init(
    hosts: HostsArgument = None,
    config: ConfigOption = CONFIG,
    yes: Annotated[
        bool, typer.Option("--yes", help="Ask nothing: take what is found, guess the rest.")
    ] = False,
    name: Annotated[str, typer.Option("--name", help="The site's name.")] = "Observatory",
    latitude: Annotated[
        float | None, typer.Option(min=-90, max=90, help="Degrees, north positive; the mount's if left out.")
    ] = None,
    longitude: Annotated[
        float | None, typer.Option(min=-180, max=180, help="Degrees, east positive; the mount's if left out.")
    ] = None,
    elevation: Annotated[
        float | None, typer.Option(min=-500, max=6000, help="Metres; the mount's if left out.")
    ] = None,
    time_zone: Annotated[
        str, typer.Option("--time-zone", help="An IANA name; this machine's if left out.")
    ] = "",
    seconds: SecondsOption = 2.0,
    ipv6: Ipv6Option = True,
    as_json: JsonOption = False,
) -> None:
    """Write a first config from the devices found. Connects cameras, mounts and domes, moves nothing."""
    if config.exists():
        raise BadInput(
            f"{config} exists and is left as it is; name another file with --config, or move it away"
        )
    search = search_shown(hosts or (), seconds, ipv6=ipv6)
    show_faults(search.faults)
    devices = devices_of(search.servers)
    if not devices:
        complain(ADVICE)
        raise typer.Exit(1)
    rigs = grouped(devices)
    if not rigs:
        raise BadInput("no camera was found, and a rig needs one; `nightcal discover` shows what was found")
    clock = SystemClock()
    with errors.status("asking cameras, mounts and domes"):
        told = _ask(devices, clock)
    told_latitude, told_longitude, told_elevation = told.site or (None, None, None)
    longitude = told_longitude if longitude is None else longitude
    site = SiteDraft(
        name,
        told_latitude if latitude is None else latitude,
        longitude,
        told_elevation if elevation is None else elevation,
        time_zone or likely_zone(longitude, clock.now()),
    )
    set_points = dict.fromkeys(told.cooled, FIRST_SET_POINT_C)
    rigs = tuple(replace(rig, set_temperature_c=set_points.get(rig.camera)) for rig in rigs)
    draft = Draft(site, with_domes(rigs, told.turning), roof_of(devices))
    draft = _without_asking(draft) if yes else _asked(draft, devices, told.turning, to_stderr=as_json)
    _write(config, toml_of(draft, devices))
    _tell(config, draft, as_json=as_json)


def _without_asking(draft: Draft) -> Draft:
    site = draft.site
    if site.latitude_deg is None or site.longitude_deg is None:
        raise BadInput(
            "no mount tells where the site is; give --latitude and --longitude, or leave out --yes"
        )
    return replace(draft, site=replace(site, elevation_m=site.elevation_m or 0.0))


def _asked(draft: Draft, devices: Sequence[Device], turning: Sequence[Device], *, to_stderr: bool) -> Draft:
    try:
        return Dialogue(devices, turning, to_stderr=to_stderr).revise(draft)
    except typer.Abort:
        raise Stopped(
            "stopped before every question was answered: nothing is written; --yes asks none"
        ) from None


def _ask(devices: Sequence[Device], clock: Clock) -> _Told:
    """What these tell; what one does not tell is not known, and `nightcal doctor` says why."""
    cooled, sites, turn = (
        at_once({d: partial(ask, d, clock) for d in of_type(devices, kind)}, _CONNECTS_WITHIN_S + 30)
        for kind, ask in (("camera", _can_cool), ("telescope", _site_of), ("dome", _can_turn))
    )
    return _Told(
        next((site for site in sites.values() if isinstance(site, tuple)), None),
        frozenset(device for device, can in cooled.items() if can is True),
        tuple(device for device, can in turn.items() if can is True),
    )


def _can_cool(device: Device, clock: Clock) -> bool:
    camera = Camera(device.address)
    try:
        camera.open(clock, _CONNECTS_WITHIN_S)
        return optional(lambda: camera.CanSetCCDTemperature) is True
    finally:
        camera.close()


def _can_turn(device: Device, clock: Clock) -> bool:
    dome = Dome(device.address)
    try:
        dome.open(clock, _CONNECTS_WITHIN_S)
        return optional(lambda: dome.CanSetAzimuth) is True or optional(lambda: dome.Slaved) is True
    finally:
        dome.close()


def _site_of(device: Device, clock: Clock) -> tuple[float, float, float | None] | None:
    mount = Telescope(device.address)
    try:
        mount.open(clock, _CONNECTS_WITHIN_S)
        latitude, longitude = float(mount.SiteLatitude), float(mount.SiteLongitude)
        elevation = optional(lambda: float(mount.SiteElevation))
    finally:
        mount.close()
    # 0, 0 is in the sea: a mount that was never told.
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180) or (latitude, longitude) == (0, 0):
        return None
    known = elevation is not None and -500 <= elevation <= 6000
    return round(latitude, 6), round(longitude, 6), elevation if known else None


def _write(path: Path, text: str) -> None:
    """The whole file or none, and never over another. Raises BadInput, StoreError."""
    parse_config(text, path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("x", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            _put_in_place(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)
    except FileExistsError:
        raise BadInput(f"{path} has come into being meanwhile and is left as it is") from None
    except OSError as error:
        raise StoreError(
            f"{path} cannot be written ({error.strerror}); name another with --config"
        ) from error


def _put_in_place(temporary: Path, path: Path) -> None:
    """Unlike a rename, a link is refused where a file has come into being meanwhile."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        raise
    except OSError:
        # Not every file system has links.
        if path.exists():
            raise FileExistsError(path) from None
        temporary.rename(path)


def _tell(path: Path, draft: Draft, *, as_json: bool) -> None:
    command = "nightcal doctor" if path == CONFIG else f"nightcal doctor --config {path}"
    undecided = draft.roof is not None and not draft.roof.decided
    if as_json:
        show_json(
            {
                "config": path,
                "rigs": [rig.name for rig in draft.rigs],
                "roof": draft.roof is not None,
                "to_decide": ["roof.mode", "roof.if_park_fails"] if undecided else [],
                "next": command,
            }
        )
        return
    rigs = ", ".join(f"{rig.name} ({rig.camera.name})" for rig in draft.rigs)
    console.print(Text(f"{path} is written: {rigs}"))
    if undecided:
        console.print(Text("Think about [roof] mode and if_park_fails in it: nobody has decided them."))
    console.print(Text(f"Next: {command}"))
