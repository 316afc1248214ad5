"""The whole file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, model_validator

from capture.config.fields import DeviceAddress, Section
from capture.config.library import (
    CalibrationConfig,
    DeliveryConfig,
    LightsConfig,
    MastersConfig,
    RetentionConfig,
)
from capture.config.members import MembersConfig
from capture.config.notify import NotifyConfig
from capture.config.observatory import GuardConfig, ReservationsConfig, RoofConfig, SiteConfig, StorageConfig
from capture.config.reading import checked, read_text
from capture.config.rig import RigConfig
from capture.config.timeouts import TimeoutsConfig
from capture.config.web import WebConfig
from capture.errors import BadInput


class Config(Section):
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
    retention: RetentionConfig = RetentionConfig()
    delivery: tuple[DeliveryConfig, ...] = ()
    timeouts: TimeoutsConfig = TimeoutsConfig()
    web: WebConfig | None = None
    members: MembersConfig = MembersConfig()
    notify: NotifyConfig | None = None

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
    if config.web is not None:
        config = config.model_copy(update={"web": config.web.anchored(path.parent)})
    if config.notify is not None:
        config = config.model_copy(update={"notify": config.notify.anchored(path.parent)})
    return config.model_copy(
        update={"storage": storage, "guard": guard, "reservations": reserved, "delivery": delivery}
    )
