"""What a frame is read out with, and the signs that another client has changed it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from capture.alpaca.devices import Camera
from capture.errors import DeviceError, DeviceRefused
from capture.journal import Journal
from capture.rig.camera_facts import CameraFacts, told
from capture.rig.region import Region


class SomebodyElse(DeviceError):
    """Raised when another client is seen to use the camera; it is given way to."""

    def __init__(self, rig: str, sign: str) -> None:
        super().__init__(
            f"{rig}: somebody else uses the camera: {sign}; end the other program, or take this rig "
            f"out of the config"
        )


class PartRefused(DeviceError):
    """Raised when the camera did not take the part of the sensor that it was asked to read."""


class Readout(NamedTuple):
    """How a frame is read out; None is left as the camera has it. `readout_mode` is a number."""

    binning: int
    gain: int | None
    offset: int | None
    readout_mode: int | None


class Settings:
    """The camera's settings: sent once, read again before each frame."""

    def __init__(self, rig: str, camera: Camera, journal: Journal) -> None:
        self._rig = rig
        self._camera = camera
        self._journal = journal
        self._sent: Readout | None = None
        self._region: Region | None = None
        # What the camera said right after it was set: some say one more than they were told.
        self._kept: dict[str, int] = {}
        self._not_taken: set[str] = set()

    def forget(self) -> None:
        """Send them anew next time."""
        self._sent = self._region = None

    def send(self, wanted: Readout, facts: CameraFacts) -> None:
        """Set what the next frames, of the whole sensor, are read out with; nothing is sent twice."""
        camera, binning = self._camera, wanted.binning
        whole = Region.whole(facts.width_px // binning, facts.height_px // binning)
        if wanted == self._sent:
            self.read_out(whole)
            return
        self.forget()
        camera.BinX = binning
        camera.BinY = binning
        self.read_out(whole)
        if wanted.gain is not None:
            camera.Gain = wanted.gain
        if wanted.offset is not None:
            camera.Offset = wanted.offset
        if wanted.readout_mode is not None:
            camera.ReadoutMode = wanted.readout_mode
        self._sent = wanted
        self._kept = {}
        for name, ours, read in self._kept_by_us(wanted):
            if (found := told(read)) is None:
                continue
            self._kept[name] = found
            said = f"the camera did not take {name} {ours}, it says {found}"
            if found != ours and said not in self._not_taken:
                self._not_taken.add(said)
                self._journal.say(self._rig, "alarm", f"{said}; that is held to be its way of counting")

    def read_out(self, region: Region) -> None:
        """Let the next frames be this part of the sensor; nothing is sent twice.

        Raises DeviceRefused, and PartRefused when the camera says that it kept another.
        """
        if region == self._region:
            return
        self._region = None
        starts = [("StartX", region.x_px), ("StartY", region.y_px)]
        sizes = [("NumX", region.width_px), ("NumY", region.height_px)]
        # What a driver checks at each step must fit: it shrinks before it is moved, and is moved back first.
        wanted = sizes + starts if region.x_px or region.y_px else starts + sizes
        for member, value in wanted:
            try:
                setattr(self._camera, member, value)
            except DeviceRefused:
                # A camera without sub-frames need not be told what it reads anyway.
                if told(partial(getattr, self._camera, member)) != value:
                    raise
        for member, value in wanted:
            found = told(partial(getattr, self._camera, member))
            if found is not None and found != value:
                raise PartRefused(
                    f"{self._rig}: the camera did not take {member} {value}, it says {found}; restart its "
                    f"driver"
                )
        self._region = region

    def require_kept(self) -> None:
        """Raise SomebodyElse when a setting is not as we left it."""
        assert self._sent is not None, "set it up first"
        for name, ours, read in self._kept_by_us(self._sent):
            found, kept = told(read), self._kept.get(name, ours)
            if found is not None and found != kept:
                self.forget()
                ours_kept = f"where we set {ours}" + (f", which it called {kept}" if kept != ours else "")
                raise SomebodyElse(self._rig, f"its {name} is {found} {ours_kept}")

    def require_size(self, binning: int, width_px: int, height_px: int) -> None:
        """Raise SomebodyElse when the camera reads out another part of the sensor than this."""
        camera = self._camera
        found = told(lambda: (camera.BinX, camera.NumX, camera.NumY))
        if found is not None and found != (binning, width_px, height_px):
            self.forget()
            raise SomebodyElse(
                self._rig,
                f"its binning and size are {found[0]}, {found[1]} x {found[2]} where we set {binning}, "
                f"{width_px} x {height_px}",
            )

    def _kept_by_us(self, sent: Readout) -> Iterator[tuple[str, int, Callable[[], int]]]:
        """Name, value and reader of each setting that is ours to keep."""
        camera = self._camera
        # A changed subframe shows in the image's size, and so does a changed binning of the whole sensor.
        reads: list[tuple[str, int | None, Callable[[], int]]] = [
            ("binning", sent.binning if sent.binning != 1 else None, lambda: camera.BinX),
            ("gain", sent.gain, lambda: camera.Gain),
            ("offset", sent.offset, lambda: camera.Offset),
            ("readout mode", sent.readout_mode, lambda: camera.ReadoutMode),
        ]
        for name, ours, read in reads:
            if ours is not None:
                yield name, ours, read
