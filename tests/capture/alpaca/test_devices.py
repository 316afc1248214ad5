"""alpyca's classes over our own wire: they connect, and every member that we use works over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from alpaca.camera import CameraStates, SensorType
from alpaca.covercalibrator import CalibratorStatus, CoverStatus
from alpaca.dome import ShutterState
from alpaca.telescope import AlignmentModes, EquatorialCoordinateType, PierSide

from capture.alpaca.devices import (
    Camera,
    CoverCalibrator,
    Dome,
    FilterWheel,
    ObservingConditions,
    SafetyMonitor,
    Telescope,
    optional,
)
from capture.clock import SimulatedClock
from capture.config import DeviceAddress
from capture.errors import DeviceError, DeviceRefused, DeviceTimeout, DeviceUnreachable
from simulators import Observatory, Server
from tests.capture.alpaca.fake_server import Answer, FakeServer, Request, value
from tests.wire import Wire

AnyDevice = Camera | CoverCalibrator | Dome | FilterWheel | ObservingConditions | SafetyMonitor | Telescope
TYPES: list[type[AnyDevice]] = [
    Camera, CoverCalibrator, Dome, FilterWheel, ObservingConditions, SafetyMonitor, Telescope,
]  # fmt: skip
Opened = Callable[..., AnyDevice]


def address(server: str, number: int = 0) -> DeviceAddress:
    host, _, port = server.rpartition(":")
    return DeviceAddress(host=host, port=int(port), number=number)


def name_of(kind: type[AnyDevice]) -> str:
    return kind.__name__.lower()


@pytest.fixture
def devices(served: Server, clock: SimulatedClock) -> Iterator[Callable[[type[AnyDevice]], AnyDevice]]:
    """Open device 0 of a type on the served observatory."""
    made: list[AnyDevice] = []

    def opened(kind: type[AnyDevice]) -> AnyDevice:
        device = kind(address(served.address))
        made.append(device)
        clock.run(lambda: device.open(clock))
        return device

    yield opened
    for device in made:
        device.close()


@pytest.fixture
def camera(devices: Opened) -> Camera:
    return devices(Camera)


@pytest.fixture
def telescope(devices: Opened) -> Telescope:
    return devices(Telescope)


@pytest.mark.parametrize("kind", TYPES, ids=name_of)
def test_a_platform_7_device_is_connected_by_its_asynchronous_call(
    devices: Opened, wire: Wire, kind: type[AnyDevice], observatory: Observatory
) -> None:
    assert devices(kind).Connected
    assert [command.member for command in observatory.command_log] == ["connect"]


@pytest.mark.parametrize("kind", TYPES, ids=name_of)
def test_an_older_device_is_connected_by_setting_connected(
    devices: Opened, wire: Wire, kind: type[AnyDevice], observatory: Observatory
) -> None:
    wire.says[f"{name_of(kind)}/0", "interfaceversion"] = 1
    assert devices(kind).Connected
    assert [command.member for command in observatory.command_log] == ["connected"]


def test_a_device_that_is_connected_already_is_left_alone(devices: Opened, observatory: Observatory) -> None:
    devices(Dome)
    devices(Dome)
    assert len(observatory.command_log) == 1


def test_closing_leaves_the_device_connected_for_others(devices: Opened, observatory: Observatory) -> None:
    devices(Dome).close()
    assert observatory.devices["dome", 0].connected


class SlowToConnect:
    """Answers of a Platform 7 camera that is connected after `looks` looks at Connecting."""

    def __init__(self, looks: float, comes_up: bool = True) -> None:
        self._looks = looks
        self._comes_up = comes_up
        self._asked = False

    def __call__(self, request: Request) -> Answer:
        member = request.path.rpartition("/")[2]
        if member == "connect":
            self._asked = True
        if member == "connecting":
            self._looks -= 1
            return value(self._looks > 0)
        if member == "connected":
            return value(self._asked and self._comes_up and self._looks <= 0)
        return value(4)


@pytest.fixture
def slow(fake: FakeServer) -> Iterator[Camera]:
    camera = Camera(address(fake.address))
    yield camera
    camera.close()


def test_a_camera_may_take_its_time_to_connect(fake: FakeServer, slow: Camera, clock: SimulatedClock) -> None:
    fake.answer = SlowToConnect(looks=200)
    clock.run(lambda: slow.open(clock))
    assert 60 < clock.monotonic() < 150


def test_a_camera_that_never_connects_runs_into_the_deadline(
    fake: FakeServer, slow: Camera, clock: SimulatedClock
) -> None:
    fake.answer = SlowToConnect(looks=float("inf"))
    with pytest.raises(DeviceTimeout, match=r"camera 0 at .* still connecting after 20 s"):
        clock.run(lambda: slow.open(clock, deadline_s=20))
    assert clock.monotonic() == pytest.approx(20, abs=1)


def test_a_camera_that_only_claims_to_have_connected_is_found_out(
    fake: FakeServer, slow: Camera, clock: SimulatedClock
) -> None:
    fake.answer = SlowToConnect(looks=1, comes_up=False)
    with pytest.raises(DeviceError, match="says that it is not connected"):
        clock.run(lambda: slow.open(clock))


def test_a_failing_interface_version_is_an_error_and_not_remembered(
    fake: FakeServer, slow: Camera, clock: SimulatedClock
) -> None:
    healthy = SlowToConnect(looks=1)

    def answer(request: Request) -> Answer:
        broken = Answer(b"oops", 500, "text/plain")
        return broken if request.path.endswith("interfaceversion") else healthy(request)

    def main() -> None:
        fake.answer = answer
        with pytest.raises(DeviceError, match="HTTP 500"):
            slow.open(clock)
        fake.answer = healthy
        slow.open(clock)

    clock.run(main)
    assert slow.Connected


def test_a_cameras_members_answer(camera: Camera) -> None:
    assert camera.Name == "T1 CMOS camera"
    assert (camera.CameraXSize, camera.CameraYSize) == (96, 64)
    assert (camera.BinX, camera.BinY, camera.NumX, camera.NumY) == (1, 1, 96, 64)
    assert (camera.StartX, camera.StartY) == (0, 0)
    assert (camera.PixelSizeX, camera.PixelSizeY) == (3.76, 3.76)
    assert camera.CameraState is CameraStates.cameraIdle
    assert camera.SensorType is SensorType.Monochrome
    assert camera.ImageReady is False
    assert camera.MaxADU == 65535
    assert camera.ElectronsPerADU == pytest.approx(0.8)
    assert camera.FullWellCapacity == 51_000
    assert (camera.Gain, camera.Offset, camera.ReadoutMode) == (0, 50, 0)
    assert camera.ReadoutModes == ["Normal", "Low noise"]
    assert (camera.ExposureMin, camera.ExposureMax) == (0.000032, 3600)
    assert camera.CanAbortExposure
    assert camera.CanSetCCDTemperature
    assert camera.CoolerOn is False
    assert -30 < camera.CCDTemperature < 40


def test_a_camera_takes_settings_and_an_image_comes_over(
    camera: Camera, clock: SimulatedClock, observatory: Observatory
) -> None:
    camera.BinX = camera.BinY = 2
    camera.NumX, camera.NumY = 48, 32
    camera.Gain, camera.Offset, camera.ReadoutMode = 100, 20, 1
    camera.SetCCDTemperature = -5.0
    camera.CoolerOn = True
    camera.StartExposure(2.5, True)
    assert camera.CameraState is CameraStates.cameraExposing
    clock.run(lambda: clock.sleep(10))
    assert camera.ImageReady
    assert camera.LastExposureDuration == 2.5
    assert (camera.BinX, camera.Gain, camera.Offset, camera.ReadoutMode) == (2, 100, 20, 1)
    image = camera.image(48, 32)
    assert image.shape == (32, 48)
    np.testing.assert_array_equal(image, observatory.camera(0).image())


def test_an_exposure_can_be_aborted(camera: Camera) -> None:
    camera.StartExposure(100, False)
    camera.AbortExposure()
    assert camera.CameraState is CameraStates.cameraIdle
    assert not camera.ImageReady
    with pytest.raises(DeviceRefused, match="no image"):
        camera.image(96, 64)


def test_a_filter_wheels_members_answer(devices: Opened, clock: SimulatedClock) -> None:
    wheel = devices(FilterWheel)
    assert isinstance(wheel, FilterWheel)
    assert wheel.Names == ["L", "R", "G", "B", "Ha", "OIII", "SII"]
    assert wheel.FocusOffsets[1] == 5
    wheel.Position = 3
    assert wheel.Position == -1
    clock.run(lambda: clock.sleep(10))
    assert wheel.Position == 3
    with pytest.raises(DeviceRefused):
        wheel.Position = 7


def test_a_telescopes_members_answer(telescope: Telescope, clock: SimulatedClock) -> None:
    assert telescope.AtPark
    assert telescope.CanSlewAltAzAsync
    assert telescope.CanSlewAsync
    assert telescope.CanSetTracking
    assert telescope.CanPark
    assert telescope.AlignmentMode is AlignmentModes.algGermanPolar
    assert telescope.EquatorialSystem is EquatorialCoordinateType.equTopocentric
    assert telescope.SiteLatitude == 32.9
    assert telescope.SideOfPier in PierSide
    assert telescope.UTCDate.year == 2026
    telescope.Unpark()
    telescope.SlewToAltAzAsync(120.0, 70.0)
    assert telescope.Slewing
    clock.run(lambda: clock.sleep(120))
    assert not telescope.Slewing
    assert (telescope.Altitude, telescope.Azimuth) == (pytest.approx(70), pytest.approx(120))
    telescope.Tracking = True
    telescope.SlewToCoordinatesAsync(telescope.SiderealTime, 30.0)
    clock.run(lambda: clock.sleep(120))
    assert telescope.Declination == pytest.approx(30)
    assert telescope.Tracking
    telescope.Park()
    clock.run(lambda: clock.sleep(120))
    assert telescope.AtPark
    with pytest.raises(DeviceRefused, match="parked"):
        telescope.Tracking = True


def test_a_roofs_members_answer(devices: Opened, clock: SimulatedClock) -> None:
    dome = devices(Dome)
    assert isinstance(dome, Dome)
    assert dome.CanSetShutter
    assert dome.ShutterStatus is ShutterState.shutterClosed
    dome.OpenShutter()
    assert dome.ShutterStatus is ShutterState.shutterOpening
    assert dome.Slewing
    clock.run(lambda: clock.sleep(60))
    assert dome.ShutterStatus is ShutterState.shutterOpen
    dome.CloseShutter()
    assert dome.ShutterStatus is ShutterState.shutterClosing


def test_a_covers_members_answer(devices: Opened, clock: SimulatedClock) -> None:
    cover = devices(CoverCalibrator)
    assert isinstance(cover, CoverCalibrator)
    assert cover.CoverState is CoverStatus.Closed
    cover.OpenCover()
    assert cover.CoverState is CoverStatus.Moving
    clock.run(lambda: clock.sleep(20))
    assert cover.CoverState is CoverStatus.Open
    cover.CloseCover()
    cover.CalibratorOn(cover.MaxBrightness)
    clock.run(lambda: clock.sleep(20))
    assert cover.CalibratorState is CalibratorStatus.Ready
    assert cover.Brightness == cover.MaxBrightness
    cover.CalibratorOff()


def test_a_safety_monitors_word_comes_over(devices: Opened, wire: Wire) -> None:
    monitor = devices(SafetyMonitor)
    assert isinstance(monitor, SafetyMonitor)
    assert monitor.IsSafe is True
    wire.says["safetymonitor/0", "issafe"] = False
    assert monitor.IsSafe is False


def test_a_weather_stations_members_answer(devices: Opened) -> None:
    weather = devices(ObservingConditions)
    assert isinstance(weather, ObservingConditions)
    assert weather.RainRate == 0
    assert weather.TimeSinceLastUpdate("") == 0
    assert weather.SensorDescription("RainRate")
    assert 0 <= weather.Humidity <= 100
    assert 0 <= weather.CloudCover <= 100
    assert -40 < weather.DewPoint < weather.Temperature < 40
    assert weather.WindSpeed <= weather.WindGust


@pytest.mark.parametrize("kind", TYPES, ids=name_of)
def test_the_members_common_to_all_devices_answer(devices: Opened, kind: type[AnyDevice]) -> None:
    device = devices(kind)
    assert device.Name
    assert device.Description
    assert device.DriverVersion
    assert device.DriverInfo
    assert device.InterfaceVersion >= 2
    assert device.SupportedActions == []
    assert device.DeviceState
    assert device.Connecting is False


@pytest.mark.parametrize("kind", TYPES, ids=name_of)
def test_the_refusals_of_all_devices_are_ours_and_not_alpycas(devices: Opened, kind: type[AnyDevice]) -> None:
    with pytest.raises(DeviceRefused) as caught:
        devices(kind).CommandString("x", False)
    assert caught.value.number == 0x400
    assert f"{name_of(kind)} 0 at" in str(caught.value)


@pytest.mark.parametrize("kind", TYPES, ids=name_of)
def test_a_device_whose_server_is_gone_is_unreachable(
    devices: Opened, served: Server, kind: type[AnyDevice]
) -> None:
    device = devices(kind)
    served.close()
    with pytest.raises(DeviceUnreachable, match=f"{name_of(kind)} 0 at"):
        _ = device.Connected


def test_what_a_device_does_not_have_is_none(camera: Camera) -> None:
    assert optional(lambda: camera.BayerOffsetX) is None
    assert optional(lambda: camera.Gain) == 0


def test_what_cannot_be_asked_is_not_taken_for_absent(camera: Camera, wire: Wire) -> None:
    wire.mute.add("camera/0")
    with pytest.raises(DeviceUnreachable):
        optional(lambda: camera.Gain)
