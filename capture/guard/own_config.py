"""What the guard needs of the config, and no more: a typo in how a rig takes flats leaves no roof unguarded.

What might hide a mount is refused all the same: it may stand under the roof that closes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from capture.config import (
    Address,
    Config,
    GuardConfig,
    Name,
    RigConfig,
    RoofConfig,
    SiteConfig,
    TimeoutsConfig,
    checked,
    read_text,
)


class GuardedRig(BaseModel):
    """A rig as the guard sees it: its mount, if it has one."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: Name
    telescope: Address | None = None

    @model_validator(mode="before")
    @classmethod
    def _hides_no_mount(cls, data: Any) -> Any:
        if isinstance(data, dict) and "telescope" not in data:
            for key in data.keys() - RigConfig.model_fields.keys():
                raise ValueError(f"there is no key {key!r}, and no telescope; mend its spelling if it is one")
        return data


class GuardsConfig(BaseModel):
    """The sections that the guard reads. Of the others it only knows the names."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    roof: RoofConfig | None = None
    guard: GuardConfig | None = None
    rig: tuple[GuardedRig, ...] = Field(min_length=1)
    timeouts: TimeoutsConfig = TimeoutsConfig()

    @model_validator(mode="before")
    @classmethod
    def _hides_no_section(cls, data: Any) -> Any:
        for key in data.keys() - Config.model_fields.keys() if isinstance(data, dict) else ():
            raise ValueError(f"the top level knows no key {key!r}; take it out or mend its spelling")
        return data

    @model_validator(mode="after")
    def _hides_no_rig(self) -> GuardsConfig:
        names = [rig.name for rig in self.rig]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two rigs have the name {name}; each needs its own")
        return self


class _Place(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    site: SiteConfig


def load_site(path: Path) -> SiteConfig:
    """Only `[site]` of the TOML file at `path`, for its times of day. Raises as `load_guards_config`."""
    return checked(_Place, read_text(path), path).site


def load_guards_config(path: Path) -> GuardsConfig:
    """Read the guard's part of the TOML file at `path`. Raises BadInput with one line per thing to mend."""
    config = checked(GuardsConfig, read_text(path), path)
    if config.guard is None:
        return config
    folder = (path.parent / config.guard.folder.expanduser()).resolve()
    return config.model_copy(update={"guard": GuardConfig(folder=folder)})
