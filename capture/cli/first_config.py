"""A first config from what was found: which devices make a rig, and the file in words. No I/O."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from capture.alpaca.discovery import FoundServer
from capture.config import DeviceAddress

FIRST_SET_POINT_C = -10.0
_KEYS = {
    "filter_wheel": "filterwheel",
    "telescope": "telescope",
    "cover_calibrator": "covercalibrator",
    "focuser": "focuser",
    "rotator": "rotator",
}
# What a person should know of a device beside its name.
_NOTES = {
    "focuser": "[rig.focus] offsets, if filters differ",
    "rotator": "[rig.flats] rotator_deg, else where it stands",
    "dome": "its slit is kept on this mount",
}


@dataclass(frozen=True)
class Device:
    """A found device by its address."""

    type: str
    server: str
    number: int
    name: str

    def __str__(self) -> str:
        return f"{self.server}/{self.number}"

    @property
    def label(self) -> str:
        return f"{self.name} ({self})"

    @property
    def address(self) -> DeviceAddress:
        host, _, port = self.server.rpartition(":")
        return DeviceAddress(
            host=host.removeprefix("[").removesuffix("]"), port=int(port), number=self.number
        )


@dataclass(frozen=True)
class SiteDraft:
    """`[site]` as far as it is known."""

    name: str = "Observatory"
    latitude_deg: float | None = None
    longitude_deg: float | None = None
    elevation_m: float | None = None
    time_zone: str = "UTC"


@dataclass(frozen=True)
class RigDraft:
    """One `[[rig]]`."""

    name: str
    camera: Device
    filter_wheel: Device | None = None
    telescope: Device | None = None
    cover_calibrator: Device | None = None
    focuser: Device | None = None
    rotator: Device | None = None
    dome: Device | None = None
    set_temperature_c: float | None = None


@dataclass(frozen=True)
class RoofDraft:
    """`[roof]`; `decided`: whether a person has chosen mode and if_park_fails."""

    dome: Device
    monitors: tuple[Device, ...]
    weather: Device | None = None
    mode: str = "observe"
    if_park_fails: str = "stay_open"
    decided: bool = False


@dataclass(frozen=True)
class Draft:
    """The whole file."""

    site: SiteDraft
    rigs: tuple[RigDraft, ...]
    roof: RoofDraft | None
    folder: str = "data"


def devices_of(servers: Iterable[FoundServer]) -> list[Device]:
    """All devices of these servers, by server in the order found, then by number."""
    return [
        Device(d.type, server.address, d.number, d.name)
        for server in servers
        for d in sorted(server.devices, key=lambda d: (d.type, d.number))
    ]


def of_type(devices: Iterable[Device], kind: str) -> list[Device]:
    return [device for device in devices if device.type == kind]


def grouped(devices: Sequence[Device]) -> tuple[RigDraft, ...]:
    """One rig for each camera, with what most likely hangs on it.

    First the device of the camera's own server and number, then what else that server has, then what other
    servers have that serve no camera, each in order.
    """
    cameras = of_type(devices, "camera")
    partners = {key: _partners(cameras, of_type(devices, kind)) for key, kind in _KEYS.items()}
    rigs = (RigDraft(f"T{n}", camera) for n, camera in enumerate(cameras, 1))
    return tuple(
        replace(rig, **{key: of.get(rig.camera) for key, of in partners.items()})  # type: ignore[arg-type]
        for rig in rigs
    )


def with_domes(rigs: Sequence[RigDraft], turning: Iterable[Device]) -> tuple[RigDraft, ...]:
    """The rigs with the domes that can be turned, each with one that has a mount for it to follow."""
    domes = _partners([rig.camera for rig in rigs if rig.telescope is not None], list(turning))
    return tuple(replace(rig, dome=domes.get(rig.camera)) for rig in rigs)


def _partners(cameras: Sequence[Device], others: Sequence[Device]) -> dict[Device, Device]:
    with_cameras = {camera.server for camera in cameras}
    chosen: dict[Device, Device] = {}
    rules = (
        lambda camera, other: (camera.server, camera.number) == (other.server, other.number),
        lambda camera, other: camera.server == other.server,
        lambda _camera, other: other.server not in with_cameras,
    )
    for may in rules:
        for camera in cameras:
            free = [other for other in others if other not in chosen.values() and may(camera, other)]
            if camera not in chosen and free:
                chosen[camera] = free[0]
    return chosen


def roof_of(devices: Sequence[Device]) -> RoofDraft | None:
    """The roof: the first dome with every safety monitor; None without either."""
    domes, monitors = of_type(devices, "dome"), of_type(devices, "safetymonitor")
    weather = of_type(devices, "observingconditions")
    if not domes or not monitors:
        return None
    return RoofDraft(domes[0], tuple(monitors), weather[0] if weather else None)


def toml_of(draft: Draft, devices: Sequence[Device]) -> str:
    """The file, with a comment where a person should think; `devices`: all that were found."""
    used = set(_used(draft))
    left = [device for device in devices if device not in used]
    parts = [_site(draft.site), _storage(draft.folder), _roof(draft.roof, devices)]
    parts += [_rig(rig) for rig in draft.rigs]
    if left:
        parts.append(["# Found, and not used:", *(f"#   {device.type} {device.label}" for device in left)])
    head = ["# Written by `nightcal init`. Every section and key: docs/config.md. Check it: nightcal doctor"]
    return "\n\n".join("\n".join(part) for part in [head, *parts]) + "\n"


def _used(draft: Draft) -> Iterator[Device]:
    roof = draft.roof
    of_roof = [roof.dome, *roof.monitors, roof.weather] if roof else []
    of_rigs = chain.from_iterable((r.camera, r.dome, *(getattr(r, key) for key in _KEYS)) for r in draft.rigs)
    return (device for device in chain(of_roof, of_rigs) if device is not None)


def _site(site: SiteDraft) -> list[str]:
    return [
        "[site]",
        f"name = {_quoted(site.name)}",
        _line("latitude_deg", f"{site.latitude_deg}", "north is positive"),
        _line("longitude_deg", f"{site.longitude_deg}", "east is positive"),
        _line("elevation_m", f"{site.elevation_m}", "above the sea"),
        _line("time_zone", _quoted(site.time_zone), "noon by this clock parts the nights"),
    ]


def _storage(folder: str) -> list[str]:
    return ["[storage]", _line("folder", _quoted(folder), "frames and masters; relative to this file")]


def _roof(roof: RoofDraft | None, devices: Sequence[Device]) -> list[str]:
    if roof is None:
        dome, monitor = of_type(devices, "dome"), of_type(devices, "safetymonitor")
        if not dome and not monitor:
            return ["# No dome was found: the rigs count as standing where nothing opens or closes."]
        if not monitor:
            return [
                "# A dome was found, but no safety monitor, and a roof needs one: without [roof] the rigs",
                "# count as standing where nothing opens or closes. docs/config.md tells how to add it.",
            ]
        return ["# [roof] is left out: the rigs count as standing where nothing opens or closes."]
    lines = ["[roof]", _line("dome", _quoted(str(roof.dome)), roof.dome.name)]
    if not roof.decided:
        lines += [
            "# Nobody has decided the next two yet. These values move no roof; think about them:",
            '# "observe" waits for a roof that others open and close; "operate" lets nightcal open it when',
            "# it is safe and close it when it is not.",
        ]
    lines.append(f"mode = {_quoted(roof.mode)}")
    if not roof.decided:
        lines += [
            '# When it must close and a mount does not park: "close" onto the mount, or "stay_open" and let',
            "# the rain in. There is no safe default.",
        ]
    lines.append(f"if_park_fails = {_quoted(roof.if_park_fails)}")
    monitors = ", ".join(_quoted(str(monitor)) for monitor in roof.monitors)
    names = ", ".join(monitor.name for monitor in roof.monitors)
    lines.append(_line("safety_monitors", f"[{monitors}]", f"{names}; all must say safe"))
    if roof.weather is not None:
        lines.append(_line("observing_conditions", _quoted(str(roof.weather)), roof.weather.name))
    return lines


def _rig(rig: RigDraft) -> list[str]:
    lines = ["[[rig]]", f"name = {_quoted(rig.name)}"]
    for key in ("camera", *_KEYS, "dome"):
        device: Device | None = getattr(rig, key)
        if device is not None:
            about = f"{device.name}; {_NOTES[key]}" if key in _NOTES else device.name
            lines.append(_line(key, _quoted(str(device)), about))
    if rig.set_temperature_c is not None:
        note = "a first guess; choose what holds on the warmest night"
        lines += ["", "[rig.cooling]", _line("set_temperature_c", f"{rig.set_temperature_c}", note)]
    return lines


def _line(key: str, value: str, comment: str) -> str:
    assignment = f"{key} = {value}"
    return f"{assignment:<40}  # {comment}" if comment else assignment


def _quoted(text: str) -> str:
    """A TOML string: JSON's escapes are TOML's, but for DEL, which TOML wants escaped as well."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
