"""The camera: ICameraV4 over a sensor of the world. An exposure is a promise of pixels at a later time."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from simulators.camera_body import MAX_BIN, CameraBody
from simulators.device import Command, iso
from simulators.members import (
    INVALID_OPERATION,
    NOT_CONNECTED,
    VALUE_NOT_SET,
    AlpacaError,
    get,
    invalid,
    put,
    refused,
)
from simulators.sensor import Electronics, Pixels, Region
from simulators.world import Rig, World

_IDLE, _EXPOSING, _READING = 0, 2, 3


@dataclass(frozen=True)
class _Exposure:
    """One exposure as it was asked for; it ends at `end` and is ready at `ready` (Unix seconds)."""

    number: int
    start: float
    end: float
    ready: float
    light: bool
    region: Region
    electronics: Electronics


class Camera(CameraBody):
    """A simulated camera with its cooler."""

    kind = "camera"
    versions = (3, 4)
    description = "A camera that renders what the simulated world implies"
    constants: ClassVar[Mapping[str, object]] = {
        "canabortexposure": True,
        "canstopexposure": True,
        "canasymmetricbin": False,
        "canfastreadout": False,
        "canpulseguide": False,
        "ispulseguiding": False,
        "maxbinx": MAX_BIN,
        "maxbiny": MAX_BIN,
    }
    no_get = ("fastreadout", "subexposureduration", "gains", "offsets")
    no_put: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "fastreadout": {"FastReadout": "bool"},
        "subexposureduration": {"SubExposureDuration": "float"},
        "pulseguide": {"Direction": "int", "Duration": "int"},
    }
    state = (
        "CameraState", "CCDTemperature", "CoolerPower", "HeatSinkTemperature", "ImageReady", "IsPulseGuiding",
        "PercentCompleted",
    )  # fmt: skip

    def __init__(self, world: World, rig: Rig, log: list[Command]) -> None:
        super().__init__(world, rig, log)
        self._taken = 0
        self._exposure: _Exposure | None = None
        self._last: _Exposure | None = None
        self._image: tuple[int, Pixels] | None = None
        self._rendering = threading.Lock()

    def image(self) -> Pixels:
        """Return the last frame, uint16 of shape (height, width). Raises AlpacaError when none is ready."""
        with self._rendering:
            with self.world.lock:
                if not self.connected:
                    raise AlpacaError(NOT_CONNECTED, f"{self.name} is not connected")
                shot = self._exposure
                if shot is None or self.now_s() < shot.ready:
                    raise refused("no image is ready")
                if self._image is not None and self._image[0] == shot.number:
                    return self._image[1]
                # Only the look back at the world needs its lock; the pixels do not.
                temperature = self.cooler.temperature_c((shot.start + shot.end) / 2)
                exposed = self.world.expose(
                    self._rig, shot.start, shot.end - shot.start, temperature, shot.light
                )
            pixels = self._rig.sensor.render(exposed, shot.region, shot.electronics, shot.number)
            self._image = (shot.number, pixels)
            return pixels

    def call(self, method: str, member: str, parameters: Mapping[str, str], fault: str = "") -> Any:
        """As every device's, but an image is made outside the world's lock, which `image` takes by itself."""
        if method == "get" and member in ("imagearray", "imagearrayvariant"):
            return self._image_array()
        return super().call(method, member, parameters, fault)

    @put("startexposure", "Duration", "Light")
    def _start(self, duration_s: float, light: bool) -> None:
        now, s = self.now_s(), self._settings
        if self._camera_state() != _IDLE:
            raise refused("an exposure is running")
        if not s.exposure_min_s <= duration_s <= s.exposure_max_s:
            raise invalid(f"Duration {duration_s} s is not within {s.exposure_min_s} to {s.exposure_max_s} s")
        if s.exposure_step_s:
            duration_s = round(duration_s / s.exposure_step_s) * s.exposure_step_s
        width, height = s.width_px // self._bin, s.height_px // self._bin
        inside_x = self._start_x >= 0 and self._num_x > 0 and self._start_x + self._num_x <= width
        inside_y = self._start_y >= 0 and self._num_y > 0 and self._start_y + self._num_y <= height
        if not (inside_x and inside_y):
            raise invalid(
                f"StartX {self._start_x}, StartY {self._start_y}, NumX {self._num_x}, NumY {self._num_y}"
                f" do not fit into {width} x {height} pixels at binning {self._bin}"
            )
        mode = s.readout_modes[self._mode]
        region = Region(self._start_x, self._start_y, self._num_x, self._num_y, self._bin)
        self._taken += 1
        end = now + duration_s
        ready = end + self._readout_s(region)
        electronics = Electronics(self._gain, self._offset, mode.noise_factor)
        self._exposure = self._last = _Exposure(self._taken, now, end, ready, light, region, electronics)

    def _readout_s(self, region: Region) -> float:
        """A part of the rows takes a part of the time, but never less than a tenth."""
        s = self._settings
        part = region.height * region.bin / s.height_px
        if s.kind == "ccd":
            part /= region.bin
        return s.readout_s * s.readout_modes[self._mode].time_factor * max(part, 0.1)

    @put("abortexposure")
    def _abort(self) -> None:
        if self._camera_state() != _IDLE:
            self._exposure = None

    @put("stopexposure")
    def _stop(self) -> None:
        shot, now = self._exposure, self.now_s()
        if shot is not None and now < shot.end:
            ready = now + self._readout_s(shot.region)
            self._exposure = self._last = _Exposure(
                shot.number, shot.start, now, ready, shot.light, shot.region, shot.electronics
            )

    @get("camerastate")
    def _camera_state(self) -> int:
        shot, now = self._exposure, self.now_s()
        if shot is None or now >= shot.ready:
            return _IDLE
        return _EXPOSING if now < shot.end else _READING

    @get("imageready")
    def _image_ready(self) -> bool:
        return self._exposure is not None and self.now_s() >= self._exposure.ready

    @get("percentcompleted")
    def _percent(self) -> int:
        shot = self._exposure
        if shot is None:
            return 0
        return int(100 * min(1.0, (self.now_s() - shot.start) / max(shot.ready - shot.start, 1e-6)))

    @get("imagearray")
    @get("imagearrayvariant")
    def _image_array(self) -> list[list[int]]:
        pixels: list[list[int]] = self.image().T.tolist()
        return pixels

    def _last_shot(self) -> _Exposure:
        if self._last is None or self.now_s() < self._last.end:
            raise AlpacaError(
                VALUE_NOT_SET if self._last is None else INVALID_OPERATION, "no exposure has been completed"
            )
        return self._last

    @get("lastexposureduration")
    def _last_duration(self) -> float:
        shot = self._last_shot()
        return round(shot.end - shot.start, 6)

    @get("lastexposurestarttime")
    def _last_start(self) -> str:
        return iso(self._last_shot().start, "")
