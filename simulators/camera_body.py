"""What a camera is and how it is set: geometry, gain, readout mode, cooler, and the facts of its sensor."""

from __future__ import annotations

from simulators.device import Command, Device
from simulators.mechanics import Cooler
from simulators.members import get, invalid, not_implemented, put
from simulators.weather import Ripple
from simulators.world import Rig, World

MAX_BIN = 4


class CameraBody(Device):
    """The part of a camera that does not expose."""

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
        if not 1 <= value <= MAX_BIN:
            raise invalid(f"binning {value} is not within 1 to {MAX_BIN}")
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

    @get("cansetccdtemperature")
    @get("cangetcoolerpower")
    def _cools(self) -> bool:
        return self._settings.has_cooler

    def _cooled(self, member: str) -> None:
        if not self._settings.has_cooler:
            raise not_implemented(member)

    @get("cooleron")
    def _get_cooler(self) -> bool:
        self._cooled("CoolerOn")
        return self.cooler.on

    @put("cooleron", "CoolerOn")
    def _set_cooler(self, on: bool) -> None:
        self._cooled("CoolerOn")
        self.cooler.switch(self.now_s(), on)

    @get("ccdtemperature")
    def _temperature(self) -> float:
        return round(self.cooler.temperature_c(self.now_s()), 3)

    @get("setccdtemperature")
    def _get_set_point(self) -> float:
        self._cooled("SetCCDTemperature")
        return self.cooler.setpoint_c

    @put("setccdtemperature", "SetCCDTemperature")
    def _set_point(self, celsius: float) -> None:
        self._cooled("SetCCDTemperature")
        if not -100 <= celsius <= 60:
            raise invalid(f"SetCCDTemperature {celsius} C is not within -100 to 60 C")
        self.cooler.set_point(self.now_s(), celsius)

    @get("coolerpower")
    def _power(self) -> float:
        self._cooled("CoolerPower")
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
        return self._settings.exposure_step_s

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
