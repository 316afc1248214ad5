"""One exposure from its start to the image that is ready, and how a camera that fails in it is met."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Literal

from capture.alpaca.devices import Camera, CameraStates
from capture.clock import Clock
from capture.errors import DeviceError, DeviceRefused, DeviceTimeout, DeviceUnreachable, Interrupted
from capture.journal import Journal
from capture.rig.camera_facts import BUSY, told, word
from capture.rig.patience import Patience
from capture.rig.settings import SomebodyElse

_READOUT_DEADLINE_S = 120.0
# A shutter that is still open so long after its time will not close by itself.
_EXPOSING_DEADLINE_S = 30.0
# Asked a little before the learned time, or a readout once seen late would be awaited late for ever; three
# times as much each time that the image was there already.
_EARLY_S = 0.015
# Some servers take a moment after StartExposure before they take the last image's ImageReady back.
_NOT_BEFORE_S = 0.1
# Seldom enough for any server, and often enough that a readout is soon known to some hundredths.
_SLOWEST_POLL_S = 0.1
_LATE_S = 2.0
_SHUT = (CameraStates.cameraReading, CameraStates.cameraDownload, CameraStates.cameraIdle)
_RESTART_DEADLINE_S = 60.0


class Exposing:
    """Starts exposures and waits for them; how long a readout takes is learned from each."""

    def __init__(self, rig: str, camera: Camera, patience: Patience, clock: Clock, journal: Journal) -> None:
        self._rig = rig
        self._camera = camera
        self._patience = patience
        self._clock = clock
        self._journal = journal
        self._readouts_s = {"whole": 0.0, "part": 0.0}
        self._early_s = {"whole": _EARLY_S, "part": _EARLY_S}

    @property
    def readout_s(self) -> float:
        """Seconds from the end of an exposure to a whole frame's image, as learned from the last ones."""
        return self._readouts_s["whole"]

    def require_idle(self) -> None:
        """Raise DeviceError, and send nothing, when the camera is gone, has failed or is another's."""
        if not self._camera.Connected:
            raise DeviceError(f"{self._rig}: the camera is no longer connected; it may have lost its power")
        state = CameraStates(self._camera.CameraState)
        if state == CameraStates.cameraError:
            raise self._failed()
        if state in BUSY:
            raise SomebodyElse(self._rig, f"its state is {word(state)}, and we have started nothing")

    def until_ready(
        self,
        exposure_s: float,
        light: bool,
        when_shut: Callable[[], None] | None = None,
        read: Literal["whole", "part"] = "whole",
    ) -> float:
        """Expose and wait until the image can be had; return the seconds that took above the exposure.

        `when_shut` is called as soon as the camera says that the exposure has ended. `read` is what of the
        sensor is read out, by which the time it takes is learned.

        Raises Interrupted, after aborting the exposure; DeviceTimeout when no image comes; DeviceError.
        """
        begun, readout_s, looks = self._clock.monotonic(), self._readouts_s[read], 0

        def image_ready() -> bool:
            nonlocal looks
            looks += 1
            return self._image_ready(begun + exposure_s, readout_s)

        self._start(exposure_s, light)
        try:
            if when_shut is not None:
                self._patience.wait(
                    f"an exposure of {exposure_s:g} s",
                    self._has_ended,
                    deadline_s=exposure_s + _READOUT_DEADLINE_S,
                    expected_s=max(_NOT_BEFORE_S, exposure_s),
                )
                when_shut()
            waited_s = self._clock.monotonic() - begun
            # The readout's length is learned, so that a frame costs two or three polls and not dozens; never
            # is it asked before its time, when some cameras still say that the last image is ready.
            self._patience.wait(
                f"an exposure of {exposure_s:g} s",
                image_ready,
                deadline_s=exposure_s + _READOUT_DEADLINE_S,
                expected_s=max(_NOT_BEFORE_S, exposure_s + readout_s - self._early_s[read] - waited_s),
                slowest_poll_s=_SLOWEST_POLL_S,
            )
        except (Interrupted, DeviceError) as error:
            self._abort()
            if isinstance(error, DeviceTimeout):
                raise self._explained(error) from error
            if isinstance(error, DeviceUnreachable):
                self.await_restart()
            raise
        overhead_s = self._clock.monotonic() - begun - exposure_s
        learned_s = min(overhead_s, readout_s + 1.0) if readout_s else overhead_s
        self._readouts_s[read] = max(0.0, learned_s)
        seen_late = looks == 1 and readout_s > 0
        self._early_s[read] = min(3 * self._early_s[read], readout_s) if seen_late else _EARLY_S
        return overhead_s

    def await_restart(self) -> None:
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

    def _start(self, exposure_s: float, light: bool) -> None:
        """Start the exposure. It is never told twice: where no answer came, the camera's state tells."""
        try:
            self._camera.StartExposure(exposure_s, light)
        except DeviceRefused:
            if told(lambda: CameraStates(self._camera.CameraState)) in BUSY:
                raise SomebodyElse(self._rig, "it refused to start, for it is exposing") from None
            raise
        except (DeviceTimeout, DeviceUnreachable) as error:
            if not error.sent:
                raise
            try:
                begun = CameraStates(self._camera.CameraState) in BUSY
            except DeviceError:
                begun = False
            if not begun:
                self._abort()
                raise
            self._journal.say(self._rig, "alarm", f"{error}. It exposes all the same.")

    def _has_ended(self) -> bool:
        """Whether the shutter is shut. A camera that calls its readout exposing too has when it is ready."""
        state = told(lambda: CameraStates(self._camera.CameraState))
        return state in _SHUT or bool(self._camera.ImageReady)

    def _image_ready(self, ends: float, readout_s: float) -> bool:
        """Whether the image is there. Once it is late, a camera that has failed need not be waited for."""
        if self._camera.ImageReady:
            return True
        late_s = self._clock.monotonic() - ends
        if late_s > readout_s + _LATE_S:
            state = told(lambda: CameraStates(self._camera.CameraState))
            if state == CameraStates.cameraError:
                raise self._failed()
            if state == CameraStates.cameraExposing and late_s > _EXPOSING_DEADLINE_S:
                raise DeviceTimeout(
                    f"{self._rig}: the exposure did not end within {late_s:.0f} s of its time"
                )
        return False

    def _failed(self) -> DeviceError:
        return DeviceError(
            f"{self._rig}: the camera reports that the exposure failed; look at its server's log"
        )

    def _explained(self, timeout: DeviceTimeout) -> DeviceTimeout:
        """The same with the camera's own word and a remedy."""
        try:
            said = f"the camera's state is {word(CameraStates(self._camera.CameraState))}"
        except DeviceError:
            said = "the camera does not tell its state"
        return DeviceTimeout(f"{timeout}; {said}. Look at its server's log, its cable and its power")

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
