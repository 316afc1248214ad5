"""The sections of what becomes of frames: masters, calibrated lights and deliveries."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from capture.config.fields import Name, Section


def _known_places(template: str) -> str:
    known = ("{owner}", "{night}", "{rig}", "{target}")
    for part in template.split("/"):
        if part not in known and not re.fullmatch(r"\*|[A-Za-z0-9_][A-Za-z0-9 _.+-]*", part):
            raise ValueError(f"{part!r} is no part of a folder's name: use {', '.join(known)}, a name, or *")
    return template


class DeliveryConfig(Section):
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


class MastersConfig(Section):
    """`[masters]`: how sets become masters.

    `rejection_maps`: beside each, a file of how many frames were rejected in each pixel.
    `stale_alarm_days`: a need not met for longer, or soon so before frames can be taken, is an alarm.
    """

    method: Literal["clip", "median", "average"] = "clip"
    min_frames: Annotated[int, Field(ge=3, le=1000)] = 5
    rejection_maps: bool = False
    stale_alarm_days: Annotated[float, Field(ge=0, le=365)] = 3.0


class CalibrationConfig(Section):
    """`[calibration]`: which masters fit a light, and what becomes of it.

    `require`: without these it is not calibrated. `scale_darks`: where no dark has its exposure, that
    of a longer one; `bias_only`: where none fits, the bias. `only_older`: no master younger than the light.
    `anew`: a light of the folder whose master is withdrawn is calibrated once more when another comes.
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
    anew: bool = True

    def max_age_days(self, kind: str) -> float:
        """How far a master of this kind may be from the light."""
        ages = {"dark": self.dark_max_age_days, "bias": self.bias_max_age_days}
        return ages.get(kind, self.flat_max_age_days)


class RetentionConfig(Section):
    """`[retention]`: what `nightcal library retain` may delete; what is left out is kept for ever.

    `superseded_days`: frames, so long after another master took the place of theirs; `rejected_days`: frames
    that were rejected or set aside; `calibrated_days`: calibrated lights, so long after their delivery.
    """

    superseded_days: Annotated[float, Field(ge=0)] | None = None
    rejected_days: Annotated[float, Field(ge=0)] | None = None
    calibrated_days: Annotated[float, Field(ge=0)] | None = None


class LightsConfig(Section):
    """`[lights]`: the folder where other programs put their lights, calibrated as they come.

    `template`: what its subfolders are named after, of `{owner}`, `{night}`, `{rig}` and `{target}`.
    `tray`: whose a light is that names nobody. `wait_days`: so long one waits for masters that it lacks.
    """

    folder: Path
    template: Annotated[str, AfterValidator(_known_places)] = "{owner}/{night}/{rig}"
    tray: Name = "operators"
    wait_days: Annotated[float, Field(ge=0, le=365)] = 14.0
