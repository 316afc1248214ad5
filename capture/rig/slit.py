"""The slit of a rotating dome, kept on the mount. Opening and closing is the guard's; only it is turned here.

A dome that is Slaved follows its mount by itself: it is let be, and only waited for.
"""

from __future__ import annotations

from math import cos, radians

from capture.alpaca.devices import Dome, optional
from capture.clock import Clock
from capture.errors import BadInput, DeviceTimeout
from capture.rig.directions import Direction
from capture.rig.patience import Patience

_DEADLINE_S = 300.0
_TOLD_AGAIN_S = 60.0
# On the sky: near the zenith many degrees of azimuth are few of those.
_OFF_DEG = 3.0


class Slit:
    """A rotating dome over Alpaca, of which this rig is the one that it follows."""

    def __init__(self, rig: str, dome: Dome, patience: Patience, clock: Clock) -> None:
        self._rig = rig
        self._dome = dome
        self._patience = patience
        self._clock = clock
        self._told_at = float("-inf")

    def connect(self) -> None:
        """Connect. Raises DeviceError; BadInput for a roof that does not turn."""
        self._dome.open(self._clock, pause=self._patience.pause)
        if not optional(lambda: self._dome.CanSetAzimuth) and not self._slaved():
            raise BadInput(
                f'{self._rig}: the dome cannot be turned; take the key dome out of [[rig]] "{self._rig}"'
            )

    def begin_to_follow(self, direction: Direction) -> None:
        """Send the slit on its way, unless it covers the direction already, and do not wait."""
        if not self._slaved() and not self._covers(direction):
            self._told_at = self._clock.monotonic()
            try:
                self._dome.SlewToAzimuth(direction.azimuth_deg % 360.0)
            except DeviceTimeout as timeout:
                # Some answer when they are there: it is looked at, and not told again.
                if not timeout.sent:
                    raise

    def follow(self, direction: Direction) -> None:
        """Have the slit in front of the mount and the dome at rest: before that nothing is exposed.

        A turn is never broken off: AbortSlew would stop the shutter too, which may be closing. Raises
        DeviceTimeout when the slit does not come.
        """
        if not self._dome.Slewing:
            self.begin_to_follow(direction)
        try:
            self._patience.wait("the dome's slit", lambda: self._rests_at(direction), _DEADLINE_S)
        except DeviceTimeout as late:
            at_deg = optional(lambda: float(self._dome.Azimuth))
            where = "nobody knows where" if at_deg is None else f"at azimuth {at_deg:.0f} deg"
            raise DeviceTimeout(
                f"{self._rig}: the dome's slit did not come to azimuth {direction.azimuth_deg:.0f} deg "
                f"within {_DEADLINE_S:g} s, it stands {where}"
            ) from late

    def _rests_at(self, direction: Direction) -> bool:
        if self._dome.Slewing:
            return False
        if self._slaved() or self._covers(direction):
            return True
        # It was on its way elsewhere when it was looked at first, or has not heard.
        if self._clock.monotonic() - self._told_at > _TOLD_AGAIN_S:
            self.begin_to_follow(direction)
        return False

    def _slaved(self) -> bool:
        return bool(optional(lambda: self._dome.Slaved))

    def _covers(self, direction: Direction) -> bool:
        off_deg = abs((float(self._dome.Azimuth) - direction.azimuth_deg + 180.0) % 360.0 - 180.0)
        return off_deg * cos(radians(direction.altitude_deg)) <= _OFF_DEG

    def close(self) -> None:
        """Drop our connection."""
        self._dome.close()
