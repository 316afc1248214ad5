"""The rig's rotator: turned to the angle that flats are taken at, and measured for every frame."""

from __future__ import annotations

from contextlib import suppress

from capture.alpaca.devices import Rotator
from capture.clock import Clock
from capture.errors import DeviceError, DeviceTimeout, Interrupted
from capture.rig.patience import Patience

_DEADLINE_S = 180.0
_NEAR_ENOUGH_DEG = 0.5
# Older rotators know one position only.
_KNOWS_MECHANICAL = 3


class Rotation:
    """A rotator over Alpaca. Angles are mechanical: a flat belongs to the optics, not to the sky."""

    def __init__(self, rig: str, rotator: Rotator, patience: Patience, clock: Clock) -> None:
        self._rig = rig
        self._rotator = rotator
        self._patience = patience
        self._clock = clock
        self._mechanical = True

    def connect(self) -> None:
        """Connect. Raises DeviceError."""
        self._rotator.open(self._clock, pause=self._patience.pause)
        self._mechanical = self._rotator.InterfaceVersion >= _KNOWS_MECHANICAL

    def position_deg(self) -> float:
        """The measured angle, 0 to 360."""
        rotator = self._rotator
        return float(rotator.MechanicalPosition if self._mechanical else rotator.Position) % 360.0

    def turn_to(self, angle_deg: float) -> None:
        """Turn there and wait. Raises DeviceTimeout when it does not arrive."""

        def arrived() -> bool:
            return abs((self.position_deg() - angle_deg + 180.0) % 360.0 - 180.0) <= _NEAR_ENOUGH_DEG

        rotator = self._rotator
        if arrived() and not rotator.IsMoving:
            return
        try:
            (rotator.MoveMechanical if self._mechanical else rotator.MoveAbsolute)(angle_deg)
            self._patience.wait(
                f"the rotator's way to {angle_deg:g} deg",
                lambda: not rotator.IsMoving and arrived(),
                _DEADLINE_S,
            )
        except (Interrupted, DeviceTimeout):
            with suppress(DeviceError):
                rotator.Halt()
            raise

    def close(self) -> None:
        """Drop our connection."""
        self._rotator.close()
