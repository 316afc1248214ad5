"""The rig's camera: what it is, its temperature, and one exposure from shutter to pixels.

A camera is not believed: what it was set to is read again before each frame, its image must be a new one, and
whoever else uses it is given way to.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from capture.alpaca.devices import Camera, CameraStates, optional
from capture.clock import Clock
from capture.config import CoolingConfig
from capture.errors import BadInput, DeviceError, DeviceRefused, DeviceTimeout, DeviceUnreachable
from capture.frame import FrameSpec, Kind, Pixels
from capture.journal import Journal
from capture.rig import cooling
from capture.rig.camera_facts import BUSY, CameraFacts, positive, read_facts, told, word
from capture.rig.exposing import Exposing
from capture.rig.novelty import Novelty, Told, time_of
from capture.rig.patience import Patience
from capture.rig.region import Region
from capture.rig.settings import PartRefused, Readout, Settings, SomebodyElse

__all__ = ["CameraFacts", "Exposed", "Sensor", "UnderWay"]

_AFTER_OLD_IMAGE_S = 2.0


@dataclass(frozen=True)
class Exposed:
    """One read-out exposure of `region`; `started` is UTC, `exposure_s` what the camera really exposed."""

    pixels: Pixels
    region: Region
    started: datetime
    exposure_s: float
    ccd_temperature_c: float | None
    overhead_s: float


@dataclass(frozen=True)
class UnderWay:
    """An exposure from its start until its image has been read out; `started` is UTC."""

    started: datetime
    exposure_s: float
    spec: FrameSpec


class _WholeImage(DeviceError):
    """Raised when a camera that was asked for a part of the sensor sent something else."""


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
        self._settings = Settings(rig, camera, journal)
        self._exposing = Exposing(rig, camera, patience, clock, journal)
        self._temperatures = cooling.Temperatures(camera, clock)
        self._others = False
        self._reads_parts = True
        self._novelty = Novelty()
        # Read by the thread that shows it, so it is replaced as a whole.
        self.under_way: UnderWay | None = None

    @property
    def facts(self) -> CameraFacts:
        assert self._facts is not None, "connect first"
        return self._facts

    @property
    def readout_s(self) -> float:
        """Seconds from the end of an exposure to its image, as learned from the last frames."""
        return self._exposing.readout_s

    @property
    def temperature(self) -> cooling.Reading | None:
        """The newest reading; asks no device. None when nothing was read since the camera was connected."""
        return self._temperatures.newest

    def connect(self) -> None:
        """Connect, abort what a vanished client left running, read the facts. Raises DeviceError.

        Where another client has been seen at work it may be its exposure, and is left alone.
        """
        camera = self._camera
        camera.open(self._clock, pause=self._patience.pause)
        state = CameraStates(camera.CameraState)
        if state in BUSY and self._others:
            raise SomebodyElse(self._rig, f"its state is {word(state)}, and we have started nothing")
        self._others = False
        if state != CameraStates.cameraIdle and optional(lambda: camera.CanAbortExposure):
            camera.AbortExposure()
        self._facts = read_facts(self._rig, camera)
        self._settings.forget()
        self._temperatures.start_anew()
        self._novelty.remember(self._told_of_last())

    def close(self) -> None:
        """Drop our connections; what was read last is not the state of now any more."""
        self._camera.close()
        self._temperatures.start_anew()

    def set_up(self, binning: int, gain: int | None, offset: int | None, readout_mode: int | None) -> None:
        """Set what a frame is read out with; nothing is sent when it is set already."""
        self._settings.send(Readout(binning, gain, offset, readout_mode), self.facts)

    def temperature_c(self) -> float | None:
        """The sensor's measured temperature, None where it cannot be read or makes no sense."""
        return self._temperatures.read_c()

    def is_steady(self, wanted: CoolingConfig) -> bool:
        """Whether one more reading shows it steady at the set point, as those of the last minutes did."""
        return self.temperature_c() is not None and self._temperatures.is_steady(wanted)

    def cool(self, wanted: CoolingConfig) -> None:
        """Cool at a safe rate and wait until the temperature is within tolerance and steady for a minute.

        Raises BadInput when the camera has no cooler; NotCold when it is too weak or does not settle.
        """
        if not self.facts.can_cool:
            raise BadInput(f"{self._rig}: the camera cannot be cooled; take [rig.cooling] out of the config")
        cooling.cool(self._rig, self._camera, wanted, self._temperatures, self._patience, self._clock)

    def cooler_is_off(self) -> bool:
        """Whether the cooler says that it is off."""
        return cooling.is_off(self._camera)

    def warm_up(self, wanted: CoolingConfig) -> None:
        """Come up at the safe rate, then switch the cooler off. Raises DeviceError."""
        cooling.warm_up(self._camera, wanted, self._temperatures, self._patience, self._clock)

    def expose(self, spec: FrameSpec, *, light: bool, when_shut: Callable[[], None] | None = None) -> Exposed:
        """Expose and read out one frame as set up; one that proves to be an old image is taken again, once.

        `when_shut` is called between the exposure and the end of its readout.

        Raises Interrupted, after aborting the exposure; DeviceTimeout when no image comes; DeviceError.
        """
        return self._expose(spec, light, self._whole(spec.binning), when_shut)

    def expose_middle(self, spec: FrameSpec, *, light: bool) -> Exposed:
        """As `expose`, but read out the middle alone, which is quicker, and be set to the whole frame again.

        A camera that cannot do so is told of once and reads the whole frame.
        """
        whole = self._whole(spec.binning)
        if not self._reads_parts:
            return self._expose(spec, light, whole)
        try:
            self._settings.read_out(whole.middle())
            return self._expose(spec, light, whole.middle())
        except (DeviceRefused, PartRefused, _WholeImage) as refusal:
            self._settings.read_out(whole)
            exposed = self._expose(spec, light, whole)
            # Only now it is known that the part was what it would not do.
            self._reads_parts = False
            self._journal.say(self._rig, "probe", f"probes read the whole frame from now on: {refusal}")
            return exposed
        finally:
            # Where this fails the next frame sends it again, before anything is exposed.
            with suppress(DeviceError):
                self._settings.read_out(whole)

    def _whole(self, binning: int) -> Region:
        return Region.whole(self.facts.width_px // binning, self.facts.height_px // binning)

    def _expose(
        self, spec: FrameSpec, light: bool, region: Region, when_shut: Callable[[], None] | None = None
    ) -> Exposed:
        try:
            try:
                return self._expose_once(spec, light, region, when_shut)
            except _OldImage as old:
                self._journal.say(self._rig, "alarm", f"{old}. It is taken again, once.")
            self._patience.pause(_AFTER_OLD_IMAGE_S)
            return self._expose_once(spec, light, region, None)
        except SomebodyElse:
            self._others = True
            raise

    def _expose_once(
        self, spec: FrameSpec, light: bool, region: Region, when_shut: Callable[[], None] | None
    ) -> Exposed:
        facts = self.facts
        # Where a camera refuses 0 s, a bias is the shortest exposure that it takes.
        asked_s = facts.exposure_min_s if spec.kind is Kind.BIAS else spec.exposure_s
        if not facts.exposure_min_s <= asked_s <= facts.exposure_max_s:
            raise BadInput(
                f"{self._rig}: the camera takes {facts.exposure_min_s:g} to {facts.exposure_max_s:g} s, "
                f"not {asked_s:g} s"
            )
        # Some drivers refuse what is off their grid, others round it without a word.
        seconds = facts.nearest_s(asked_s) if asked_s else 0.0
        self._patience.checkpoint()
        self._exposing.require_idle()
        self._settings.require_kept()
        started = self._clock.now()
        read: Literal["whole", "part"] = "whole" if region == self._whole(spec.binning) else "part"
        self.under_way = UnderWay(started, seconds, spec)
        try:
            overhead_s = self._exposing.until_ready(seconds, light, when_shut, read)
            pixels = self._download(spec.binning, region)
        finally:
            self.under_way = None
        really_s = self._require_new(pixels, started, seconds)
        return Exposed(
            pixels=pixels,
            region=region,
            started=started,
            exposure_s=really_s,
            ccd_temperature_c=self.temperature_c(),
            overhead_s=overhead_s,
        )

    def _download(self, binning: int, region: Region) -> Pixels:
        try:
            return self._camera.image(region.width_px, region.height_px)
        except DeviceUnreachable:
            self._exposing.await_restart()
            raise
        except (DeviceRefused, DeviceTimeout):
            raise
        except DeviceError as error:
            # An image of another size may be what somebody else has set.
            self._settings.require_size(binning, region.width_px, region.height_px)
            if region != self._whole(binning):
                raise _WholeImage(str(error)) from error
            raise

    def _told_of_last(self) -> Told:
        camera = self._camera
        return Told(
            start=time_of(told(lambda: str(camera.LastExposureStartTime))),
            exposure_s=positive(told(lambda: float(camera.LastExposureDuration))),
        )

    def _require_new(self, pixels: Pixels, started: datetime, seconds: float) -> float:
        """What was really exposed, in seconds. Raises DeviceError when it is another frame than asked for."""
        said = self._told_of_last()
        if (why := self._novelty.is_stale(pixels, started, said)) is not None:
            raise _OldImage(
                f"{self._rig}: the camera sent an old image: {why}; its driver may have lost the exposure"
            )
        if (sign := self._novelty.is_anothers(started, seconds, said)) is not None:
            raise SomebodyElse(self._rig, sign)
        # Some report 0 or the last frame's.
        if said.exposure_s is not None and abs(said.exposure_s - seconds) <= max(0.1, 0.1 * seconds):
            return said.exposure_s
        return seconds
