"""What a camera says of itself, believed only as far as it makes sense."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, floor, isfinite
from typing import TypeVar

from capture.alpaca.devices import Camera, CameraStates, SensorType, optional
from capture.errors import DeviceError, DeviceTimeout, DeviceUnreachable
from capture.frame import CameraLimits

T = TypeVar("T")

BUSY = (
    CameraStates.cameraWaiting,
    CameraStates.cameraExposing,
    CameraStates.cameraReading,
    CameraStates.cameraDownload,
)
_LARGEST_SENSOR_PX = 1 << 30
_BAYER_PATTERNS = {SensorType.RGGB: "RGGB"}
# Two by two pixels of different colours: their levels differ, and the brightest saturates first.
_MOSAICS = (SensorType.RGGB, SensorType.CMYG, SensorType.CMYG2, SensorType.LRGB)


@dataclass(frozen=True)
class CameraFacts:
    """What the camera says of itself once; sizes in unbinned pixels."""

    name: str
    width_px: int
    height_px: int
    saturation_adu: float
    electrons_per_adu: float | None
    pixel_size_um: tuple[float, float] | None
    exposure_min_s: float
    exposure_max_s: float
    exposure_step_s: float
    bayer_pattern: str | None
    bayer_offset_px: tuple[int, int]
    is_mosaic: bool
    has_shutter: bool
    binning_max: int
    can_cool: bool
    readout_modes: tuple[str, ...]
    readout_mode: int | None
    gain: int | None
    offset: int | None
    gain_range: tuple[int, int] | None
    offset_range: tuple[int, int] | None

    @property
    def limits(self) -> CameraLimits:
        """What frames can be asked of it."""
        return CameraLimits(self.exposure_min_s, self.exposure_max_s, self.binning_max, self.gain_range)

    def nearest_s(self, exposure_s: float) -> float:
        """The exposure nearest to this one of those that the camera takes: within its limits, on its grid."""
        step_s, low_s, high_s = self.exposure_step_s, self.exposure_min_s, self.exposure_max_s
        if not step_s:
            return min(max(exposure_s, low_s), high_s)
        # A limit that is on the grid must not be missed for a rounding error.
        first, last = ceil(low_s / step_s - 1e-6), floor(high_s / step_s + 1e-6)
        return round(min(max(round(exposure_s / step_s), first), last) * step_s, 9)


def read_facts(rig: str, camera: Camera) -> CameraFacts:
    """Ask a connected camera what it is. Raises DeviceError, also for a sensor of no sensible size."""
    sizes = optional(lambda: (float(camera.PixelSizeX), float(camera.PixelSizeY)))
    color = optional(lambda: SensorType(camera.SensorType))
    electrons = positive(optional(lambda: float(camera.ElectronsPerADU)))
    # A converter that clips before the well does is the limit that flats must keep below.
    full_well = positive(optional(lambda: float(camera.FullWellCapacity)))
    limits = [positive(float(camera.MaxADU)) or 65535.0]
    if electrons and full_well:
        limits.append(full_well / electrons)
    longest_s = positive(optional(lambda: float(camera.ExposureMax))) or 3600.0
    step_s = positive(optional(lambda: float(camera.ExposureResolution)))
    facts = CameraFacts(
        name=str(optional(lambda: camera.Name) or f"camera {camera.device_number}"),
        width_px=int(camera.CameraXSize),
        height_px=int(camera.CameraYSize),
        saturation_adu=min(limits),
        electrons_per_adu=electrons,
        pixel_size_um=sizes if sizes is not None and all(map(positive, sizes)) else None,
        exposure_min_s=positive(optional(lambda: float(camera.ExposureMin))) or 0.0,
        exposure_max_s=longest_s,
        # Coarser than a second is no camera's grid.
        exposure_step_s=step_s if step_s is not None and step_s <= 1.0 <= longest_s else 0.0,
        bayer_pattern=_BAYER_PATTERNS.get(color) if color is not None else None,
        bayer_offset_px=(
            int(optional(lambda: camera.BayerOffsetX) or 0),
            int(optional(lambda: camera.BayerOffsetY) or 0),
        ),
        is_mosaic=color in _MOSAICS,
        has_shutter=bool(optional(lambda: camera.HasShutter)),
        binning_max=int(positive(optional(lambda: float(camera.MaxBinX))) or 1),
        can_cool=bool(optional(lambda: camera.CanSetCCDTemperature)),
        readout_modes=tuple(optional(lambda: camera.ReadoutModes) or ()),
        readout_mode=told(lambda: int(camera.ReadoutMode)),
        gain=optional(lambda: camera.Gain),
        offset=optional(lambda: camera.Offset),
        gain_range=_range(lambda: camera.Gains, lambda: (camera.GainMin, camera.GainMax)),
        offset_range=_range(lambda: camera.Offsets, lambda: (camera.OffsetMin, camera.OffsetMax)),
    )
    width_px, height_px = facts.width_px, facts.height_px
    if min(width_px, height_px) < 1 or width_px * height_px > _LARGEST_SENSOR_PX:
        raise DeviceError(f"{rig}: the camera claims a sensor of {width_px} x {height_px} pixels")
    return facts


def _range(names: Callable[[], list[str]], limits: Callable[[], tuple[int, int]]) -> tuple[int, int] | None:
    """What a setting may be: an index into its names, or a number between limits; None where unknown."""
    if (listed := told(names)) is not None:
        return (0, len(listed) - 1) if listed else None
    return told(limits)


def told(read: Callable[[], T]) -> T | None:
    """What the device says, None where it refuses or talks nonsense: no frame is lost over a footnote."""
    try:
        return read()
    except (DeviceTimeout, DeviceUnreachable):
        raise
    except DeviceError:
        return None


def positive(value: float | None) -> float | None:
    """`value` where it is a number above 0, None otherwise."""
    return value if value is not None and isfinite(value) and value > 0 else None


def word(state: CameraStates) -> str:
    """A state's name for the operator."""
    return str(state.name).removeprefix("camera").lower()
