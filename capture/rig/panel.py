"""The rig's flat panel: lit at a brightness, and off again whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from capture.alpaca.devices import CalibratorStatus, CoverCalibrator
from capture.errors import BadInput, DeviceError, DeviceTimeout
from capture.journal import Journal
from capture.rig.camera_facts import told
from capture.rig.patience import Patience

_NOT_LIT = (CalibratorStatus.NotPresent, CalibratorStatus.Off)
_CHANGES_WITHIN_S, _SETTLES_S, _OFF_WITHIN_S = 60.0, 1.0, 60.0


class Panel:
    """A panel over Alpaca, in the device of the cover. Its word is not relied on: frames tell its light."""

    def __init__(self, rig: str, device: CoverCalibrator, patience: Patience, journal: Journal) -> None:
        self._rig = rig
        self._device = device
        self._patience = patience
        self._journal = journal
        self._brightness = 0

    def put_out(self) -> None:
        """Switch off what a run that was killed left lit; an alarm tells of one that may still be lit."""
        if told(lambda: CalibratorStatus(self._device.CalibratorState)) in _NOT_LIT:
            return
        self._journal.say(self._rig, "panel", "the panel was found lit, or does not say; it is switched off")
        self._switch_off()

    def max_brightness(self) -> int:
        """The brightest that it takes. Raises BadInput when there is no panel."""
        if told(lambda: CalibratorStatus(self._device.CalibratorState)) == CalibratorStatus.NotPresent:
            raise BadInput(
                f"{self._rig}: its cover calibrator has no panel; take [rig.panel] out of the config"
            )
        return int(self._device.MaxBrightness)

    def light(self, brightness: int) -> None:
        """Light it so brightly and wait until it says that it is ready. Raises DeviceError.

        One that never says so is believed to be: some do not.
        """
        if brightness == self._brightness:
            return
        self._device.CalibratorOn(brightness)
        self._brightness = brightness

        def is_ready() -> bool:
            state = told(lambda: CalibratorStatus(self._device.CalibratorState))
            if state == CalibratorStatus.Error:
                raise DeviceError(f"{self._rig}: the panel reports an error; look at it")
            return bool(state == CalibratorStatus.Ready)

        try:
            self._patience.wait("the panel", is_ready, _CHANGES_WITHIN_S)
        except DeviceTimeout:
            self._journal.say(
                self._rig, "waiting", "the panel does not say that it is ready; frames will tell"
            )
        self._patience.pause(_SETTLES_S, "the panel")

    @contextmanager
    def off_at_the_end(self) -> Iterator[None]:
        """Whatever happens in this block, the panel is off after it, or an alarm says that it is not."""
        try:
            yield
        finally:
            with self._patience.undisturbed():
                self._switch_off()

    def _switch_off(self) -> None:
        self._brightness = 0

        def is_off() -> bool:
            state = told(lambda: CalibratorStatus(self._device.CalibratorState))
            return bool(state == CalibratorStatus.Off)

        try:
            self._device.CalibratorOff()
            self._patience.wait("the panel", is_off, _OFF_WITHIN_S)
        except DeviceError as error:
            self._journal.say(self._rig, "alarm", f"the panel may still be lit: {error}. Look at it")
