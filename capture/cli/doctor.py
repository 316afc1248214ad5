"""`nightcal doctor`: the config's devices, the site, the clock and the disk. Connects, moves nothing."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Annotated, Any

import typer
from rich.text import Text

from capture.alpaca.at_once import at_once
from capture.alpaca.devices import (
    Camera,
    CoverCalibrator,
    Dome,
    FilterWheel,
    Focuser,
    ObservingConditions,
    Rotator,
    SafetyMonitor,
    Telescope,
)
from capture.cli.checks import (
    Seen,
    check_camera,
    check_cover,
    check_dome,
    check_mount,
    check_safety,
    check_weather,
    check_wheel,
)
from capture.cli.console import console, errors, show_json
from capture.cli.findings import Finding, Level, Look
from capture.cli.optics_checks import check_focuser, check_rotator, check_slit
from capture.cli.options import CONFIG, ConfigOption, JsonOption
from capture.cli.time_zones import fits, hours_off
from capture.clock import Clock, SystemClock
from capture.config import Config, DeviceAddress, RigConfig, Timeouts, load_config
from capture.errors import BadInput, DeviceError, NoWindow
from capture.library.delivery.parcels import places_of
from capture.notices.addresses import channels, mail_account
from capture.site import Site, Twilight, Window

_NIGHTS_TO_SPARE = 3
_REJECTED = 1.2
_STYLES = {Level.OK: "green", Level.NOTE: "cyan", Level.WARNING: "yellow", Level.PROBLEM: "bold red"}
_RANK = list(Level)


@dataclass(frozen=True)
class _Visit:
    """One device to be looked at: `make` its client, then `check` what it says."""

    look: Look
    address: DeviceAddress
    make: Callable[[Timeouts], Any]
    check: Callable[[Look, Any], None]


def doctor(
    config: ConfigOption = CONFIG,
    seconds: Annotated[
        float | None,
        typer.Option(
            "--seconds",
            min=0.1,
            max=300,
            help="How long a device may take for an answer; the config's if left out.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check the config's devices, site, clock and disk. Connects them, moves and changes nothing."""
    settings, clock = load_config(config), SystemClock()
    seen = {rig.name: Seen() for rig in settings.rig}
    visits = list(_visits(settings, seen, clock))
    with errors.status(f"asking {len(visits)} devices"):
        _make(visits, settings, seconds, clock)
    looks = [
        _look_at_site(settings, clock.now()),
        _look_at_storage(settings, seen),
        *_look_at_addresses(settings),
        *(_look_at_rig(rig, settings, seen[rig.name], clock.now()) for rig in settings.rig),
        *(visit.look for visit in visits),
    ]
    # What a device that was given up says later belongs to no report.
    findings = [finding for look in looks for finding in tuple(look.findings)]
    if as_json:
        show_json({"worst": _worst(findings), "findings": [asdict(finding) for finding in findings]})
    else:
        _show(findings)
    if _worst(findings) is Level.PROBLEM:
        raise typer.Exit(1)


def _visits(settings: Config, seen: Mapping[str, Seen], clock: Clock) -> Iterator[_Visit]:
    """Every device of the config, in its order."""
    roof = settings.roof
    if roof is not None:
        yield _visit("roof", "dome", Dome, roof.dome, partial(check_dome, roof=roof))
        for address in roof.safety_monitors:
            yield _visit("roof", "safety monitor", SafetyMonitor, address, check_safety)
        if roof.observing_conditions is not None:
            where = roof.observing_conditions
            yield _visit("roof", "weather station", ObservingConditions, where, check_weather)
    for rig in settings.rig:
        camera = partial(check_camera, rig=rig, seen=seen[rig.name])
        yield _visit(rig.name, "camera", Camera, rig.camera, camera)
        if rig.filter_wheel is not None:
            wheel = partial(check_wheel, rig=rig, seen=seen[rig.name])
            yield _visit(rig.name, "filter wheel", FilterWheel, rig.filter_wheel, wheel)
        if rig.telescope is not None:
            mount = partial(check_mount, site=settings.site, roof=roof, clock=clock)
            yield _visit(rig.name, "mount", Telescope, rig.telescope, mount)
        if rig.cover_calibrator is not None:
            yield _visit(rig.name, "cover", CoverCalibrator, rig.cover_calibrator, check_cover)
        if rig.focuser is not None:
            yield _visit(rig.name, "focuser", Focuser, rig.focuser, partial(check_focuser, rig=rig))
        if rig.rotator is not None:
            yield _visit(rig.name, "rotator", Rotator, rig.rotator, partial(check_rotator, rig=rig))
        if rig.dome is not None:
            yield _visit(rig.name, "dome", Dome, rig.dome, check_slit)


def _visit(
    owner: str, what: str, kind: Callable[..., Any], address: DeviceAddress, check: Callable[..., None]
) -> _Visit:
    return _Visit(Look(f"{owner} {what} {address}"), address, partial(kind, address), check)


def _make(visits: list[_Visit], settings: Config, seconds: float | None, clock: Clock) -> None:
    """Look at every device at the same time; what one that hangs has told before is kept."""
    patience = [settings.timeouts.of(visit.address) for visit in visits]
    if seconds is not None:
        # An older device answers its connecting, a slow write, only when it is done: that is left as it is.
        each = {"connect_s": seconds, "read_s": seconds, "write_s": seconds}
        patience = [
            t.model_copy(update=each | {"slow_write_s": max(seconds, t.slow_write_s)}) for t in patience
        ]
    work = {n: partial(_look, visit, patience[n], clock) for n, visit in enumerate(visits)}
    limit_s = max(t.device_connects_s + 10 * t.read_s for t in patience)
    for n, outcome in at_once(work, limit_s).items():
        if isinstance(outcome, Exception):
            visits[n].look.problem(f"the look at it was given up: {outcome}")


def _look(visit: _Visit, timeouts: Timeouts, clock: Clock) -> None:
    look, device = visit.look, visit.make(timeouts)
    try:
        device.open(clock)
        told = {
            member: look.ask(member, partial(device.line.get, member))
            for member in ("name", "driverversion", "interfaceversion")
        }
        look.ok(
            f"answers: {told['name'] or 'without a name'}, driver {told['driverversion'] or 'unknown'}, "
            f"interface version {told['interfaceversion'] or 'unknown'}"
        )
        visit.check(look, device)
    except DeviceError as error:
        look.problem(str(error))
    finally:
        device.close()


def _look_at_site(settings: Config, now: datetime) -> Look:
    look, site = Look("site"), settings.site.site()
    look.ok(
        f"{site.name}: {now:%Y-%m-%d %H:%M:%S} UTC, {site.local(now):%H:%M} local, Sun at "
        f"{site.sun_altitude_deg(now):.1f} deg"
    )
    if not fits(site.time_zone, site.longitude_deg, now):
        off_h = hours_off(site.time_zone, site.longitude_deg, now)
        look.warn(
            f"time_zone {site.time_zone} is {off_h:+.1f} h off the Sun at longitude {site.longitude_deg:g}: "
            f"its noon would part a night; mend it, or the longitude's sign (east is positive)"
        )
    if settings.roof is None:
        look.note("no [roof]: the rigs count as standing where nothing opens or closes, darks at any time")
    return look


def _look_at_storage(settings: Config, seen: Mapping[str, Seen]) -> Look:
    """Whether the folder can be written, and holds what the sets of all rigs take."""
    folder = settings.storage.folder
    look = Look("storage")
    there = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            free = shutil.disk_usage(there).free
    except OSError as error:
        look.problem(f"{folder} cannot be written ({error.strerror}); make it writable or name another")
        return look
    needed = sum(_bytes_of(rig, seen[rig.name]) for rig in settings.rig)
    unknown = [rig.name for rig in settings.rig if seen[rig.name].frame_px is None]
    text = f"{folder} has {_size(free)} free, all sets of every rig take {_size(needed)}"
    if unknown:
        look.note(f"the frame size of {', '.join(unknown)} is not known, and not counted in what follows")
    if needed > free:
        look.problem(f"{text}; make room")
    elif needed * _NIGHTS_TO_SPARE > free:
        look.warn(f"{text}, and that is all in {_NIGHTS_TO_SPARE} times; make room")
    else:
        look.ok(text)
    return look


def _look_at_addresses(settings: Config) -> Iterator[Look]:
    """Whether places and channels can be used as they are written; nothing is sent anywhere."""
    if settings.delivery:
        look = Look("delivery")
        with _said_by(look):
            for to, place in places_of(settings).items():
                look.ok(f"files for {to} go to {place}")
        yield look
    if settings.notify is not None:
        look = Look("notify")
        with _said_by(look):
            for address in channels(settings.notify):
                look.ok(f"{address} is told of {', '.join(sorted(address.topics))}")
            mail = mail_account(settings.notify)
            look.note("persons with a plain mail address are written to" if mail else "no mail account")
        yield look


@contextmanager
def _said_by(look: Look) -> Iterator[None]:
    try:
        yield
    except BadInput as error:
        look.problem(str(error))


def _bytes_of(rig: RigConfig, seen: Seen) -> int:
    """The bytes of every set once, with a fifth for rejected frames, and of its masters."""
    filters = len(rig.flats.filters or seen.filters or ("",))
    frames = rig.flats.count * filters + rig.bias.count + rig.darks.count * len(rig.darks.exposures_s)
    masters = filters + 1 + len(rig.darks.exposures_s)
    return int((seen.frame_px or 0) * (2 * frames * _REJECTED + 4 * masters))


def _look_at_rig(rig: RigConfig, settings: Config, seen: Seen, now: datetime) -> Look:
    """What is missing for which sequence, and whether the Sun lets flats be taken tonight."""
    look = Look(rig.name)
    if rig.telescope is None:
        look.note(
            "no telescope: sky flats are taken where it happens to look, nothing points it from the Sun"
        )
    if rig.filter_wheel is None:
        if rig.flats.filters:
            look.problem(
                f"[rig.flats] filters has {', '.join(rig.flats.filters)}, but there is no filter_wheel; add "
                f"it or leave filters out"
            )
        else:
            look.note("no filter_wheel: one set of flats, without a filter's name")
    for name in rig.focus.offsets if rig.focus is not None else ():
        if seen.filters is not None and name not in seen.filters:
            look.problem(
                f"[rig.focus] offsets has {name!r}, the wheel has {' '.join(seen.filters)}; mend its name"
            )
    if rig.cover_calibrator is None and settings.roof is None:
        look.note("neither a roof nor a cover: bias and darks need a shutter in the camera, or a dark room")
    for other in settings.rig:
        for key in ("filter_wheel", "telescope", "cover_calibrator", "focuser", "rotator"):
            address = getattr(rig, key)
            if other.name > rig.name and address is not None and address == getattr(other, key):
                look.warn(f"shares its {key} {address} with {other.name}: both would move it; give it to one")
    if rig.flats.count:
        _look_at_windows(look, rig, settings.site.site(), now)
    return look


def _look_at_windows(look: Look, rig: RigConfig, site: Site, now: datetime) -> None:
    """The windows of this night; in the morning, when its last is over, those of the next."""
    tonight = site.night_of(now)
    windows = _windows(rig, site, tonight)
    if all(isinstance(window, Window) and window.end <= now for window in windows.values()):
        tonight += timedelta(days=1)
        windows = _windows(rig, site, tonight)
    for which, window in windows.items():
        if isinstance(window, Window):
            look.ok(f"flats at {which} from {window.start:%Y-%m-%d %H:%M} to {window.end:%H:%M} UTC")
        else:
            look.note(str(window))


def _windows(rig: RigConfig, site: Site, night: date) -> dict[Twilight, Window | NoWindow]:
    windows: dict[Twilight, Window | NoWindow] = {}
    for which in Twilight:
        try:
            windows[which] = site.twilight(night, which, rig.flats.highest_sun_deg, rig.flats.lowest_sun_deg)
        except NoWindow as error:
            windows[which] = error
    return windows


def _show(findings: list[Finding]) -> None:
    subject = ""
    for finding in findings:
        if finding.subject != subject:
            subject = finding.subject
            console.print(Text(subject, style="bold"))
        line = Text("  ")
        line.append(f"{finding.level:<8} ", style=_STYLES[finding.level])
        line.append(finding.text)
        console.print(line)
    counts = {level: sum(finding.level is level for finding in findings) for level in _RANK[1:]}
    told = ", ".join(f"{count} {level}{'s' if count != 1 else ''}" for level, count in counts.items())
    console.print(Text(f"\n{told}", style=_STYLES[_worst(findings)]))


def _worst(findings: list[Finding]) -> Level:
    return max((finding.level for finding in findings), key=_RANK.index, default=Level.OK)


def _size(number: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} TB"
