"""The rig's filter wheel: turned to a filter and waited for, or sent ahead while the camera reads out."""

from __future__ import annotations

from capture.alpaca.devices import FilterWheel
from capture.clock import Clock
from capture.errors import BadInput, DeviceTimeout
from capture.rig.patience import Patience

_DEADLINE_S = 60.0
_MOVING = -1


class Wheel:
    """A filter wheel over Alpaca."""

    def __init__(self, rig: str, wheel: FilterWheel, patience: Patience, clock: Clock) -> None:
        self._rig = rig
        self._wheel = wheel
        self._patience = patience
        self._clock = clock
        self._sent_to: int | None = None
        self.names: tuple[str, ...] = ()

    def connect(self) -> None:
        """Connect and read the filters' names, by slot. Raises DeviceError."""
        self._wheel.open(self._clock, pause=self._patience.pause)
        self.names = tuple(str(name) for name in self._wheel.Names)
        self._sent_to = None

    def current(self) -> str | None:
        """The filter in the light, None while the wheel turns."""
        slot = self._wheel.Position
        return self.names[slot] if 0 <= slot < len(self.names) else None

    def select(self, name: str) -> None:
        """Turn to the filter and wait until the wheel says so.

        Raises BadInput for an unknown name, DeviceTimeout when it does not arrive.
        """
        slot = self.slot(name)
        # Asked every time: another client, or a hand, may have turned it since.
        position = self._wheel.Position
        if position == slot:
            return
        if not (position == _MOVING and self._sent_to == slot):
            self._send(slot)
        self._patience.wait(f"the wheel's way to {name}", lambda: self._wheel.Position == slot, _DEADLINE_S)

    def prepare(self, name: str) -> None:
        """Send the wheel to the filter and do not wait. Raises BadInput for an unknown name."""
        slot = self.slot(name)
        if self._wheel.Position != slot:
            self._send(slot)

    def slot(self, name: str) -> int:
        """The slot of a filter. Raises BadInput naming those there are."""
        if name not in self.names:
            there_are = " ".join(self.names) or "none"
            raise BadInput(f"{self._rig} has no filter {name!r}; it has {there_are}")
        return self.names.index(name)

    def _send(self, slot: int) -> None:
        self._sent_to = slot
        try:
            self._wheel.Position = slot
        except DeviceTimeout as timeout:
            # Some wheels answer when they have arrived; told twice, they would start anew.
            if not timeout.sent:
                raise

    def close(self) -> None:
        """Drop our connection."""
        self._wheel.close()
