"""The camera: ICameraV4 over a sensor of the world. An exposure is a promise of pixels at a later time."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from simulators.device import (
    NOT_CONNECTED,
    VALUE_NOT_SET,
    AlpacaError,
    Command,
    Device,
    get,
    invalid,
    iso,
    not_implemented,
    put,
    refused,
)
from simulators.mechanics import Cooler
from simulators.sensor import Electronics, Pixels, Region
from simulators.weather import Ripple
from simulators.world import Rig, World

_IDLE, _EXPOSING, _READING = 0, 2, 3
_MAX_BIN = 4


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


class Camera(Device):
    """A simulated camera with its cooler."""

    kind = "camera"
    versions = (3, 4)
    description = "A camera that renders what the simulated world implies"
    constants: ClassVar[Mapping[str, object]] = {
        "canabortexposure": True,
        "canstopexposure": True,
        "canasymmetricbin": False,
        "canfastreadout": False,
        "cangetcoolerpower": True,
        "canpulseguide": False,
        "cansetccdtemperature": True,
        "ispulseguiding": False,
        "maxbinx": _MAX_BIN,
        "maxbiny": _MAX_BIN,
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
        super().__init__(world, rig.number, rig.settings.camera.name, log, rig.settings)
        self._rig = rig
        self._settings = rig.settings.camera
        drift = Ripple((world.settings.seed, 501, rig.number), 40, 900)
        self.cooler = Cooler(
            lambda t: float(world.weather.temperature_c(t)),
            lambda t: float(drift(t)),
            self._settings.cooler_delta_c,
        )
        self._bin = 1
        self._start_x = self._start_y = 0
        self._num_x, self._num_y = self._settings.width_px, self._settings.height_px
        self._gain, self._offset, self._mode = 0, self._settings.default_offset, 0
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
                VALUE_NOT_SET if self._last is None else 0x40B, "no exposure has been completed"
            )
        return self._last

    @get("lastexposureduration")
    def _last_duration(self) -> float:
        shot = self._last_shot()
        return round(shot.end - shot.start, 6)

    @get("lastexposurestarttime")
    def _last_start(self) -> str:
        return iso(self._last_shot().start, "")

    @get("binx")
    @get("biny")
    def _get_bin(self) -> int:
        return self._bin

    @put("binx", "BinX")
    def _set_bin_x(self, value: int) -> None:
        self._set_bin(value)

    @put("biny", "BinY")
    def _set_bin_y(self, value: int) -> None:
        self._set_bin(value)

    def _set_bin(self, value: int) -> None:
        if not 1 <= value <= _MAX_BIN:
            raise invalid(f"binning {value} is not within 1 to {_MAX_BIN}")
        self._bin = value

    @get("numx")
    def _get_num_x(self) -> int:
        return self._num_x

    @put("numx", "NumX")
    def _set_num_x(self, value: int) -> None:
        self._num_x = value

    @get("numy")
    def _get_num_y(self) -> int:
        return self._num_y

    @put("numy", "NumY")
    def _set_num_y(self, value: int) -> None:
        self._num_y = value

    @get("startx")
    def _get_start_x(self) -> int:
        return self._start_x

    @put("startx", "StartX")
    def _set_start_x(self, value: int) -> None:
        self._start_x = value

    @get("starty")
    def _get_start_y(self) -> int:
        return self._start_y

    @put("starty", "StartY")
    def _set_start_y(self, value: int) -> None:
        self._start_y = value

    def _electronic(self, member: str) -> None:
        if not self._settings.has_gain:
            raise not_implemented(member)

    @get("gain")
    def _get_gain(self) -> int:
        self._electronic("Gain")
        return self._gain

    @put("gain", "Gain")
    def _set_gain(self, value: int) -> None:
        self._electronic("Gain")
        if not 0 <= value <= self._settings.gain_max:
            raise invalid(f"Gain {value} is not within 0 to {self._settings.gain_max}")
        self._gain = value

    @get("gainmin")
    @get("offsetmin")
    def _lowest(self) -> int:
        self._electronic("GainMin and OffsetMin")
        return 0

    @get("gainmax")
    def _gain_max(self) -> int:
        self._electronic("GainMax")
        return self._settings.gain_max

    @get("offset")
    def _get_offset(self) -> int:
        self._electronic("Offset")
        return self._offset

    @put("offset", "Offset")
    def _set_offset(self, value: int) -> None:
        self._electronic("Offset")
        if not 0 <= value <= self._settings.offset_max:
            raise invalid(f"Offset {value} is not within 0 to {self._settings.offset_max}")
        self._offset = value

    @get("offsetmax")
    def _offset_max(self) -> int:
        self._electronic("OffsetMax")
        return self._settings.offset_max

    @get("readoutmode")
    def _get_mode(self) -> int:
        return self._mode

    @put("readoutmode", "ReadoutMode")
    def _set_mode(self, value: int) -> None:
        if not 0 <= value < len(self._settings.readout_modes):
            raise invalid(f"ReadoutMode {value}: there are {len(self._settings.readout_modes)}")
        self._mode = value

    @get("readoutmodes")
    def _modes(self) -> list[str]:
        return [mode.name for mode in self._settings.readout_modes]

    @get("cooleron")
    def _get_cooler(self) -> bool:
        return self.cooler.on

    @put("cooleron", "CoolerOn")
    def _set_cooler(self, on: bool) -> None:
        self.cooler.switch(self.now_s(), on)

    @get("ccdtemperature")
    def _temperature(self) -> float:
        return round(self.cooler.temperature_c(self.now_s()), 3)

    @get("setccdtemperature")
    def _get_set_point(self) -> float:
        return self.cooler.setpoint_c

    @put("setccdtemperature", "SetCCDTemperature")
    def _set_point(self, celsius: float) -> None:
        if not -100 <= celsius <= 60:
            raise invalid(f"SetCCDTemperature {celsius} C is not within -100 to 60 C")
        self.cooler.set_point(self.now_s(), celsius)

    @get("coolerpower")
    def _power(self) -> float:
        return round(self.cooler.power_percent(self.now_s()), 1)

    @get("heatsinktemperature")
    def _heat_sink(self) -> float:
        now = self.now_s()
        return round(float(self.world.weather.temperature_c(now)) + self.cooler.power_percent(now) / 20, 2)

    @get("cameraxsize")
    def _width(self) -> int:
        return self._settings.width_px

    @get("cameraysize")
    def _height(self) -> int:
        return self._settings.height_px

    @get("pixelsizex")
    @get("pixelsizey")
    def _pixel_size(self) -> float:
        return self._settings.pixel_um

    @get("maxadu")
    def _max_adu(self) -> int:
        return self._settings.max_adu

    @get("electronsperadu")
    def _electrons_per_adu(self) -> float:
        return self._rig.sensor.gain_e_per_adu(self._gain)

    @get("fullwellcapacity")
    def _full_well(self) -> float:
        return self._settings.full_well_e

    @get("exposuremin")
    def _exposure_min(self) -> float:
        return self._settings.exposure_min_s

    @get("exposuremax")
    def _exposure_max(self) -> float:
        return self._settings.exposure_max_s

    @get("exposureresolution")
    def _resolution(self) -> float:
        return 0.0

    @get("hasshutter")
    def _has_shutter(self) -> bool:
        return self._settings.has_shutter

    @get("sensorname")
    def _sensor_name(self) -> str:
        return self._settings.sensor_name

    @get("sensortype")
    def _sensor_type(self) -> int:
        return 2 if self._settings.bayer else 0

    @get("bayeroffsetx")
    @get("bayeroffsety")
    def _bayer_offset(self) -> int:
        if not self._settings.bayer:
            raise not_implemented("BayerOffset of a monochrome sensor")
        return 0
