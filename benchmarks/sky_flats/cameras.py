"""The cameras and filter sets that the benchmark's twilights are seen through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log
from types import MappingProxyType


@dataclass(frozen=True)
class CameraKind:
    """A camera as a strategy meets it.

    `target_adu` is above bias, `saturation_adu` raw. `zero_point_ln` is ln ADU/s through a filter of
    throughput 0 mag under V = 13.5 mag/arcsec^2. The shutter stays open `shutter_error_s` longer than asked.
    Each download takes up to `download_jitter_s` longer than `download_s`, evenly spread. A probe, read as a
    small subframe, costs `probe_fraction` of the download; no flat, it may be as short as `min_probe_s`.
    `scatter` is how exactly a frame's median tells its level, relative, and `read_noise_adu` the same in ADU:
    what bias drift and gradients leave, not one pixel's noise.
    """

    name: str
    target_adu: float
    bias_adu: float
    saturation_adu: float
    min_exposure_s: float
    max_exposure_s: float
    download_s: float
    wheel_s: float
    shutter_error_s: float
    read_noise_adu: float
    download_jitter_s: float
    zero_point_ln: float
    probe_fraction: float = 0.25
    min_probe_s: float = 0.2
    scatter: float = 0.001


CCD = CameraKind(
    name="ccd",
    target_adu=30_000.0,
    bias_adu=1000.0,
    saturation_adu=65_535.0,
    min_exposure_s=2.0,
    max_exposure_s=60.0,
    download_s=12.0,
    wheel_s=6.0,
    shutter_error_s=0.02,
    read_noise_adu=3.0,
    download_jitter_s=0.1,
    zero_point_ln=log(1400.0 / 1.5),
)
CMOS = CameraKind(
    name="cmos",
    target_adu=30_000.0,
    bias_adu=500.0,
    saturation_adu=65_535.0,
    min_exposure_s=0.2,
    max_exposure_s=30.0,
    download_s=0.8,
    wheel_s=1.0,
    shutter_error_s=0.0,
    read_noise_adu=3.0,
    download_jitter_s=0.05,
    zero_point_ln=log(640.0 / 0.8),
)

# Magnitudes fainter than V, in the operator's order.
LRGBSHO: Mapping[str, float] = MappingProxyType(
    {"L": -1.35, "R": -0.08, "G": -0.11, "B": -0.46, "SII": 3.4, "Ha": 3.4, "OIII": 3.0}
)
UBVRI: Mapping[str, float] = MappingProxyType({"U": 1.9, "B": -0.46, "V": 0.0, "R": -0.08, "I": 0.2})
