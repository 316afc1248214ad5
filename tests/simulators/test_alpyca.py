"""alpyca's own client classes work against the server."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from alpaca.camera import Camera, CameraStates, ImageArrayElementTypes
from alpaca.covercalibrator import CoverCalibrator, CoverStatus
from alpaca.dome import Dome, ShutterState
from alpaca.exceptions import InvalidValueException, NotImplementedException
from alpaca.filterwheel import FilterWheel
from alpaca.management import configureddevices
from alpaca.observingconditions import ObservingConditions
from alpaca.safetymonitor import SafetyMonitor
from alpaca.telescope import Telescope

from simulators import Observatory, Server


def test_a_camera_exposes_and_its_image_comes_over(
    server: Server, observatory: Observatory, advance: Callable[[float], None]
) -> None:
    camera = Camera(server.address, 0)
    camera.Connected = True
    assert camera.InterfaceVersion == 4
    camera.StartExposure(0.5, True)
    assert camera.CameraState is CameraStates.cameraExposing
    advance(5)
    assert camera.ImageReady
    image = camera.ImageArrayRaw
    assert camera.ImageArrayInfo.ImageElementType == ImageArrayElementTypes.Int32
    pixels = np.frombuffer(image, np.uint16) if not isinstance(image, np.ndarray) else image
    assert np.array_equal(np.asarray(pixels).reshape(96, 64).T, observatory.camera(0).image())
    with pytest.raises(NotImplementedException):
        _ = camera.BayerOffsetX


def test_the_other_devices_answer(server: Server, advance: Callable[[float], None]) -> None:
    wheel, dome, scope = FilterWheel(server.address, 0), Dome(server.address, 0), Telescope(server.address, 0)
    cover = CoverCalibrator(server.address, 1)
    weather, safety = ObservingConditions(server.address, 0), SafetyMonitor(server.address, 0)
    for device in (wheel, dome, scope, cover, weather, safety):
        device.Disconnect()
        device.Connect()
        assert device.Connecting
        assert not device.Connected
        advance(0.5)
        assert device.Connected
        assert not device.Connecting
        assert device.DeviceState
    assert wheel.Names == ["L", "R", "G", "B", "Ha", "OIII", "SII"]
    wheel.Position = 3
    assert wheel.Position == -1
    with pytest.raises(InvalidValueException):
        wheel.Position = 12
    dome.OpenShutter()
    cover.OpenCover()
    assert cover.CoverState is CoverStatus.Moving
    scope.Unpark()
    scope.SlewToAltAzAsync(60, 76)
    assert scope.Slewing
    advance(60)
    assert dome.ShutterStatus is ShutterState.shutterOpen
    assert scope.Altitude == pytest.approx(76)
    assert scope.UTCDate.year == 2026
    assert weather.Temperature < 30
    assert weather.SensorDescription("Temperature")
    assert safety.IsSafe
    scope.Park()


def test_management_finds_the_devices(server: Server) -> None:
    assert len(configureddevices(server.address)) == 15
