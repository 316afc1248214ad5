"""The rig's camera: what it is, its temperature, and one exposure from shutter to pixels.

A camera is not believed: what it was set to is read again before each frame, its image must be a new one, and
whoever else uses it is given way to.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import TypeVar

from capture.alpaca.devices import Camera, CameraStates, SensorType, optional
from capture.clock import Clock
from capture.config import CoolingConfig
from capture.errors import (
    BadInput,
    DeviceError,
    DeviceRefused,
    DeviceTimeout,
    DeviceUnreachable,
    Interrupted,
)
from capture.frame import FrameSpec, Kind, Pixels
from capture.journal import Journal
from capture.rig.novelty import Novelty, Told, time_of
from capture.rig.patience import Patience

T = TypeVar("T")

_READOUT_DEADLINE_S = 120.0
# A shutter that is still open so long after its time will not close by itself.
_EXPOSING_DEADLINE_S = 30.0
# Asked a little before the learned time, or a readout once seen late would be awaited late for ever.
_EARLY_S = 0.03
# Some servers take a moment after StartExposure before they take the last image's ImageReady back.
_NOT_BEFORE_S = 0.1
_LATE_S = 2.0
_STEADY_OVER_S = 60.0
_RESTART_DEADLINE_S = 60.0
_AFTER_OLD_IMAGE_S = 2.0
_LARGEST_SENSOR_PX = 1 << 30
_BUSY = (
    CameraStates.cameraWaiting,
    CameraStates.cameraExposing,
    CameraStates.cameraReading,
    CameraStates.cameraDownload,
)
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


class _OldImage(DeviceError):
    """Raised when what came is not the exposure that was asked for."""


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
        # What the camera said right after it was set: some say one more than they were told.
        self._kept: dict[str, int] = {}
        self._not_taken: set[str] = set()
        self._others = False
        self._novelty = Novelty()
        self.readout_s = 0.0

    @property
    def facts(self) -> CameraFacts:
        assert self._facts is not None, "connect first"
        return self._facts

    def connect(self) -> None:
        """Connect, abort what a vanished client left running, read the facts. Raises DeviceError.

        Where another client has been seen at work it may be its exposure, and is left alone.
        """
        camera = self._camera
        camera.open(self._clock, pause=self._patience.pause)
        state = CameraStates(camera.CameraState)
        if state in _BUSY and self._others:
            raise self._yield_to_others(f"its state is {_word(state)}, and we have started nothing")
        self._others = False
        if state != CameraStates.cameraIdle and optional(lambda: camera.CanAbortExposure):
            camera.AbortExposure()
        sizes = optional(lambda: (float(camera.PixelSizeX), float(camera.PixelSizeY)))
        color = optional(lambda: SensorType(camera.SensorType))
        electrons = _positive(optional(lambda: float(camera.ElectronsPerADU)))
        # A converter that clips before the well does is the limit that flats must keep below.
        full_well = _positive(optional(lambda: float(camera.FullWellCapacity)))
        limits = [_positive(float(camera.MaxADU)) or 65535.0]
        if electrons and full_well:
            limits.append(full_well / electrons)
        self._facts = CameraFacts(
            name=str(optional(lambda: camera.Name) or f"camera {camera.device_number}"),
            width_px=int(camera.CameraXSize),
            height_px=int(camera.CameraYSize),
            saturation_adu=min(limits),
            electrons_per_adu=electrons,
            pixel_size_um=sizes if sizes is not None and all(map(_positive, sizes)) else None,
            exposure_min_s=_positive(optional(lambda: float(camera.ExposureMin))) or 0.0,
            exposure_max_s=_positive(optional(lambda: float(camera.ExposureMax))) or 3600.0,
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
        width_px, height_px = self._facts.width_px, self._facts.height_px
        if min(width_px, height_px) < 1 or width_px * height_px > _LARGEST_SENSOR_PX:
            raise DeviceError(f"{self._rig}: the camera claims a sensor of {width_px} x {height_px} pixels")
        self._set_up = None
        self._novelty.remember(self._told_of_last())

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
        self._kept = {}
        for name, ours, read in self._settings(wanted):
            if (found := _told(read)) is None:
                continue
            self._kept[name] = found
            said = f"the camera did not take {name} {ours}, it says {found}"
            if found != ours and said not in self._not_taken:
                self._not_taken.add(said)
                self._journal.say(self._rig, "alarm", f"{said}; that is held to be its way of counting")

    def _settings(
        self, wanted: tuple[int, int | None, int | None, int | None]
    ) -> Iterator[tuple[str, int, Callable[[], int]]]:
        """Name, value and reader of each setting that is ours to keep."""
        camera = self._camera
        binning, gain, offset, readout_mode = wanted
        # A changed subframe shows in the image's size, and so does a changed binning of the whole sensor.
        reads: list[tuple[str, int | None, Callable[[], int]]] = [
            ("binning", binning if binning != 1 else None, lambda: camera.BinX),
            ("gain", gain, lambda: camera.Gain),
            ("offset", offset, lambda: camera.Offset),
            ("readout mode", readout_mode, lambda: camera.ReadoutMode),
        ]
        for name, ours, read in reads:
            if ours is not None:
                yield name, ours, read

    def temperature_c(self) -> float | None:
        """The sensor's measured temperature, None where it cannot be read or makes no sense."""
        value = _told(lambda: float(self._camera.CCDTemperature))
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

    def expose(self, spec: FrameSpec, *, light: bool) -> Exposed:
        """Expose and read out one frame as set up; one that proves to be an old image is taken again, once.

        Raises Interrupted, after aborting the exposure; DeviceTimeout when no image comes; DeviceError.
        """
        try:
            return self._expose_once(spec, light=light)
        except _OldImage as old:
            self._journal.say(self._rig, "alarm", f"{old}. It is taken again, once.")
        self._patience.pause(_AFTER_OLD_IMAGE_S)
        return self._expose_once(spec, light=light)

    def _expose_once(self, spec: FrameSpec, *, light: bool) -> Exposed:
        facts = self.facts
        # Where a camera refuses 0 s, a bias is the shortest exposure that it takes.
        seconds = facts.exposure_min_s if spec.kind is Kind.BIAS else spec.exposure_s
        if not facts.exposure_min_s <= seconds <= facts.exposure_max_s:
            raise BadInput(
                f"{self._rig}: the camera takes {facts.exposure_min_s:g} to {facts.exposure_max_s:g} s, "
                f"not {seconds:g} s"
            )
        self._patience.checkpoint()
        self._require_ours()
        begun, started = self._clock.monotonic(), self._clock.now()
        self._start(seconds, light)
        try:
            # The readout's length is learned, so that a frame costs two or three polls and not dozens; never
            # is it asked before its time, when some cameras still say that the last image is ready.
            self._patience.wait(
                f"an exposure of {seconds:g} s",
                lambda: self._image_ready(begun + seconds),
                deadline_s=seconds + _READOUT_DEADLINE_S,
                expected_s=max(_NOT_BEFORE_S, seconds + self.readout_s - _EARLY_S),
            )
        except (Interrupted, DeviceError) as error:
            self._abort()
            if isinstance(error, DeviceTimeout):
                raise self._explained(error) from error
            if isinstance(error, DeviceUnreachable):
                self._await_restart()
            raise
        overhead_s = self._clock.monotonic() - begun - seconds
        self.readout_s = max(0.0, min(overhead_s, self.readout_s + 1.0) if self.readout_s else overhead_s)
        pixels = self._download(spec.binning)
        really_s = self._require_new(pixels, started, seconds)
        return Exposed(
            pixels=pixels,
            started=started,
            exposure_s=really_s,
            ccd_temperature_c=self.temperature_c(),
            overhead_s=overhead_s,
        )

    def _require_ours(self) -> None:
        """Raise DeviceError, and send nothing, when the camera is not as we left it."""
        camera = self._camera
        if not camera.Connected:
            raise DeviceError(f"{self._rig}: the camera is no longer connected; it may have lost its power")
        state = CameraStates(camera.CameraState)
        if state == CameraStates.cameraError:
            raise self._failed()
        if state in _BUSY:
            raise self._yield_to_others(f"its state is {_word(state)}, and we have started nothing")
        assert self._set_up is not None, "set it up first"
        for name, ours, read in self._settings(self._set_up):
            found, kept = _told(read), self._kept.get(name, ours)
            if found is not None and found != kept:
                self._set_up = None
                ours_kept = f"where we set {ours}" + (f", which it called {kept}" if kept != ours else "")
                raise self._yield_to_others(f"its {name} is {found} {ours_kept}")

    def _yield_to_others(self, sign: str) -> DeviceError:
        self._others = True
        return DeviceError(
            f"{self._rig}: somebody else uses the camera: {sign}; end the other program, or take this rig "
            f"out of the config"
        )

    def _failed(self) -> DeviceError:
        return DeviceError(
            f"{self._rig}: the camera reports that the exposure failed; look at its server's log"
        )

    def _start(self, seconds: float, light: bool) -> None:
        """Start the exposure. It is never told twice: where no answer came, the camera's state tells."""
        try:
            self._camera.StartExposure(seconds, light)
        except DeviceRefused:
            if _told(lambda: CameraStates(self._camera.CameraState)) in _BUSY:
                raise self._yield_to_others("it refused to start, for it is exposing") from None
            raise
        except (DeviceTimeout, DeviceUnreachable) as error:
            if not error.sent:
                raise
            try:
                begun = CameraStates(self._camera.CameraState) in _BUSY
            except DeviceError:
                begun = False
            if not begun:
                self._abort()
                raise
            self._journal.say(self._rig, "alarm", f"{error}. It exposes all the same.")

    def _image_ready(self, ends: float) -> bool:
        """Whether the image is there. Once it is late, a camera that has failed need not be waited for."""
        if self._camera.ImageReady:
            return True
        late_s = self._clock.monotonic() - ends
        if late_s > self.readout_s + _LATE_S:
            state = _told(lambda: CameraStates(self._camera.CameraState))
            if state == CameraStates.cameraError:
                raise self._failed()
            if state == CameraStates.cameraExposing and late_s > _EXPOSING_DEADLINE_S:
                raise DeviceTimeout(
                    f"{self._rig}: the exposure did not end within {late_s:.0f} s of its time"
                )
        return False

    def _explained(self, timeout: DeviceTimeout) -> DeviceTimeout:
        """The same with the camera's own word and a remedy."""
        try:
            word = f"the camera's state is {_word(CameraStates(self._camera.CameraState))}"
        except DeviceError:
            word = "the camera does not tell its state"
        return DeviceTimeout(f"{timeout}; {word}. Look at its server's log, its cable and its power")

    def _download(self, binning: int) -> Pixels:
        camera, facts = self._camera, self.facts
        width_px, height_px = facts.width_px // binning, facts.height_px // binning
        try:
            return camera.image(width_px, height_px)
        except DeviceUnreachable:
            self._await_restart()
            raise
        except (DeviceRefused, DeviceTimeout):
            raise
        except DeviceError:
            # An image of another size may be what somebody else has set.
            found = _told(lambda: (camera.BinX, camera.NumX, camera.NumY))
            if found is None or found == (binning, width_px, height_px):
                raise
            self._set_up = None
            raise self._yield_to_others(
                f"its binning and size are {found[0]}, {found[1]} x {found[2]} where we set {binning}, "
                f"{width_px} x {height_px}"
            ) from None

    def _told_of_last(self) -> Told:
        camera = self._camera
        return Told(
            start=time_of(_told(lambda: str(camera.LastExposureStartTime))),
            exposure_s=_positive(_told(lambda: float(camera.LastExposureDuration))),
        )

    def _require_new(self, pixels: Pixels, started: datetime, seconds: float) -> float:
        """What was really exposed, in seconds. Raises DeviceError when it is another frame than asked for."""
        told = self._told_of_last()
        if (why := self._novelty.is_stale(pixels, started, told)) is not None:
            raise _OldImage(
                f"{self._rig}: the camera sent an old image: {why}; its driver may have lost the exposure"
            )
        if (sign := self._novelty.is_anothers(started, seconds, told)) is not None:
            raise self._yield_to_others(sign)
        # Some report 0 or the last frame's.
        if told.exposure_s is not None and abs(told.exposure_s - seconds) <= max(0.1, 0.1 * seconds):
            return told.exposure_s
        return seconds

    def _abort(self) -> None:
        camera = self._camera
        try:
            camera.AbortExposure()
        except DeviceError:
            # Whether it was heard is the camera's to say.
            state: CameraStates | None = None
            with contextlib.suppress(DeviceError):
                state = CameraStates(camera.CameraState)
            if state != CameraStates.cameraIdle:
                self._journal.say(self._rig, "alarm", "the exposure could not be aborted")

    def _await_restart(self) -> None:
        """Give a server that broke down the time to come back, so that a new connection finds it."""

        def answers() -> bool:
            try:
                return self._camera.Connected is not None
            except (DeviceUnreachable, DeviceTimeout):
                return False
            except DeviceError:
                return True

        with contextlib.suppress(DeviceTimeout):
            self._patience.wait("the camera's server", answers, _RESTART_DEADLINE_S, poll_s=2.0)


def _told(read: Callable[[], T]) -> T | None:
    """What the device says, None where it refuses or talks nonsense: no frame is lost over a footnote."""
    try:
        return read()
    except (DeviceTimeout, DeviceUnreachable):
        raise
    except DeviceError:
        return None


def _positive(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) and value > 0 else None


def _word(state: CameraStates) -> str:
    return str(state.name).removeprefix("camera").lower()
