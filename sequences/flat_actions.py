"""The words between a flat controller and the loop that drives it: actions out, measurements in.

Times are aware datetimes, exposures seconds, levels ADU above bias.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import ArrayLike, NDArray

from capture.errors import BadInput

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Expose:
    """Take a flat."""

    filter: str
    exposure_s: float


@dataclass(frozen=True)
class Probe:
    """Take a short look, of a subframe if the camera can; it is not kept."""

    filter: str
    exposure_s: float


@dataclass(frozen=True)
class Wait:
    """Nothing can be taken now, but waiting helps: ask again at `until`, or earlier."""

    until: datetime
    reason: str = ""


@dataclass(frozen=True)
class Stop:
    """There is nothing more to do in this twilight."""

    reason: str


Action = Expose | Probe | Wait | Stop


@dataclass(frozen=True)
class Measurement:
    """What a frame or probe showed.

    `started` is when the shutter opened, `exposure_s` what was asked of it, `level_adu` the median above
    bias, `saturated_fraction` the part of the pixels at the ceiling. `counted` is whether the frame was
    kept as good; None leaves that to the controller: it was an Expose, in band, and not saturated.
    `sigma_ln` is how far the level may be off besides, as that of a subframe is: a deviation of its ln.
    """

    filter: str
    exposure_s: float
    started: datetime
    level_adu: float
    saturated_fraction: float
    counted: bool | None = None
    sigma_ln: float = 0.0


@dataclass(frozen=True)
class FlatSettings:
    """What a flat should be. Levels are above bias; `tolerance` is a fraction of the target.

    `download_s` is what passes between the shutter's closing and the next frame, `wheel_s` what a change of
    filter adds to that, `probe_s` what passes after a probe: guesses that the controller refines from how its
    frames follow each other. `shutter_error_s` is how much longer than asked the shutter is open, refined
    too. With `exposures_s` only these exposures are taken, so that few flat-darks match them. `min_probe_s`
    is the shortest look, by default the shortest flat; a shutter that lights a flat unevenly still serves
    for a shorter look, after which a restless sky has changed less.

    Raises BadInput for what cannot be satisfied.
    """

    target_adu: float
    tolerance: float
    min_exposure_s: float
    max_exposure_s: float
    download_s: float = 2.0
    wheel_s: float = 2.0
    probe_s: float = 1.0
    shutter_error_s: float = 0.0
    saturation_adu: float = 64000.0
    exposures_s: Sequence[float] = ()
    min_probe_s: float | None = None

    def __post_init__(self) -> None:
        if not self.target_adu > 0:
            raise BadInput(f"target_adu is {self.target_adu:g}: a flat needs a level above bias to aim at")
        if not 0 < self.tolerance < 1:
            raise BadInput(f"tolerance is {self.tolerance:g}: give a fraction between 0 and 1, such as 0.25")
        if self.target_adu >= self.saturation_adu:
            raise BadInput(
                f"a target of {self.target_adu:.0f} ADU is not below saturation at "
                f"{self.saturation_adu:.0f} ADU: aim lower, at half of it by default"
            )
        if not 0 < self.min_exposure_s <= self.max_exposure_s:
            raise BadInput(
                f"exposures from {self.min_exposure_s:g} to {self.max_exposure_s:g} s: the shortest must be "
                "above 0 and not above the longest"
            )
        if self.min_probe_s is not None and not self.min_probe_s > 0:
            raise BadInput(f"min_probe_s is {self.min_probe_s:g}: a look takes some time")
        if min(self.download_s, self.wheel_s, self.probe_s) < 0:
            raise BadInput("download_s, wheel_s and probe_s cannot be negative")
        if self.exposures_s and not self.allowed_s:
            raise BadInput(
                f"no exposure of the grid lies within {self.min_exposure_s:g} to {self.max_exposure_s:g} s"
            )

    @property
    def allowed_s(self) -> list[float]:
        """The grid's exposures within the limits, ascending; empty without a grid."""
        grid = sorted(set(self.exposures_s))
        return [e for e in grid if self.min_exposure_s <= e <= self.max_exposure_s]

    def nearest_s(self, needed_s: ArrayLike) -> Floats:
        """Return the exposures nearest to those needed, within the limits and of the grid if any."""
        within = np.clip(np.asarray(needed_s, dtype=np.float64), self.min_exposure_s, self.max_exposure_s)
        if not self.allowed_s:
            return np.asarray(within)
        grid = np.array(self.allowed_s)
        place = np.searchsorted(np.sqrt(grid[1:] * grid[:-1]), within)
        return np.asarray(grid[place])
