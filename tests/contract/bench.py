"""Where the contract suite finds its devices: in this process, behind a server, or on a mountain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

import pytest

from capture.alpaca.devices import (
    Camera,
    CoverCalibrator,
    Dome,
    FilterWheel,
    Focuser,
    ObservingConditions,
    Rotator,
    SafetyMonitor,
    Telescope,
)
from capture.alpaca.transport import HttpRefusal, Line
from capture.clock import Clock
from capture.config import DeviceAddress, Timeouts
from capture.errors import DeviceError, DeviceRefused
from simulators import Observatory
from simulators.camera import Camera as SimulatedCamera
from simulators.device import AlpacaError, BadRequest, Device
from simulators.images import error_bytes, image_bytes

AnyDevice = (
    Camera
    | CoverCalibrator
    | Dome
    | FilterWheel
    | Focuser
    | ObservingConditions
    | Rotator
    | SafetyMonitor
    | Telescope
)
D = TypeVar(
    "D",
    Camera,
    CoverCalibrator,
    Dome,
    FilterWheel,
    Focuser,
    ObservingConditions,
    Rotator,
    SafetyMonitor,
    Telescope,
)


class Bench:
    """Opens device 0 of each type and lets its time pass."""

    def __init__(self, name: str, clock: Clock, open_it: Callable[[type[AnyDevice]], AnyDevice]) -> None:
        self.name = name
        self.clock = clock
        self._open_it = open_it
        self._opened: list[AnyDevice] = []

    def device(self, kind: type[D]) -> D:
        """Device 0 of the type, connected; the test is skipped where there is none."""
        device = self._open_it(kind)
        self._opened.append(device)
        try:
            _ = device.Connected
        except HttpRefusal as refusal:
            pytest.skip(f"there is no such device: {refusal}")
        self.clock.run(lambda: device.open(self.clock))
        assert isinstance(device, kind)
        return device

    def sleep(self, seconds: float) -> None:
        """Let time pass on the devices' clock."""
        self.clock.run(lambda: self.clock.sleep(seconds))

    def wait(self, done: Callable[[], bool], within_s: float) -> None:
        """Wait until `done()`; fail after `within_s` on the devices' clock."""

        def look() -> bool:
            deadline = self.clock.monotonic() + within_s
            while not done():
                if self.clock.monotonic() > deadline:
                    return False
                self.clock.sleep(0.2)
            return True

        assert self.clock.run(look), f"not within {within_s:g} s"

    def close(self) -> None:
        for device in self._opened:
            device.close()


def address(server: str, number: int = 0) -> DeviceAddress:
    host, _, port = server.rpartition(":")
    return DeviceAddress(host=host, port=int(port), number=number)


def over_http(server: str, timeouts: Timeouts | None = None) -> Callable[[type[AnyDevice]], AnyDevice]:
    """Open device 0 of a type at the server."""
    return lambda kind: kind(address(server), timeouts)


def in_process(observatory: Observatory) -> Callable[[type[AnyDevice]], AnyDevice]:
    """Open device 0 of a type of the observatory's own objects, without a server."""

    def opened(kind: type[AnyDevice]) -> AnyDevice:
        device = kind(address("127.0.0.1:9"))
        device.line.close()
        device.line = cast(Line, ObjectLine(observatory.devices[device.device_type, 0]))
        return device

    return opened


class ObjectLine:
    """What `capture.alpaca.transport.Line` is to a server, to a simulated object: same calls, same errors."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self.device = f"{device.kind} {device.number} in this process"
        self.timeouts = Timeouts()
        self.clock: Clock | None = None

    def get(self, member: str, **parameters: object) -> Any:
        value = self._call("get", member, {name.lower(): str(v) for name, v in parameters.items()})
        assert value is not None, f"{member} has no value"
        return value

    def put(self, member: str, **parameters: object) -> Any:
        return self._call("put", member, {name: str(value) for name, value in parameters.items()})

    def fetch(self, member: str, accept: str, read: Callable[[Any], Any]) -> Any:
        assert isinstance(self._device, SimulatedCamera)
        assert member == "imagearray"
        assert "application/imagebytes" in accept
        try:
            body = image_bytes(self._device.image(), 0, 1)
        except AlpacaError as error:
            body = error_bytes(error.number, str(error), 0, 1)
        return read(_Body(body))

    def check_echo(self, member: str, echo: object, number: int) -> None:
        """Nothing is between us and the object that could mix up calls."""

    def check_error(self, member: str, number: int, message: str) -> None:
        if number:
            raise DeviceRefused(f"{self.device} refused {member}: {message} (0x{number:X})", number)

    def close(self) -> None:
        """Nothing is open."""

    def _call(self, method: str, member: str, parameters: Mapping[str, str]) -> Any:
        try:
            return self._device.call(method, member, parameters)
        except AlpacaError as error:
            self.check_error(member, error.number, str(error))
        except BadRequest as error:
            raise HttpRefusal(f"{self.device} does not know {member}: {error}", 400) from error
        raise DeviceError("an Alpaca error without a number")


class _Body:
    """A reply's body, as much of `capture.alpaca.connection.Response` as an image is read by."""

    def __init__(self, body: bytes) -> None:
        self._left = memoryview(body)
        self.status = 200
        self.headers = {"content-type": "application/imagebytes"}
        self.transaction = 0

    @property
    def length(self) -> int:
        return len(self._left)

    @property
    def ended(self) -> bool:
        return not self._left

    def read_into(self, view: memoryview) -> int:
        count = min(len(view), len(self._left))
        view[:count], self._left = self._left[:count], self._left[count:]
        return count

    fill = read_into

    def read(self, at_most: int = 1 << 22) -> bytes:
        body, self._left = bytes(self._left), self._left[:0]
        return body
