"""alpyca's device classes on our own wire. The only file that imports alpyca.

alpyca gives the members, enums and their documentation; every one of its calls passes through `_get` and
`_put`, which are replaced here by a `Line`. It is pinned to 3.1 because those two names are private.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from alpaca.camera import Camera as AlpycaCamera
from alpaca.camera import CameraStates, SensorType
from alpaca.covercalibrator import CoverCalibrator as AlpycaCoverCalibrator
from alpaca.covercalibrator import CoverStatus
from alpaca.dome import Dome as AlpycaDome
from alpaca.dome import ShutterState
from alpaca.filterwheel import FilterWheel as AlpycaFilterWheel
from alpaca.observingconditions import ObservingConditions as AlpycaObservingConditions
from alpaca.safetymonitor import SafetyMonitor as AlpycaSafetyMonitor
from alpaca.telescope import Telescope as AlpycaTelescope

from capture.alpaca.images import fetch_image
from capture.alpaca.transport import Line, Timeouts
from capture.clock import Clock
from capture.config import DeviceAddress
from capture.errors import DeviceError, DeviceRefused, DeviceTimeout
from capture.frame import Pixels

__all__ = [
    "Camera",
    "CameraStates",
    "CoverCalibrator",
    "CoverStatus",
    "Dome",
    "FilterWheel",
    "ObservingConditions",
    "SafetyMonitor",
    "SensorType",
    "ShutterState",
    "Telescope",
    "optional",
]

T = TypeVar("T")
_PLATFORM_7 = {
    "camera": 4,
    "covercalibrator": 2,
    "dome": 3,
    "filterwheel": 3,
    "observingconditions": 2,
    "safetymonitor": 3,
    "telescope": 4,
}


class _OnOurWire:
    """What every device class shares: alpyca's two private calls over a Line, connecting, closing."""

    device_type: str
    rqs: Any
    Connected: bool
    Connecting: bool

    def __init__(self, address: DeviceAddress, timeouts: Timeouts | None = None) -> None:
        super().__init__(address.server, address.number)  # type: ignore[call-arg]
        self.rqs.close()
        self.line = Line(address.server, self.device_type, address.number, timeouts)

    def _get(self, attribute: str, tmo: float = 0.0, **data: object) -> Any:
        return self.line.get(attribute, **data)

    def _put(self, attribute: str, tmo: float = 0.0, **data: object) -> Any:
        return {"Value": self.line.put(attribute, **data)}

    def open(
        self, clock: Clock, deadline_s: float = 300.0, pause: Callable[[float], None] | None = None
    ) -> None:
        """Connect and verify, by Platform 7's asynchronous call where the device has it.

        `pause` lets seconds pass between looks, and may raise to give up; the clock's sleep if left out.
        Raises DeviceError; DeviceTimeout when it is still connecting after `deadline_s`.
        """
        if self._is_connected():
            return
        version = optional(lambda: int(self.line.get("interfaceversion"))) or 1
        if version >= _PLATFORM_7[self.device_type]:
            self.line.put("connect")
            deadline = clock.monotonic() + deadline_s
            while self.line.get("connecting"):
                if clock.monotonic() > deadline:
                    raise DeviceTimeout(f"{self.line.device} is still connecting after {deadline_s:g} s")
                (pause or clock.sleep)(0.5)
        else:
            self.line.put("connected", Connected=True)
        if not self._is_connected():
            raise DeviceError(f"{self.line.device} accepted to connect but says that it is not connected")

    def _is_connected(self) -> bool:
        return bool(self.line.get("connected"))

    def close(self) -> None:
        """Close our connection; the device itself stays connected, others may use it."""
        self.line.close()


class Camera(_OnOurWire, AlpycaCamera):
    """An Alpaca camera; see alpyca's Camera for its members."""

    def image(self, width_px: int, height_px: int) -> Pixels:
        """The last exposure as uint16 [rows, columns]; the size is what was asked for."""
        return fetch_image(self.line, width_px, height_px)


class FilterWheel(_OnOurWire, AlpycaFilterWheel):
    """An Alpaca filter wheel."""


class Telescope(_OnOurWire, AlpycaTelescope):
    """An Alpaca mount."""


class Dome(_OnOurWire, AlpycaDome):
    """An Alpaca dome or roof."""


class CoverCalibrator(_OnOurWire, AlpycaCoverCalibrator):
    """An Alpaca cover and light panel."""


class SafetyMonitor(_OnOurWire, AlpycaSafetyMonitor):
    """An Alpaca safety monitor."""


class ObservingConditions(_OnOurWire, AlpycaObservingConditions):
    """An Alpaca weather station."""


def optional(read: Callable[[], T]) -> T | None:
    """The property, or None where the device refuses it: each property is optional on its own."""
    try:
        return read()
    except DeviceRefused:
        return None
