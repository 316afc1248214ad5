"""What nightcal relies on in a camera."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from capture.alpaca.devices import Camera, CameraStates, SensorType, optional
from capture.errors import DeviceRefused
from capture.frame import Pixels
from tests.contract.bench import Bench

LONGEST_READOUT_S = 60.0


@pytest.fixture
def camera(bench: Bench) -> Iterator[Camera]:
    """Idle, whole frame, unbinned; left so."""
    camera = bench.device(Camera)
    camera.AbortExposure()
    bench.wait(lambda: CameraStates(camera.CameraState) is CameraStates.cameraIdle, 30)
    reset(camera)
    yield camera
    reset(camera)


def reset(camera: Camera) -> None:
    camera.BinX = camera.BinY = 1
    camera.StartX = camera.StartY = 0
    camera.NumX, camera.NumY = camera.CameraXSize, camera.CameraYSize


def expose(bench: Bench, camera: Camera, seconds: float) -> Pixels:
    camera.StartExposure(seconds, False)
    bench.wait(lambda: bool(camera.ImageReady), seconds + LONGEST_READOUT_S)
    return camera.image(camera.NumX, camera.NumY)


def shortest_s(camera: Camera) -> float:
    return max(float(camera.ExposureMin), 0.001)


def test_it_describes_its_sensor(camera: Camera) -> None:
    assert camera.CameraXSize >= 1
    assert camera.CameraYSize >= 1
    assert camera.PixelSizeX > 0
    assert camera.PixelSizeY > 0
    assert camera.MaxADU > 0
    assert camera.MaxBinX >= 1
    assert SensorType(camera.SensorType) in SensorType
    assert 0 <= camera.ExposureMin < camera.ExposureMax
    assert camera.ReadoutModes
    assert 0 <= camera.ReadoutMode < len(camera.ReadoutModes)


def test_what_it_need_not_have_is_a_number_or_refused(camera: Camera) -> None:
    for value in (
        optional(lambda: camera.ElectronsPerADU),
        optional(lambda: camera.FullWellCapacity),
        optional(lambda: camera.Gain),
        optional(lambda: camera.Offset),
        optional(lambda: camera.BayerOffsetX),
    ):
        assert value is None or isinstance(value, int | float)


def test_a_monochrome_sensor_has_no_bayer_offset(camera: Camera) -> None:
    if SensorType(camera.SensorType) is not SensorType.Monochrome:
        pytest.skip("a colour sensor")
    with pytest.raises(DeviceRefused) as caught:
        _ = camera.BayerOffsetX
    assert caught.value.number == 0x400


def test_an_exposure_passes_through_exposing_to_ready(bench: Bench, camera: Camera) -> None:
    camera.StartExposure(1.0, False)
    assert CameraStates(camera.CameraState) is not CameraStates.cameraIdle
    assert camera.ImageReady is False
    bench.wait(lambda: bool(camera.ImageReady), 1 + LONGEST_READOUT_S)
    assert CameraStates(camera.CameraState) is CameraStates.cameraIdle
    assert camera.image(camera.NumX, camera.NumY).shape == (camera.NumY, camera.NumX)


def test_an_image_comes_no_sooner_than_its_exposure_is_long(bench: Bench, camera: Camera) -> None:
    begun = bench.clock.monotonic()
    expose(bench, camera, 1.0)
    assert bench.clock.monotonic() - begun >= 0.95


def test_the_last_exposure_is_told_truly(bench: Bench, camera: Camera) -> None:
    expose(bench, camera, 1.0)
    assert camera.LastExposureDuration == pytest.approx(1.0, abs=0.1)
    first = camera.LastExposureStartTime
    bench.sleep(1.5)
    expose(bench, camera, 0.5)
    assert camera.LastExposureStartTime > first
    assert camera.LastExposureDuration == pytest.approx(0.5, abs=0.1)


def test_two_exposures_are_two_pictures(bench: Bench, camera: Camera) -> None:
    seconds = shortest_s(camera)
    one, other = expose(bench, camera, seconds), expose(bench, camera, seconds)
    assert one.dtype == np.uint16
    assert not np.array_equal(one, other)


def test_a_subframe_has_its_columns_across_and_its_rows_down(bench: Bench, camera: Camera) -> None:
    camera.StartX, camera.StartY = 8, 4
    camera.NumX, camera.NumY = 24, 16
    assert (camera.StartX, camera.StartY, camera.NumX, camera.NumY) == (8, 4, 24, 16)
    assert expose(bench, camera, shortest_s(camera)).shape == (16, 24)


def test_binning_makes_the_picture_smaller(bench: Bench, camera: Camera) -> None:
    if camera.MaxBinX < 2:
        pytest.skip("it cannot bin")
    camera.BinX = camera.BinY = 2
    camera.NumX, camera.NumY = camera.CameraXSize // 2, camera.CameraYSize // 2
    assert camera.BinX == 2
    assert expose(bench, camera, shortest_s(camera)).shape == (camera.NumY, camera.NumX)


def test_an_exposure_that_is_aborted_leaves_it_idle_without_an_image(bench: Bench, camera: Camera) -> None:
    camera.StartExposure(20.0, False)
    camera.AbortExposure()
    bench.wait(lambda: CameraStates(camera.CameraState) is CameraStates.cameraIdle, 10)
    assert camera.ImageReady is False


def test_aborting_an_idle_camera_is_no_error(camera: Camera) -> None:
    camera.AbortExposure()
    assert CameraStates(camera.CameraState) is CameraStates.cameraIdle


def test_a_negative_exposure_is_refused_as_an_invalid_value(camera: Camera) -> None:
    with pytest.raises(DeviceRefused) as caught:
        camera.StartExposure(-1.0, False)
    assert caught.value.number == 0x401


def test_a_frame_larger_than_the_sensor_is_refused_when_it_is_started(camera: Camera) -> None:
    camera.NumX = camera.CameraXSize + 1
    with pytest.raises(DeviceRefused) as caught:
        camera.StartExposure(shortest_s(camera), False)
    assert caught.value.number == 0x401


def test_binning_out_of_range_is_refused_as_an_invalid_value(camera: Camera) -> None:
    with pytest.raises(DeviceRefused) as caught:
        camera.BinX = camera.MaxBinX + 1
    assert caught.value.number == 0x401


def test_a_readout_mode_out_of_range_is_refused_as_an_invalid_value(camera: Camera) -> None:
    with pytest.raises(DeviceRefused) as caught:
        camera.ReadoutMode = len(camera.ReadoutModes)
    assert caught.value.number == 0x401


def test_gain_and_offset_read_as_they_were_set(camera: Camera) -> None:
    gain, offset = optional(lambda: camera.Gain), optional(lambda: camera.Offset)
    if gain is None or offset is None:
        pytest.skip("it has no gain or no offset")
    camera.Gain, camera.Offset = gain, offset
    assert (camera.Gain, camera.Offset) == (gain, offset)


def test_the_cooler_takes_a_set_point_and_tells_the_temperature(camera: Camera) -> None:
    if not optional(lambda: camera.CanSetCCDTemperature):
        pytest.skip("it cannot be cooled")
    before, was_on = camera.SetCCDTemperature, camera.CoolerOn
    camera.SetCCDTemperature = -5.0
    camera.CoolerOn = True
    assert camera.SetCCDTemperature == pytest.approx(-5.0)
    assert camera.CoolerOn is True
    assert -100 < camera.CCDTemperature < 60
    camera.SetCCDTemperature, camera.CoolerOn = before, was_on


def test_a_set_point_below_absolute_zero_is_refused_as_an_invalid_value(camera: Camera) -> None:
    if not optional(lambda: camera.CanSetCCDTemperature):
        pytest.skip("it cannot be cooled")
    with pytest.raises(DeviceRefused) as caught:
        camera.SetCCDTemperature = -300.0
    assert caught.value.number == 0x401
