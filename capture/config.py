"""The configuration: one TOML file as frozen typed data.

Every key has its unit in its name. An unknown key, a missing one or a bad value is refused with its
section, its name and what would be right.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from capture.errors import BadInput
from capture.site import Site

STANDARD_DARKS_S = (60.0, 120.0, 180.0, 240.0, 300.0, 600.0)

PositiveSeconds = Annotated[float, Field(gt=0, le=7200)]
CallSeconds = Annotated[float, Field(gt=0, le=600)]
Count = Annotated[int, Field(ge=0, le=1000)]
Binning = Annotated[int, Field(ge=1, le=8)]
Name = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.+-]*$")]


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"no such time zone as {name!r}; use an IANA name such as America/Denver") from error
    return name


def _known_places(template: str) -> str:
    known = ("{owner}", "{night}", "{rig}", "{target}")
    for part in template.split("/"):
        if part not in known and not re.fullmatch(r"\*|[A-Za-z0-9_][A-Za-z0-9 _.+-]*", part):
            raise ValueError(f"{part!r} is no part of a folder's name: use {', '.join(known)}, a name, or *")
    return template


AnyModel = TypeVar("AnyModel", bound=BaseModel)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SiteConfig(_Section):
    """`[site]`: where the telescopes stand."""

    name: Name
    latitude_deg: Annotated[float, Field(ge=-90, le=90)]
    longitude_deg: Annotated[float, Field(ge=-180, le=180)]
    elevation_m: Annotated[float, Field(ge=-500, le=6000)]
    time_zone: Annotated[str, AfterValidator(_known_zone)]

    def site(self) -> Site:
        return Site(self.name, self.latitude_deg, self.longitude_deg, self.elevation_m, self.time_zone)


def _postgresql_url(text: str | None) -> str | None:
    if text is not None and not text.startswith(("postgresql://", "postgresql+psycopg://")):
        raise ValueError("write it as postgresql+psycopg://user@host/name; without it SQLite is used")
    return text


class StorageConfig(_Section):
    """`[storage]`: where frames, masters and the catalogue are kept; relative to the config file.

    `database` is the URL of a PostgreSQL database; None keeps the catalogue in the folder, in SQLite.
    """

    folder: Path
    database: Annotated[str | None, AfterValidator(_postgresql_url)] = None


class DeviceAddress(_Section):
    """One Alpaca device, written `host:port/number`; `[::1]:11111/0` for IPv6."""

    host: str
    port: int
    number: int

    def __str__(self) -> str:
        return f"{self.server}/{self.number}"

    @property
    def server(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def _address(value: object) -> object:
    if not isinstance(value, str):
        return value
    server, slash, number = value.partition("/")
    host, colon, port = server.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (slash and colon and host and port.isdecimal() and number.isdecimal()):
        raise ValueError(f"{value!r} is no device address; write host:port/number, as 127.0.0.1:11111/0")
    if not 0 < int(port) < 65536:
        raise ValueError(f"{value!r} has a port that does not exist; ports run from 1 to 65535")
    return {"host": host, "port": int(port), "number": int(number)}


Address = Annotated[DeviceAddress, BeforeValidator(_address)]


class Timeouts(_Section):
    """Real seconds for the whole of a call, per kind of call; `device_connects_s` for the device's own part.

    `connect_s`: until its server takes us. `slow_write_s`: for what moves something, which some drivers
    answer only when it has arrived.
    """

    connect_s: CallSeconds = 5.0
    read_s: CallSeconds = 10.0
    write_s: CallSeconds = 15.0
    slow_write_s: CallSeconds = 60.0
    image_s: CallSeconds = 120.0
    device_connects_s: Annotated[float, Field(gt=0, le=1800)] = 300.0


_NOT_ABOVE = (("read_s", "image_s"), ("write_s", "slow_write_s"), ("slow_write_s", "device_connects_s"))


class TimeoutsConfig(Timeouts):
    """`[timeouts]`: how long calls may take; in `at`, by `host:port/number`, where a device needs others."""

    at: dict[str, Timeouts] = {}

    def of(self, address: DeviceAddress) -> Timeouts:
        """Those of the devices at `address`."""
        common = self.model_dump(exclude={"at"})
        own = self.at.get(str(address))
        return Timeouts(**common | (own.model_dump(exclude_unset=True) if own is not None else {}))

    @model_validator(mode="after")
    def _ordered(self) -> TimeoutsConfig:
        common = self.model_dump(exclude={"at"})
        merged = [common, *(common | own.model_dump(exclude_unset=True) for own in self.at.values())]
        for values in merged:
            for lower, upper in _NOT_ABOVE:
                if values[lower] > values[upper]:
                    raise ValueError(
                        f"{lower} = {values[lower]:g} must not be above {upper} = {values[upper]:g}"
                    )
        return self


class RoofConfig(_Section):
    """`[roof]`: what covers the rigs, and who may move it.

    `mode`: `operate` (nightcal's guard opens and closes) or `observe` (others do; we wait and leave in
    time). `if_park_fails`: `close` onto the mount or `stay_open`; there is no safe default.
    """

    dome: Address
    mode: Literal["operate", "observe"]
    if_park_fails: Literal["close", "stay_open"]
    clears_mounts: bool = False
    safety_monitors: Annotated[tuple[Address, ...], Field(min_length=1)]
    observing_conditions: Address | None = None
    poll_s: Annotated[float, Field(ge=1, le=5)] = 5.0
    reopen_after_s: Annotated[float, Field(ge=0, le=7200)] = 600.0
    move_deadline_s: PositiveSeconds = 300.0
    park_deadline_s: PositiveSeconds = 180.0


SetPoint = Annotated[float, Field(ge=-100, le=40)]


class SeasonConfig(_Section):
    """`[[rig.cooling.season]]`: another set point in these months, 1 to 12."""

    months: Annotated[tuple[Annotated[int, Field(ge=1, le=12)], ...], Field(min_length=1)]
    set_temperature_c: SetPoint


class GuardConfig(_Section):
    """`[guard]`: the guard is a process of its own, `nightcal guard`; left out, it is part of the service.

    `folder`: its door and what is latched; relative to the config file.
    """

    folder: Path = Path("guard")


class CoolingConfig(_Section):
    """`[rig.cooling]`: the set point and what counts as reached.

    `season`: other set points by month. `tolerance_c` is at most what a good dark may be off. `warm_up`: when
    the night's work has ended; not where others go on with the camera.
    """

    set_temperature_c: SetPoint
    season: tuple[SeasonConfig, ...] = ()
    ramp_c_per_min: Annotated[float, Field(gt=0, le=30)] = 5.0
    tolerance_c: Annotated[float, Field(gt=0, le=0.5)] = 0.5
    steady_c_per_min: Annotated[float, Field(gt=0, le=5)] = 0.3
    deadline_s: PositiveSeconds = 1800.0
    warm_up: bool = True

    @model_validator(mode="after")
    def _one_season_a_month(self) -> CoolingConfig:
        months = [month for season in self.season for month in season.months]
        for month in months:
            if months.count(month) > 1:
                raise ValueError(f"month {month} is in two seasons; leave it in one")
        return self

    def on(self, night: date) -> CoolingConfig:
        """The same with the set point of that night's month, and no seasons."""
        points_c = {month: season.set_temperature_c for season in self.season for month in season.months}
        set_c = points_c.get(night.month, self.set_temperature_c)
        return self.model_copy(update={"set_temperature_c": set_c, "season": ()})


class FocusConfig(_Section):
    """`[rig.focus]`: focuser steps. `position`: the focus of a filter of offset 0; as found without it."""

    position: Annotated[int, Field(ge=0)] | None = None
    offsets: dict[Name, int] = {}


class FlatSetConfig(_Section):
    """`[[rig.flats.set]]`: filters whose flats are taken otherwise; what is left out is the rig's."""

    filters: Annotated[tuple[Name, ...], Field(min_length=1)]
    binning: Binning | None = None
    gain: int | None = None
    offset: int | None = None
    readout_mode: int | None = None

    @property
    def setup(self) -> dict[str, int]:
        """What it sets, by key."""
        return self.model_dump(exclude={"filters"}, exclude_none=True)


class FlatsConfig(_Section):
    """`[rig.flats]`: sky flats. `filters` empty: every filter of the wheel. `set`: others in their setup.

    `exposure_grid_s`: expose flats only so long, so that few darks match them; `flat_darks`: take those.
    """

    filters: tuple[Name, ...] = ()
    count: Count = 10
    max_age_days: Annotated[float, Field(gt=0)] = 14.0
    target_fraction: Annotated[float, Field(gt=0.05, lt=0.9)] = 0.5
    tolerance: Annotated[float, Field(gt=0.01, le=0.5)] = 0.25
    min_exposure_s: PositiveSeconds = 0.2
    max_exposure_s: PositiveSeconds = 60.0
    highest_sun_deg: Annotated[float, Field(ge=-10, le=10)] = 0.0
    lowest_sun_deg: Annotated[float, Field(ge=-18, le=5)] = -10.0
    lowest_altitude_deg: Annotated[float, Field(ge=10, le=85)] = 30.0
    sun_distance_deg: Annotated[float, Field(ge=20, le=90)] = 45.0
    moon_distance_deg: Annotated[float, Field(ge=0, le=60)] = 30.0
    rotator_deg: Annotated[float, Field(ge=0, lt=360)] | None = None
    exposure_grid_s: tuple[PositiveSeconds, ...] = ()
    flat_darks: bool = False
    set: tuple[FlatSetConfig, ...] = ()

    @model_validator(mode="after")
    def _one_set_a_filter(self) -> FlatsConfig:
        filters = [name for one in self.set for name in one.filters]
        for name in filters:
            if filters.count(name) > 1:
                raise ValueError(f"filter {name} is in two sets; leave it in one")
        return self

    @model_validator(mode="after")
    def _ordered(self) -> FlatsConfig:
        if self.min_exposure_s >= self.max_exposure_s:
            raise ValueError("min_exposure_s must be below max_exposure_s")
        if self.lowest_sun_deg >= self.highest_sun_deg:
            raise ValueError("lowest_sun_deg must be below highest_sun_deg")
        for exposure_s in self.exposure_grid_s:
            if not self.min_exposure_s <= exposure_s <= self.max_exposure_s:
                raise ValueError(
                    f"exposure_grid_s has {exposure_s:g} s, outside min_exposure_s to max_exposure_s "
                    f"({self.min_exposure_s:g} to {self.max_exposure_s:g} s)"
                )
        if tuple(sorted(set(self.exposure_grid_s))) != self.exposure_grid_s:
            raise ValueError("exposure_grid_s must rise from each exposure to the next")
        return self


class BiasConfig(_Section):
    """`[rig.bias]`"""

    count: Count = 20
    max_age_days: Annotated[float, Field(gt=0)] = 90.0


class DarksConfig(_Section):
    """`[rig.darks]`. `probe_s`: the exposure of the probes that look for stray light; 0 for none.

    `lights_days`: beside `exposures_s`, darks of what the lights of so many days had; 0 for none.
    """

    exposures_s: tuple[PositiveSeconds, ...] = STANDARD_DARKS_S
    count: Count = 10
    max_age_days: Annotated[float, Field(gt=0)] = 30.0
    lights_days: Annotated[float, Field(ge=0, le=365)] = 30.0
    probe_s: Annotated[float, Field(ge=0, le=600)] = 30.0
    by_day: bool = False

    @model_validator(mode="after")
    def _looked_after_by_day(self) -> DarksConfig:
        if self.by_day and not self.probe_s:
            raise ValueError("by_day needs probes that look for stray light; set probe_s above 0")
        return self


class PanelConfig(_Section):
    """`[rig.panel]`: flats by the panel, of these filters instead of by the sky; of all when empty."""

    filters: tuple[Name, ...] = ()
    min_exposure_s: PositiveSeconds = 0.5
    max_exposure_s: PositiveSeconds = 60.0
    max_brightness: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _ordered(self) -> PanelConfig:
        if self.min_exposure_s >= self.max_exposure_s:
            raise ValueError("min_exposure_s must be below max_exposure_s")
        return self

    def lights(self, filter_name: str | None) -> bool:
        """Whether flats of this filter are the panel's."""
        return not self.filters or filter_name in self.filters


class RigConfig(_Section):
    """`[[rig]]`: devices that observe together. What is left out is not there."""

    name: Name
    camera: Address
    filter_wheel: Address | None = None
    telescope: Address | None = None
    cover_calibrator: Address | None = None
    focuser: Address | None = None
    rotator: Address | None = None
    dome: Address | None = None
    binning: Binning = 1
    gain: int | None = None
    offset: int | None = None
    readout_mode: int | None = None
    cooling: CoolingConfig | None = None
    focus: FocusConfig | None = None
    flats: FlatsConfig = FlatsConfig()
    bias: BiasConfig = BiasConfig()
    darks: DarksConfig = DarksConfig()
    panel: PanelConfig | None = None

    @model_validator(mode="after")
    def _complete(self) -> RigConfig:
        for given, needs, key in (
            (self.focus, self.focuser, "focuser"),
            (self.flats.rotator_deg, self.rotator, "rotator"),
            (self.dome, self.telescope, "telescope"),
            (self.panel, self.cover_calibrator, "cover_calibrator"),
        ):
            if given is not None and needs is None:
                what = {
                    "focuser": "focus",
                    "rotator": "flats.rotator_deg",
                    "telescope": "dome",
                    "cover_calibrator": "panel",
                }[key]
                raise ValueError(f"{what} needs the key {key}")
        return self

    @model_validator(mode="after")
    def _sets_have_something_to_differ_from(self) -> RigConfig:
        for key in dict.fromkeys(key for one in self.flats.set for key in one.setup):
            if getattr(self, key) is None:
                raise ValueError(
                    f"a [[rig.flats.set]] has {key}: give the rig its {key} too, or it stays at the set's"
                )
        return self

    def for_flats(self, filter_name: str | None) -> RigConfig:
        """The rig as it is set up for flats of this filter."""
        setup = next((one.setup for one in self.flats.set if filter_name in one.filters), {})
        return self.model_copy(update=setup) if setup else self

    def on(self, night: date) -> RigConfig:
        """The rig as it is set up on that night: a season's set point is of its month."""
        if self.cooling is None or not self.cooling.season:
            return self
        return self.model_copy(update={"cooling": self.cooling.on(night)})


class ReservationsConfig(_Section):
    """`[reservations]`: iCalendar files that say when rigs are promised to somebody.

    `folder` is relative to the config file; a run ends `margin_s` before a reservation.
    """

    folder: Path
    margin_s: Annotated[float, Field(ge=0, le=7200)] = 300.0


class DeliveryConfig(_Section):
    """`[[delivery]]`: the place of somebody, to which files of theirs go.

    `to`: an owner; `public`, who gets the masters of all rigs; `*`, who gets what is of anybody else.
    `place`: a folder, or `ftp`, `ftps` or `sftp://user@host/folder`. `password_file`, `key_file` and
    `trusted_file` (certificates or known_hosts) are relative to the config file, as a folder is.
    """

    to: Annotated[str, Field(min_length=1, max_length=80)]
    place: str
    password_file: Path | None = None
    key_file: Path | None = None
    trusted_file: Path | None = None

    def anchored(self, folder: Path) -> DeliveryConfig:
        """The same with relative paths taken from `folder`."""
        files = ("password_file", "key_file", "trusted_file")
        update: dict[str, Any] = {
            name: (folder / value.expanduser()).resolve() for name in files if (value := getattr(self, name))
        }
        if self.place.strip() and "://" not in self.place:
            update["place"] = str((folder / Path(self.place).expanduser()).resolve())
        return self.model_copy(update=update)


class MastersConfig(_Section):
    """`[masters]`: how sets become masters.

    `rejection_maps`: beside each, a file of how many frames were rejected in each pixel.
    """

    method: Literal["clip", "median", "average"] = "clip"
    min_frames: Annotated[int, Field(ge=3, le=1000)] = 5
    rejection_maps: bool = False


class CalibrationConfig(_Section):
    """`[calibration]`: which masters fit a light, and what becomes of it.

    `require`: without these it is not calibrated. `scale_darks`: where no dark has its exposure, that
    of a longer one; `bias_only`: where none fits, the bias. `only_older`: no master younger than the light.
    """

    dark_max_age_days: Annotated[float, Field(gt=0)] = 30.0
    bias_max_age_days: Annotated[float, Field(gt=0)] = 90.0
    flat_max_age_days: Annotated[float, Field(gt=0)] = 14.0
    temperature_tolerance_c: Annotated[float, Field(gt=0, le=10)] = 1.0
    rotator_tolerance_deg: Annotated[float, Field(gt=0, le=180)] = 1.0
    require: tuple[Literal["dark", "flat"], ...] = ("dark", "flat")
    scale_darks: bool = False
    bias_only: bool = False
    only_older: bool = False
    flats_of_other_gain: bool = False
    output: Literal["float32", "uint16"] = "float32"
    mask: bool = True

    def max_age_days(self, kind: str) -> float:
        """How far a master of this kind may be from the light."""
        ages = {"dark": self.dark_max_age_days, "bias": self.bias_max_age_days}
        return ages.get(kind, self.flat_max_age_days)


class LightsConfig(_Section):
    """`[lights]`: the folder where other programs put their lights, calibrated as they come.

    `template`: what its subfolders are named after, of `{owner}`, `{night}`, `{rig}` and `{target}`.
    `tray`: whose a light is that names nobody. `wait_days`: so long one waits for masters that it lacks.
    """

    folder: Path
    template: Annotated[str, AfterValidator(_known_places)] = "{owner}/{night}/{rig}"
    tray: Name = "operators"
    wait_days: Annotated[float, Field(ge=0, le=365)] = 14.0


class Config(_Section):
    """The whole file."""

    site: SiteConfig
    storage: StorageConfig
    roof: RoofConfig | None = None
    guard: GuardConfig | None = None
    rig: Annotated[tuple[RigConfig, ...], Field(min_length=1)]
    masters: MastersConfig = MastersConfig()
    reservations: ReservationsConfig | None = None
    calibration: CalibrationConfig = CalibrationConfig()
    lights: LightsConfig | None = None
    delivery: tuple[DeliveryConfig, ...] = ()
    timeouts: TimeoutsConfig = TimeoutsConfig()

    @model_validator(mode="after")
    def _distinct(self) -> Config:
        names = [rig.name for rig in self.rig]
        cameras = [str(rig.camera) for rig in self.rig]
        domes = [str(rig.dome) for rig in self.rig if rig.dome]
        for what, values in (
            ("rigs have the name", names),
            ("rigs use the camera", cameras),
            ("rigs turn the dome", domes),
            ("[[delivery]] go to", [one.to for one in self.delivery]),
        ):
            for value in values:
                if values.count(value) > 1:
                    raise ValueError(f"two {what} {value}; each needs its own")
        return self

    @model_validator(mode="after")
    def _something_to_guard(self) -> Config:
        if self.guard is not None and self.roof is None:
            raise ValueError("[guard] needs a [roof] to guard; name its dome, or take [guard] out")
        return self

    @model_validator(mode="after")
    def _timeouts_of_devices(self) -> Config:
        known = sorted(
            {str(address) for section in (self.roof, *self.rig) for address in _addresses(section)}
        )
        for address in self.timeouts.at:
            if address not in known:
                raise ValueError(
                    f"[timeouts.at] names {address}, where the config has no device; it has "
                    f"{', '.join(known)}"
                )
        return self

    def rig_named(self, name: str) -> RigConfig:
        """The rig of that name. Raises BadInput listing the names there are."""
        for rig in self.rig:
            if rig.name == name:
                return rig
        raise BadInput(
            f"there is no rig {name!r} in the config; it has {', '.join(r.name for r in self.rig)}"
        )


def _addresses(section: BaseModel | None) -> Iterator[DeviceAddress]:
    """Every device that a section names."""
    for _, value in section or ():
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, DeviceAddress):
                yield item


def load_config(path: Path) -> Config:
    """Read and check the TOML file at `path`. Raises BadInput with one line per thing to mend."""
    return parse_config(read_text(path), path)


def read_text(path: Path) -> str:
    """The config file's text. Raises BadInput."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadInput(f"there is no config file {path}; name one with --config") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"the config file {path} cannot be read: {error}") from error


def parse_config(text: str, path: Path) -> Config:
    """Check the TOML `text`; `path` names it in messages and anchors relative folders. Raises BadInput."""
    config = checked(Config, text, path)
    folder = (path.parent / config.storage.folder.expanduser()).resolve()
    storage = config.storage.model_copy(update={"folder": folder})
    if config.lights is not None:
        folder = (path.parent / config.lights.folder.expanduser()).resolve()
        config = config.model_copy(update={"lights": config.lights.model_copy(update={"folder": folder})})
    guard = config.guard
    if guard is not None:
        guard = GuardConfig(folder=(path.parent / guard.folder.expanduser()).resolve())
    reserved = config.reservations
    if reserved is not None:
        folder = (path.parent / reserved.folder.expanduser()).resolve()
        reserved = reserved.model_copy(update={"folder": folder})
    delivery = tuple(one.anchored(path.parent) for one in config.delivery)
    return config.model_copy(
        update={"storage": storage, "guard": guard, "reservations": reserved, "delivery": delivery}
    )


def checked(model: type[AnyModel], text: str, path: Path) -> AnyModel:
    """The TOML `text` as `model` has it. Raises BadInput with one line, naming `path`, per thing to mend."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path} is no valid TOML: {error}") from error
    try:
        return model.model_validate(data)
    except ValidationError as error:
        faults = error.errors()
        # A list whose items are faulty counts as empty: the items' own faults say it better.
        parents = {fault["loc"][:depth] for fault in faults for depth in range(len(fault["loc"]))}
        lines = [
            _sentence(data, tuple(fault["loc"]), fault["type"], fault["msg"])
            for fault in faults
            if fault["type"] != "too_short" or fault["loc"] not in parents
        ]
        raise BadInput("\n".join(f"{path}: {line}" for line in dict.fromkeys(lines))) from error


def _sentence(data: Any, where: tuple[str | int, ...], fault: str, message: str) -> str:
    """One fault as a sentence that names section and key: `[rig "T1".flats] has no key ...`."""
    sections: list[str] = []
    node = data
    for part in where[:-1]:
        child = node[part] if isinstance(node, list) and isinstance(part, int) else None
        if isinstance(node, dict):
            child = node.get(part)
        if isinstance(part, int):
            name = child.get("name") if isinstance(child, dict) else None
            sections[-1] += f' "{name}"' if name else f" number {part + 1}"
        elif isinstance(child, dict | list):
            sections.append(part)
        node = child
    key = where[-1] if where else ""
    section = f"[{'.'.join(sections)}]" if sections else "the top level"
    message = message.removeprefix("Value error, ")
    if fault == "extra_forbidden":
        return f"{section} knows no key {key!r}; take it out or mend its spelling"
    if fault == "missing":
        return f"{section} lacks the key {key!r}"
    if not where:
        return message
    if isinstance(node, dict) and isinstance(node.get(key), dict):
        return f"[{'.'.join((*sections, str(key)))}]: {message}"
    return f"{section} {key}: {message[:1].lower()}{message[1:]}"
