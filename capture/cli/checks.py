"""What `nightcal doctor` asks each kind of device, and what it makes of the answers. Moves nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from capture.alpaca.devices import (
    Camera,
    CameraStates,
    CoverCalibrator,
    CoverStatus,
    Dome,
    FilterWheel,
    ObservingConditions,
    SafetyMonitor,
    SensorType,
    ShutterState,
    Telescope,
)
from capture.cli.findings import Look
from capture.clock import Clock
from capture.config import RigConfig, RoofConfig, SiteConfig
from capture.guard.safety import OLDEST_WEATHER_S

_CLOCKS_DIFFER_S = 2.0
_SITES_DIFFER_DEG = 0.1
_SITES_DIFFER_M = 200.0
_COLORS = {SensorType.Monochrome: "monochrome", SensorType.RGGB: "RGGB"}
_SHUTTERS = {
    ShutterState.shutterOpen: "open",
    ShutterState.shutterClosed: "shut",
    ShutterState.shutterOpening: "opening",
    ShutterState.shutterClosing: "closing",
}


@dataclass
class Seen:
    """What the devices of one rig have told that others need to know."""

    frame_px: int | None = None
    filters: tuple[str, ...] | None = None


def check_camera(look: Look, camera: Camera, rig: RigConfig, seen: Seen) -> None:
    """Size, limits, modes and cooling against what the config asks for."""
    width = look.ask("CameraXSize", lambda: int(camera.CameraXSize))
    height = look.ask("CameraYSize", lambda: int(camera.CameraYSize))
    if not width or not height:
        look.problem("the camera does not tell its size, and nothing can be taken; look at its driver")
    else:
        seen.frame_px = (width // rig.binning) * (height // rig.binning)
        color = look.ask("SensorType", lambda: SensorType(camera.SensorType))
        has_shutter = look.ask("HasShutter", lambda: bool(camera.HasShutter))
        words = [f"{width} x {height} px"]
        if color is not None:
            words.append(_COLORS.get(color, "of another colour pattern"))
        words.append("with a shutter" if has_shutter else "without a shutter")
        look.ok(", ".join(words))
    state = look.ask("CameraState", lambda: CameraStates(camera.CameraState))
    if state == CameraStates.cameraError:
        look.problem("the camera is in its error state; restart its driver or power it off and on")
    elif state not in (CameraStates.cameraIdle, None):
        look.warn("the camera is busy: another program uses it; a run would abort what it exposes")
    if not look.ask("CanAbortExposure", lambda: bool(camera.CanAbortExposure)):
        look.warn("an exposure cannot be aborted: a stop waits for its end")
    _check_exposures(look, camera, rig)
    _check_modes(look, camera, rig)
    _check_cooling(look, camera, rig)


def _check_exposures(look: Look, camera: Camera, rig: RigConfig) -> None:
    shortest = look.ask("ExposureMin", lambda: float(camera.ExposureMin)) or 0.0
    longest = look.ask("ExposureMax", lambda: float(camera.ExposureMax)) or 3600.0
    look.ok(f"exposes {shortest:g} to {longest:g} s")
    flats = rig.flats
    if flats.max_exposure_s < shortest or flats.min_exposure_s > longest:
        look.problem(
            f"no flat can be taken: [rig.flats] wants {flats.min_exposure_s:g} to {flats.max_exposure_s:g} "
            f"s; mend min_exposure_s and max_exposure_s"
        )
    elif flats.min_exposure_s < shortest or flats.max_exposure_s > longest:
        look.note(
            f"[rig.flats] wants {flats.min_exposure_s:g} to {flats.max_exposure_s:g} s; flats keep within "
            f"what the camera exposes"
        )
    bad = [f"{s:g}" for s in rig.darks.exposures_s if not shortest <= s <= longest]
    if bad and rig.darks.count:
        look.problem(
            f"darks of {', '.join(bad)} s are not within what the camera exposes; take them out of "
            f"[rig.darks] exposures_s"
        )


def _check_modes(look: Look, camera: Camera, rig: RigConfig) -> None:
    most = look.ask("MaxBinX", lambda: int(camera.MaxBinX))
    if most is not None and rig.binning > most:
        look.problem(f"binning = {rig.binning} is more than the camera's {most}; lower it")
    brightest = look.ask("MaxADU", lambda: int(camera.MaxADU))
    if brightest is not None and brightest > 65535:
        look.warn(
            f"pixels may reach {brightest}, and only 16 bits are kept; choose a 16 bit mode in its driver"
        )
    modes = look.ask("ReadoutModes", lambda: [str(mode) for mode in camera.ReadoutModes]) or []
    if rig.readout_mode is not None and not 0 <= rig.readout_mode < max(1, len(modes)):
        look.problem(f"readout_mode = {rig.readout_mode} is not among the {len(modes)}: {_numbered(modes)}")
    elif len(modes) > 1 and rig.readout_mode is None:
        look.note(
            f"several readout modes ({_numbered(modes)}); set readout_mode, or it may change with others"
        )
    _check_level(
        look, "gain", rig.gain,
        look.ask("Gain", lambda: int(camera.Gain)),
        look.ask("Gains", lambda: [str(gain) for gain in camera.Gains]),
        (look.ask("GainMin", lambda: int(camera.GainMin)), look.ask("GainMax", lambda: int(camera.GainMax))),
    )  # fmt: skip
    _check_level(
        look, "offset", rig.offset,
        look.ask("Offset", lambda: int(camera.Offset)),
        look.ask("Offsets", lambda: [str(offset) for offset in camera.Offsets]),
        (
            look.ask("OffsetMin", lambda: int(camera.OffsetMin)),
            look.ask("OffsetMax", lambda: int(camera.OffsetMax)),
        ),
    )  # fmt: skip


def _check_level(
    look: Look,
    key: str,
    wanted: int | None,
    now: int | None,
    names: list[str] | None,
    span: tuple[int | None, int | None],
) -> None:
    """Gain or offset: by index where the camera names its levels, else by value."""
    low, high = (0, len(names) - 1) if names else span
    if wanted is None:
        if now is not None:
            look.note(
                f"{key} is {now} now and not in the config; set {key} so that no other program changes it"
            )
    elif now is None and low is None:
        look.problem(f"{key} = {wanted} is in the config, but the camera has none; take it out")
    elif low is not None and high is not None and not low <= wanted <= high:
        look.problem(f"{key} = {wanted} is not within the camera's {low} to {high}; mend it")
    else:
        look.ok(f"{key} {wanted}")


def _check_cooling(look: Look, camera: Camera, rig: RigConfig) -> None:
    can = look.ask("CanSetCCDTemperature", lambda: bool(camera.CanSetCCDTemperature))
    now = look.ask("CCDTemperature", lambda: float(camera.CCDTemperature))
    measured = "" if now is None else f", {now:.1f} C now"
    if rig.cooling is None:
        if can:
            look.warn(
                f"it can be cooled, but there is no [rig.cooling]: darks match at no temperature{measured}"
            )
        return
    if not can:
        look.problem("it cannot be cooled; take [rig.cooling] out of the config")
    else:
        look.ok(f"to be cooled to {rig.cooling.set_temperature_c:g} C{measured}")


def check_wheel(look: Look, wheel: FilterWheel, rig: RigConfig, seen: Seen) -> None:
    """Names against the filters that flats are wanted of."""
    names = look.ask("Names", lambda: tuple(str(name) for name in wheel.Names))
    if not names:
        look.problem("the wheel tells no filter names; name its filters in its driver")
        return
    seen.filters = names
    look.ok(f"filters {' '.join(names)}")
    for name in rig.flats.filters:
        if name not in names:
            look.problem(
                f"[rig.flats] filters has {name!r}, the wheel has {' '.join(names)}; mend the config or the "
                f"wheel's names"
            )
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        look.warn(f"several slots are named {', '.join(sorted(twice))}; only the first of each is ever used")
    if look.ask("Position", lambda: int(wheel.Position)) == -1:
        look.note("the wheel is moving now")


def check_mount(
    look: Look, mount: Telescope, site: SiteConfig, roof: RoofConfig | None, clock: Clock
) -> None:
    """How it slews and parks, its clock, its own site."""
    alt_az = look.ask("CanSlewAltAzAsync", lambda: bool(mount.CanSlewAltAzAsync))
    if alt_az or look.ask("CanSlewAsync", lambda: bool(mount.CanSlewAsync)):
        look.ok(f"slews in {'Alt/Az' if alt_az else 'RA/Dec'}")
    else:
        look.problem(
            "it can slew neither in Alt/Az nor in RA/Dec without blocking; sky flats need one of them"
        )
    parked = look.ask("AtPark", lambda: bool(mount.AtPark))
    if look.ask("CanPark", lambda: bool(mount.CanPark)):
        look.ok("can park" + (", is parked" if parked else ", is not parked"))
    elif roof is not None and not roof.clears_mounts:
        look.problem("it cannot park, and the roof moves only over parked mounts ([roof] clears_mounts)")
    else:
        look.note("it cannot park")
    if parked and not look.ask("CanUnpark", lambda: bool(mount.CanUnpark)):
        look.problem("it is parked and cannot be unparked from here; unpark it by hand before flats")
    _check_clock(look, mount, clock)
    _check_site(look, mount, site)


def _check_clock(look: Look, mount: Telescope, clock: Clock) -> None:
    before = clock.now()
    told = look.ask("UTCDate", lambda: datetime.fromisoformat(str(mount.line.get("utcdate")).strip()))
    if told is None:
        return
    middle = before + (clock.now() - before) / 2
    told = told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)
    ahead_s = (told - middle).total_seconds()
    if abs(ahead_s) > _CLOCKS_DIFFER_S:
        way = "ahead of" if ahead_s > 0 else "behind"
        look.warn(f"its clock is {_span(abs(ahead_s))} {way} this machine's; set both by NTP or GPS")
    else:
        look.ok(f"its clock agrees with this machine's within {max(0.1, abs(ahead_s)):.1f} s")


def _check_site(look: Look, mount: Telescope, site: SiteConfig) -> None:
    latitude = look.ask("SiteLatitude", lambda: float(mount.SiteLatitude))
    longitude = look.ask("SiteLongitude", lambda: float(mount.SiteLongitude))
    elevation = look.ask("SiteElevation", lambda: float(mount.SiteElevation))
    if latitude is None or longitude is None:
        look.note("it does not tell where it stands")
        return
    if (latitude, longitude) == (0.0, 0.0):
        look.warn("it has never been told where it stands; set its site in its driver")
        return
    agrees = True
    for name, ours, its, around in (
        ("latitude", site.latitude_deg, latitude, 0.0), ("longitude", site.longitude_deg, longitude, 360.0),
    ):  # fmt: skip
        if _apart(ours, its, around) <= _SITES_DIFFER_DEG:
            continue
        agrees = False
        where = f"[site] {name}_deg is {ours:g}, the mount's own is {its:g}"
        if _apart(-ours, its, around) <= _SITES_DIFFER_DEG:
            positive = "north" if name == "latitude" else "east"
            look.problem(
                f"{where}: one of them has the wrong sign; {positive} is positive, mend the wrong one"
            )
        else:
            look.warn(f"{where}; mend the wrong one")
    if elevation is not None and abs(elevation - site.elevation_m) > _SITES_DIFFER_M:
        agrees = False
        look.warn(
            f"[site] elevation_m is {site.elevation_m:g}, the mount's own is {elevation:g}; mend the wrong "
            f"one"
        )
    if agrees:
        look.ok("its own site agrees with [site]")


def check_cover(look: Look, cover: CoverCalibrator) -> None:
    state = look.ask("CoverState", lambda: CoverStatus(cover.CoverState))
    if state == CoverStatus.NotPresent:
        look.note("it has no cover, only a panel: the sky and the roof alone decide what light comes in")
    elif state in (CoverStatus.Error, None):
        look.problem("the cover reports an error or no state at all; look at it and its driver")
    elif state == CoverStatus.Unknown:
        look.warn("the cover does not know where it stands; move it once by hand")
    else:
        look.ok(f"the cover is {state.name.lower()}")


def check_dome(look: Look, dome: Dome, roof: RoofConfig) -> None:
    state = look.ask("ShutterStatus", lambda: ShutterState(dome.ShutterStatus))
    if state in _SHUTTERS:
        look.ok(f"the roof is {_SHUTTERS[state]}; mode {roof.mode}")
    elif state is None:
        look.problem("the roof does not tell whether it is open or shut; look at it and its driver")
    else:
        look.problem("the roof is in its error state; look at it and its driver")
    if roof.mode == "operate" and not look.ask("CanSetShutter", lambda: bool(dome.CanSetShutter)):
        look.problem('mode = "operate", but the roof cannot be opened and closed from here; use "observe"')
    if look.ask("Slaved", lambda: bool(dome.Slaved)):
        look.note("the dome is slaved to a mount")


def check_safety(look: Look, monitor: SafetyMonitor) -> None:
    word = look.ask("IsSafe", lambda: monitor.IsSafe)
    if word is True:
        look.ok("says safe now")
    elif word is False:
        look.note("says unsafe now")
    else:
        look.problem("says neither safe nor unsafe, and counts as unsafe; look at its driver")


def check_weather(look: Look, weather: ObservingConditions) -> None:
    age_s = look.ask("TimeSinceLastUpdate", lambda: float(weather.TimeSinceLastUpdate("")))
    if age_s is None:
        look.warn("it does not tell how old its readings are: a station that has died may go unseen")
    elif not 0 <= age_s <= OLDEST_WEATHER_S:
        look.warn(f"its last reading is {_span(age_s)} old, and counts as unsafe; look at the station")
    else:
        look.ok(f"its last reading is {age_s:.0f} s old")
    rain = look.ask("RainRate", lambda: float(weather.RainRate))
    if rain is None:
        look.note("it tells no rain rate: only the age of its readings is looked at")
    elif rain:
        look.note(f"it rains now ({rain:g} mm/h)")


def _apart(one: float, other: float, around: float) -> float:
    difference = abs(one - other)
    return min(difference, around - difference) if around else difference


def _span(seconds: float) -> str:
    if abs(seconds) < 600:
        return f"{seconds:.1f} s"
    return f"{seconds / 3600:.1f} h" if abs(seconds) < 172_800 else f"{seconds / 86400:.0f} days"


def _numbered(names: Sequence[str]) -> str:
    return ", ".join(f"{number} {name}" for number, name in enumerate(names)) or "none"
