"""A frame: its pixels, what it was meant to be, what it turned out to be, and the verdict on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint16]


class Kind(StrEnum):
    """What a frame is; the values are the words of the command line, the config and the catalogue."""

    BIAS = "bias"
    DARK = "dark"
    FLAT = "flat"
    LIGHT = "light"


class Setup(NamedTuple):
    """How a camera is set: a flat needs a bias of its setup. None is left as the camera has it."""

    binning: int
    gain: int | None
    offset: int | None
    readout_mode: str | None


@dataclass(frozen=True)
class CameraLimits:
    """What a camera says that it can do: exposures, binnings of both axes, gains; None where unknown."""

    exposure_min_s: float
    exposure_max_s: float
    binning_max: int
    gain_range: tuple[int, int] | None


@dataclass(frozen=True, order=True)
class FrameSpec:
    """What must match for two frames to belong together. None: the device has no such thing.

    A bias has `exposure_s` 0. The exposure of a flat and the temperature of a flat or a bias do not
    separate sets: see `set_key`.
    """

    kind: Kind
    exposure_s: float = 0.0
    filter: str | None = None
    binning: int = 1
    gain: int | None = None
    offset: int | None = None
    readout_mode: str | None = None
    set_temperature_c: float | None = None
    rotator_deg: float | None = None

    @property
    def setup(self) -> Setup:
        """How the camera is set for it."""
        return Setup(self.binning, self.gain, self.offset, self.readout_mode)

    def set_key(self) -> FrameSpec:
        """The spec with everything taken out that may differ within one set, and so within one master."""
        if self.kind is Kind.FLAT:
            return replace(self, exposure_s=0.0, set_temperature_c=None)
        if self.kind is Kind.BIAS:
            return replace(self, exposure_s=0.0, set_temperature_c=None, filter=None, rotator_deg=None)
        if self.kind is Kind.DARK:
            return replace(self, filter=None, rotator_deg=None)
        return self

    def __str__(self) -> str:
        """In words: `dark 120 s`, `flat Ha`, `bias`; binning and gain only where they say something."""
        words: list[str] = [self.kind.value]
        if self.kind is Kind.FLAT and self.filter:
            words.append(self.filter)
        if self.kind in (Kind.DARK, Kind.LIGHT):
            words.append(f"{self.exposure_s:g} s")
        if self.binning != 1:
            words.append(f"{self.binning}x{self.binning}")
        return " ".join(words)


@dataclass(frozen=True)
class Verdict:
    """Whether a frame counts, and if not, why: each reason a sentence for the operator."""

    reasons: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        return not self.reasons

    def __str__(self) -> str:
        return "good" if self.good else "; ".join(self.reasons)


@dataclass(frozen=True)
class Statistics:
    """Levels of a frame in ADU as read out, bias included."""

    median_adu: float
    mean_adu: float
    deviation_adu: float
    percentile_999_adu: float
    saturated_fraction: float

    @classmethod
    def of(cls, pixels: Pixels, saturation_adu: float, *, mosaic: bool = False) -> Statistics:
        """Measure `pixels`, uint16 [rows, columns]; `saturation_adu` is where the sensor clips.

        Of a colour sensor's `mosaic` the brightest of its four planes is measured: it saturates first.

        The deviation is the normal-equivalent width 1.4826 x MAD (Rousseeuw & Croux 1993), which hot pixels
        and stars do not move. Median and deviation come from at most about a million evenly spread pixels.
        """
        if mosaic:
            planes = [pixels[row::2, column::2] for row in (0, 1) for column in (0, 1)]
            measured = [cls.of(plane, saturation_adu) for plane in planes if plane.size]
            return max(measured, key=lambda plane: plane.median_adu)
        step = max(1, round((pixels.size / 1_000_000) ** 0.5))
        sample = np.ascontiguousarray(pixels[::step, ::step]).ravel()
        # A uint16 histogram gives every order statistic at once, many times faster than sorting.
        counts = np.bincount(sample, minlength=65536)
        below = np.cumsum(counts)

        def percentile(fraction: float) -> float:
            return float(np.searchsorted(below, fraction * (sample.size - 1) + 0.5))

        median = percentile(0.5)
        distance = np.abs(np.arange(65536) - median).astype(np.int64)
        spread = np.bincount(distance, weights=counts, minlength=1).cumsum()
        mad = float(np.searchsorted(spread, 0.5 * sample.size))
        return cls(
            median_adu=median,
            mean_adu=float(sample.mean(dtype=np.float64)),
            deviation_adu=1.4826 * mad,
            percentile_999_adu=percentile(0.999),
            saturated_fraction=float(counts[max(0, int(saturation_adu)) :].sum() / sample.size),
        )


@dataclass(frozen=True)
class Facts:
    """What was true while the frame was taken: measured, never assumed. Times are UTC, None is unknown.

    Of a roof that moved meanwhile neither `roof_shut` nor `roof_open` is true.
    """

    rig: str
    camera: str
    started: datetime
    exposure_s: float
    sun_altitude_deg: float
    ccd_temperature_c: float | None = None
    altitude_deg: float | None = None
    azimuth_deg: float | None = None
    right_ascension_h: float | None = None
    declination_deg: float | None = None
    rotator_deg: float | None = None
    roof_shut: bool | None = None
    saturation_adu: float = 65535.0
    electrons_per_adu: float | None = None
    pixel_size_um: tuple[float, float] | None = None
    subframe_origin_px: tuple[int, int] = (0, 0)
    bayer_pattern: str | None = None
    bayer_offset_px: tuple[int, int] = (0, 0)
    downloaded_s: float | None = None
    roof_open: bool | None = None


@dataclass(frozen=True)
class Frame:
    """One exposure: `pixels` are uint16 [rows, columns], row 0 first on the sensor (`ROWORDER` TOP-DOWN).

    `gates`: what its judge measured (GATES in capture/store/gates.py), only what could be. `then`: what its
    sequence does next, in words.
    """

    pixels: Pixels = field(repr=False)
    spec: FrameSpec
    facts: Facts
    statistics: Statistics
    verdict: Verdict = Verdict()
    target_adu: float | None = None
    gates: Mapping[str, float] = field(default_factory=dict)
    then: str = ""

    def judged(self, *reasons: str) -> Frame:
        """The same frame with these reasons added to its verdict."""
        return replace(self, verdict=Verdict(self.verdict.reasons + reasons))
