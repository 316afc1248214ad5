"""The rig's camera: what it is, its temperature, and one exposure from shutter to pixels."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import datetime

from capture.alpaca.devices import Camera, CameraStates, SensorType, optional
from capture.clock import Clock
from capture.config import CoolingConfig
from capture.errors import BadInput, DeviceError, DeviceTimeout, Interrupted
from capture.frame import FrameSpec, Kind, Pixels
from capture.journal import Journal
from capture.rig.patience import Patience

_READOUT_DEADLINE_S = 120.0
_LATE_S = 2.0
_STEADY_OVER_S = 60.0
_BAYER_PATTERNS = {SensorType.RGGB: "RGGB"}


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
    bayer_pattern: str | None
    bayer_offset_px: tuple[int, int]
    can_cool: bool
    readout_modes: tuple[str, ...]
    gain: int | None
    offset: int | None


@dataclass(frozen=True)
class Exposed:
    """One read-out exposure; `started` is UTC, `exposure_s` what the camera really exposed."""

    pixels: Pixels
    started: datetime
    exposure_s: float
    ccd_temperature_c: float | None
    overhead_s: float


class Sensor:
    """A camera over Alpaca, with every wait through the rig's checkpoint."""

    def __init__(self, rig: str, camera: Camera, patience: Patience, clock: Clock, journal: Journal) -> None:
        self._rig = rig
        self._camera = camera
        self._patience = patience
        self._clock = clock
        self._journal = journal
        self._facts: CameraFacts | None = None
        self._set_up: tuple[int, int | None, int | None, int | None] | None = None
        self.readout_s = 0.0

    @property
    def facts(self) -> CameraFacts:
        assert self._facts is not None, "connect first"
        return self._facts

    def connect(self) -> None:
        """Connect, abort what a vanished client left running, read the facts. Raises DeviceError."""
        camera = self._camera
        camera.open(self._clock, pause=self._patience.pause)
        if camera.CameraState != CameraStates.cameraIdle and optional(lambda: camera.CanAbortExposure):
            camera.AbortExposure()
        sizes = optional(lambda: (float(camera.PixelSizeX), float(camera.PixelSizeY)))
        color = optional(lambda: SensorType(camera.SensorType))
        electrons = optional(lambda: float(camera.ElectronsPerADU))
        # A converter that clips before the well does is the limit that flats must keep below.
        full_well = optional(lambda: float(camera.FullWellCapacity))
        limits = [float(camera.MaxADU)]
        if electrons and full_well:
            limits.append(full_well / electrons)
        self._facts = CameraFacts(
            name=str(optional(lambda: camera.Name) or f"camera {camera.device_number}"),
            width_px=int(camera.CameraXSize),
            height_px=int(camera.CameraYSize),
            saturation_adu=min(limits),
            electrons_per_adu=electrons,
            pixel_size_um=sizes,
            exposure_min_s=float(optional(lambda: camera.ExposureMin) or 0.0),
            exposure_max_s=float(optional(lambda: camera.ExposureMax) or 3600.0),
            bayer_pattern=_BAYER_PATTERNS.get(color) if color is not None else None,
            bayer_offset_px=(
                int(optional(lambda: camera.BayerOffsetX) or 0),
                int(optional(lambda: camera.BayerOffsetY) or 0),
            ),
            can_cool=bool(optional(lambda: camera.CanSetCCDTemperature)),
            readout_modes=tuple(optional(lambda: camera.ReadoutModes) or ()),
            gain=optional(lambda: camera.Gain),
            offset=optional(lambda: camera.Offset),
        )
        self._set_up = None

    def set_up(self, binning: int, gain: int | None, offset: int | None, readout_mode: int | None) -> None:
        """Set what a frame is read out with; nothing is sent when it is set already."""
        wanted = (binning, gain, offset, readout_mode)
        if wanted == self._set_up:
            return
        camera, facts = self._camera, self.facts
        camera.BinX = binning
        camera.BinY = binning
        camera.StartX = 0
        camera.StartY = 0
        camera.NumX = facts.width_px // binning
        camera.NumY = facts.height_px // binning
        if gain is not None:
            camera.Gain = gain
        if offset is not None:
            camera.Offset = offset
        if readout_mode is not None:
            camera.ReadoutMode = readout_mode
        self._set_up = wanted

    def temperature_c(self) -> float | None:
        """The sensor's measured temperature, None where it cannot be read."""
        value = optional(lambda: float(self._camera.CCDTemperature))
        return value if value is not None and -150 < value < 100 else None

    def start_cooling(self, cooling: CoolingConfig) -> None:
        """Switch the cooler on towards the set point. Raises BadInput when the camera has none."""
        if not self.facts.can_cool:
            raise BadInput(f"{self._rig}: the camera cannot be cooled; take [rig.cooling] out of the config")
        self._camera.SetCCDTemperature = cooling.set_temperature_c
        self._camera.CoolerOn = True

    def cool(self, cooling: CoolingConfig) -> None:
        """Cool and wait until the temperature is within tolerance and steady for a minute.

        Raises DeviceTimeout when it is not after `cooling.deadline_s`.
        """
        self.start_cooling(cooling)
        samples: list[tuple[float, float]] = []

        def settled() -> bool:
            now, measured = self._clock.monotonic(), self.temperature_c()
            if measured is None:
                return False
            samples.append((now, measured))
            recent = [sample for sample in samples if sample[0] >= now - _STEADY_OVER_S - 5]
            values = [value for _, value in recent]
            long_enough = now - recent[0][0] >= _STEADY_OVER_S
            drift_c_per_min = abs(values[-1] - values[0]) / max(now - recent[0][0], 1) * 60
            within = all(abs(value - cooling.set_temperature_c) <= cooling.tolerance_c for value in values)
            return long_enough and within and drift_c_per_min <= cooling.steady_c_per_min

        try:
            self._patience.wait("cooling", settled, cooling.deadline_s, poll_s=5.0)
        except DeviceTimeout as error:
            last = f"{samples[-1][1]:.1f} C" if samples else "unknown"
            raise DeviceTimeout(
                f"{self._rig}: the camera did not settle at {cooling.set_temperature_c:g} C within "
                f"{cooling.deadline_s:g} s (last {last}); choose a set point that the cooler can hold"
            ) from error

    def warm_up(self) -> None:
        """Switch the cooler off."""
        if self.facts.can_cool:
            self._camera.CoolerOn = False

    def expose(self, spec: FrameSpec, *, light: bool) -> Exposed:
        """Expose and read out one frame as set up.

        Raises Interrupted, after aborting the exposure; DeviceTimeout when no image comes; DeviceError.
        """
        facts = self.facts
        # Where a camera refuses 0 s, a bias is the shortest exposure that it takes.
        seconds = facts.exposure_min_s if spec.kind is Kind.BIAS else spec.exposure_s
        if not facts.exposure_min_s <= seconds <= facts.exposure_max_s:
            raise BadInput(
                f"{self._rig}: the camera takes {facts.exposure_min_s:g} to {facts.exposure_max_s:g} s, "
                f"not {seconds:g} s"
            )
        self._patience.checkpoint()
        begun, started = self._clock.monotonic(), self._clock.now()
        self._camera.StartExposure(seconds, light)
        try:
            # The readout's length is learned, so that a frame costs two or three polls and not dozens.
            self._patience.wait(
                f"an exposure of {seconds:g} s",
                lambda: self._image_ready(begun + seconds + self.readout_s + _LATE_S),
                deadline_s=seconds + _READOUT_DEADLINE_S,
                expected_s=seconds + self.readout_s,
            )
        except (Interrupted, DeviceError):
            self._abort()
            raise
        overhead_s = self._clock.monotonic() - begun - seconds
        self.readout_s = max(0.0, min(overhead_s, self.readout_s + 1.0) if self.readout_s else overhead_s)
        pixels = self._camera.image(facts.width_px // spec.binning, facts.height_px // spec.binning)
        return Exposed(
            pixels=pixels,
            started=started,
            exposure_s=self._really_exposed_s(seconds),
            ccd_temperature_c=self.temperature_c(),
            overhead_s=overhead_s,
        )

    def _image_ready(self, late_after: float) -> bool:
        """Whether the image is there. Once it is late, a camera that has failed need not be waited for."""
        if self._camera.ImageReady:
            return True
        late = self._clock.monotonic() > late_after
        if late and optional(lambda: self._camera.CameraState) == CameraStates.cameraError:
            raise DeviceError(
                f"{self._rig}: the camera reports that the exposure failed; look at its server's log"
            )
        return False

    def _really_exposed_s(self, asked_s: float) -> float:
        """The camera's own figure where it is plausible; some report 0 or the last frame's."""
        told_s = optional(lambda: float(self._camera.LastExposureDuration))
        if told_s is not None and told_s > 0 and abs(told_s - asked_s) <= max(0.1, 0.1 * asked_s):
            return told_s
        return asked_s

    def _abort(self) -> None:
        with contextlib.suppress(DeviceError):
            self._camera.AbortExposure()
            return
        self._journal.say(self._rig, "alarm", "the exposure could not be aborted")
