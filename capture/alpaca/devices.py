"""alpyca's device classes on our own wire. The only file that imports alpyca.

alpyca gives the members, enums and their documentation; every one of its calls passes through `_get` and
`_put`, which are replaced here by a `Line`. It is pinned to 3.1 because those two names are private.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from alpaca.camera import Camera as AlpycaCamera
from alpaca.camera import CameraStates, SensorType
from alpaca.covercalibrator import CalibratorStatus, CoverStatus
from alpaca.covercalibrator import CoverCalibrator as AlpycaCoverCalibrator
from alpaca.dome import Dome as AlpycaDome
from alpaca.dome import ShutterState
from alpaca.filterwheel import FilterWheel as AlpycaFilterWheel
from alpaca.focuser import Focuser as AlpycaFocuser
from alpaca.observingconditions import ObservingConditions as AlpycaObservingConditions
from alpaca.rotator import Rotator as AlpycaRotator
from alpaca.safetymonitor import SafetyMonitor as AlpycaSafetyMonitor
from alpaca.telescope import Telescope as AlpycaTelescope

from capture.alpaca import members
from capture.alpaca.transport import NOT_IMPLEMENTED, HttpRefusal, Line
from capture.clock import Clock
from capture.config import DeviceAddress, Timeouts
from capture.errors import DeviceError, DeviceRefused, DeviceTimeout

if TYPE_CHECKING:
    from capture.frame import Pixels

__all__ = [
    "CalibratorStatus",
    "Camera",
    "CameraStates",
    "CoverCalibrator",
    "CoverStatus",
    "Dome",
    "FilterWheel",
    "Focuser",
    "ObservingConditions",
    "Rotator",
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
    "focuser": 4,
    "observingconditions": 2,
    "rotator": 4,
    "safetymonitor": 3,
    "telescope": 4,
}
# HTTP's word for a call that the server has never heard of.
_UNKNOWN = (400, 404, 405, 501)


class _OnOurWire:
    """What every device class shares: alpyca's private calls over a Line, connecting, closing."""

    device_type: str
    device_number: int
    rqs: Any
    Connected: bool

    def __init__(
        self, address: DeviceAddress, timeouts: Timeouts | None = None, clock: Clock | None = None
    ) -> None:
        super().__init__(address.server, address.number)  # type: ignore[call-arg] # alpyca's classes have no types
        self.rqs.close()
        self.line = Line(address.server, self.device_type, address.number, timeouts, clock)

    def _get(self, attribute: str, tmo: float = 0.0, **data: object) -> Any:
        value = self.line.get(attribute, **data)
        check = members.check_of(self.device_type, attribute)
        if check is not None and not check(value):
            raise DeviceError(
                f"{self.line.device} answered {attribute} with {value!r:.80}, which makes no sense"
            )
        return value

    def _put(self, attribute: str, tmo: float = 0.0, **data: object) -> Any:
        return {"Value": self.line.put(attribute, **data)}

    @property
    def InterfaceVersion(self) -> int:
        """The version of the device's interface, 1 where it has none; asked every time."""
        try:
            return int(self._get("interfaceversion"))
        except DeviceRefused:
            return 1

    def Connect(self) -> None:
        """Begin to connect; Platform 7's asynchronous call, or else the older one, which may take minutes."""
        self._begin("connect", True)

    def Disconnect(self) -> None:
        """Begin to disconnect."""
        self._begin("disconnect", False)

    @property
    def Connecting(self) -> bool:
        """Whether it is still connecting or disconnecting; False where the device knows no such thing."""
        try:
            return bool(self._get("connecting"))
        except DeviceRefused as refusal:
            if refusal.number != NOT_IMPLEMENTED:
                raise
        except HttpRefusal as refusal:
            if refusal.status not in _UNKNOWN:
                raise
        return False

    def _begin(self, member: str, connected: bool) -> None:
        if self.InterfaceVersion >= _PLATFORM_7[self.device_type]:
            try:
                self.line.put(member)
                return
            except HttpRefusal as refusal:
                # It claims Platform 7 and does not know its calls.
                if refusal.status not in _UNKNOWN:
                    raise
            except DeviceRefused as refusal:
                if refusal.number != NOT_IMPLEMENTED:
                    raise
        self.line.put("connected", Connected=connected)

    def open(
        self, clock: Clock, deadline_s: float | None = None, pause: Callable[[float], None] | None = None
    ) -> None:
        """Connect and verify; what is connected already, perhaps by a client that vanished, stays so.

        `deadline_s`: `Timeouts.device_connects_s` if left out. `pause` lets seconds pass between looks, and
        may raise to give up; the clock's sleep if left out. From now on the clock pays simulated delays.
        Raises DeviceError; DeviceTimeout when it is still connecting after `deadline_s`.
        """
        self.line.clock = clock
        if self._is_connected():
            return
        deadline_s = self.line.timeouts.device_connects_s if deadline_s is None else deadline_s
        deadline = clock.monotonic() + deadline_s
        pause = pause or clock.sleep
        try:
            self._connect_within(clock, deadline, pause)
        except DeviceRefused:
            # Some drivers fail the first time (0x402) and connect the second.
            pause(0.5)
            self._connect_within(clock, deadline, pause)
        if clock.monotonic() > deadline and not self._is_connected():
            raise DeviceTimeout(
                f"{self.line.device} is still connecting after {deadline_s:g} s; look at the device's power "
                f"and cable, and at its driver"
            )
        if not self._is_connected():
            raise DeviceError(f"{self.line.device} accepted to connect but says that it is not connected")

    def _connect_within(self, clock: Clock, deadline: float, pause: Callable[[float], None]) -> None:
        """Ask it to connect and wait until it has, says that it has stopped trying, or the deadline."""
        busy = self._still_connecting
        try:
            self.Connect()
        except DeviceTimeout as timeout:
            if not timeout.sent:
                raise
            # The older call, which a slow camera answers late: it is at work, and not told again.
            busy = self._not_yet_connected
        while busy() and clock.monotonic() <= deadline:
            pause(0.5)

    def _still_connecting(self) -> bool:
        return self.Connecting

    def _not_yet_connected(self) -> bool:
        try:
            return not self._is_connected()
        except (DeviceTimeout, DeviceRefused):
            return True

    def _is_connected(self) -> bool:
        return bool(self._get("connected"))

    def close(self) -> None:
        """Close our connections; the device itself stays connected, others may use it."""
        self.line.close()


class Camera(_OnOurWire, AlpycaCamera):
    """An Alpaca camera; see alpyca's Camera for its members."""

    def image(self, width_px: int, height_px: int) -> Pixels:
        """The last exposure as uint16 [rows, columns]; the size is what was asked for.

        A view of what came, which has columns where FITS has rows: whoever writes it turns it in blocks.
        """
        # The guard, which has no camera, is a small process: no image, no numpy.
        from capture.alpaca.images import fetch_image  # noqa: PLC0415

        return fetch_image(self.line, width_px, height_px).T


class FilterWheel(_OnOurWire, AlpycaFilterWheel):
    """An Alpaca filter wheel."""


class Focuser(_OnOurWire, AlpycaFocuser):
    """An Alpaca focuser."""


class Rotator(_OnOurWire, AlpycaRotator):
    """An Alpaca rotator; its positions are floats."""


class Telescope(_OnOurWire, AlpycaTelescope):
    """An Alpaca mount."""

    def SlewToAltAz(self, Azimuth: float, Altitude: float) -> None:
        """Slew and answer when there: for mounts that know no other way, which alpyca leaves out."""
        self._put("slewtoaltaz", Azimuth=Azimuth, Altitude=Altitude)

    def SlewToCoordinates(self, RightAscension: float, Declination: float) -> None:
        """Slew and answer when there: for mounts that know no other way, which alpyca leaves out."""
        self._put("slewtocoordinates", RightAscension=RightAscension, Declination=Declination)

    @property
    def UTCDate(self) -> datetime:
        """The mount's clock; without a zone it is UTC, as the standard has it."""
        text = self._get("utcdate")
        try:
            told = datetime.fromisoformat(text)
        except ValueError as error:
            raise DeviceError(
                f"{self.line.device} answered utcdate with {text!r:.80}, which is no time"
            ) from error
        return told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)


class Dome(_OnOurWire, AlpycaDome):
    """An Alpaca dome or roof."""


class CoverCalibrator(_OnOurWire, AlpycaCoverCalibrator):
    """An Alpaca cover and light panel."""


class SafetyMonitor(_OnOurWire, AlpycaSafetyMonitor):
    """An Alpaca safety monitor."""


class ObservingConditions(_OnOurWire, AlpycaObservingConditions):
    """An Alpaca weather station."""


def optional(read: Callable[[], T]) -> T | None:
    """The property, or None where the device has none such, and says so: NotImplemented, and nothing else.

    Each property is optional on its own. Raises DeviceError: a driver that fails is not a device without it.
    """
    try:
        return read()
    except DeviceRefused as refusal:
        if refusal.number != NOT_IMPLEMENTED:
            raise
        return None
