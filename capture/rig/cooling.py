"""The sensor's temperature: read, brought to its set point at a safe rate, and let up again."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from math import ceil, isfinite

from capture.alpaca.devices import Camera
from capture.clock import Clock
from capture.config import CoolingConfig
from capture.errors import DeviceError, DeviceTimeout, NotCold
from capture.rig.camera_facts import told
from capture.rig.patience import Patience

# Steady is told from readings so far apart; what is older tells nothing any more.
_STEADY_OVER_S, _FORGOTTEN_AFTER_S = 60.0, 1200.0
_COLDEST_C, _WARMEST_C = -150.0, 100.0
_POLL_S = 5.0
_POWER_EVERY_S = 60.0
# Each step of a ramp is a command; more of them would only load the camera's server.
_RAMP_STEP_S = 15.0
# A cooler that works so hard and has gained so little over so long cannot do more.
_FULL_PERCENT, _NO_GAIN_C, _NO_GAIN_OVER_S = 97.0, 0.3, 300.0
# A cooler at its limit regulates nothing: so much warmer it does.
_TO_SPARE_C = 2.0
# While it is let up, a sensor that follows the set point no longer has come to its surroundings.
_LAGS_C, _WARM_ENOUGH_C, _WARM_UP_SPARE_S = 4.0, 25.0, 300.0


def temperature_c(camera: Camera) -> float | None:
    """The sensor's measured temperature, None where it cannot be read or makes no sense."""
    value = told(lambda: float(camera.CCDTemperature))
    return value if value is not None and _COLDEST_C < value < _WARMEST_C else None


@dataclass(frozen=True)
class Reading:
    """What was read at `time`, UTC; `cooler_power_percent` is None where the camera does not tell it."""

    time: datetime
    temperature_c: float
    cooler_power_percent: float | None


class Temperatures:
    """The sensor's readings of the last while: one that is steady already need not be watched anew.

    `newest` is replaced as a whole, for those who read it on other threads; None when nothing was read since
    the camera was connected.
    """

    def __init__(self, camera: Camera, clock: Clock) -> None:
        self._camera = camera
        self._clock = clock
        self._readings: deque[tuple[float, float]] = deque()
        self._tells_power = True
        self._power_read: float | None = None
        self.newest: Reading | None = None

    def read_c(self) -> float | None:
        """Read the temperature, None where it cannot be read or makes no sense."""
        measured, now = temperature_c(self._camera), self._clock.monotonic()
        if measured is not None:
            self._readings.append((now, measured))
            self.newest = Reading(self._clock.now(), measured, self._cooler_power_percent(now))
        while self._readings and self._readings[0][0] < now - _FORGOTTEN_AFTER_S:
            self._readings.popleft()
        return measured

    def forget(self) -> None:
        """Believe no earlier reading: nobody watched since."""
        self._readings.clear()

    def start_anew(self) -> None:
        """Forget what was read, and that it did not tell its power: the camera may be another."""
        self.forget()
        self._tells_power, self._power_read = True, None
        self.newest = None

    def _cooler_power_percent(self, now: float) -> float | None:
        """For those who look on, once a minute; a camera that does not tell it is not asked again."""
        if not self._tells_power:
            return None
        if self._power_read is not None and self.newest and now - self._power_read < _POWER_EVERY_S:
            return self.newest.cooler_power_percent
        self._power_read = now
        try:
            percent = float(self._camera.CoolerPower)
        except DeviceError:
            self._tells_power = False
            return None
        return percent if isfinite(percent) else None

    def is_steady(self, cooling: CoolingConfig) -> bool:
        """Whether the readings of the last minute or more, the newest one, too, are at the set point."""
        if not self._readings:
            return False
        now = self._readings[-1][0]
        older = [number for number, (time, _) in enumerate(self._readings) if time <= now - _STEADY_OVER_S]
        if not older:
            return False
        looked_at = list(self._readings)[older[-1] :]
        minutes, drift_c = (now - looked_at[0][0]) / 60, abs(looked_at[-1][1] - looked_at[0][1])
        off_c = max(abs(measured - cooling.set_temperature_c) for _, measured in looked_at)
        return off_c <= cooling.tolerance_c and drift_c / minutes <= cooling.steady_c_per_min

    def has_gained_nothing(self) -> bool:
        """Whether the sensor has not become colder for long, while it was read all the time."""
        now, measured = self._readings[-1]
        before = [value for time, value in self._readings if time <= now - _NO_GAIN_OVER_S]
        return bool(before) and before[-1] - measured < _NO_GAIN_C


def cool(
    rig: str, camera: Camera, cooling: CoolingConfig, read: Temperatures, patience: Patience, clock: Clock
) -> None:
    """Ramp to the set point, then wait until the temperature is within tolerance and steady for a minute.

    Raises NotCold when it is not `cooling.deadline_s` after the ramp, or as soon as the cooler works at its
    limit and gains nothing; the set point is left where the cooler can hold it then.
    """
    wanted_c = cooling.set_temperature_c
    ramp = _Ramp(camera, wanted_c, cooling.ramp_c_per_min, clock)
    camera.CoolerOn = True
    measured: float | None = None
    read.forget()

    def settled() -> bool:
        nonlocal measured
        newest, there = read.read_c(), ramp.step(clock.monotonic())
        if newest is None:
            return False
        measured = newest
        if there and abs(newest - wanted_c) > cooling.tolerance_c and _is_spent(camera, read):
            raise NotCold(
                f"{rig}: the cooler cannot reach {wanted_c:g} C: it works at its limit and the sensor stays "
                f"at {newest:.1f} C; choose a warmer set_temperature_c"
            )
        return read.is_steady(cooling)

    try:
        patience.wait("cooling", settled, ramp.lasts_s + cooling.deadline_s, poll_s=_POLL_S)
    except DeviceTimeout as error:
        _relax(camera, wanted_c, measured)
        last = "unknown" if measured is None else f"{measured:.1f} C"
        raise NotCold(
            f"{rig}: the camera did not settle at {wanted_c:g} C within {cooling.deadline_s:g} s "
            f"(last {last}); choose a set point that the cooler can hold"
        ) from error
    except NotCold:
        _relax(camera, wanted_c, measured)
        raise


def _relax(camera: Camera, wanted_c: float, measured_c: float | None) -> None:
    """Ask for the coldest whole degree that the cooler holds with something to spare."""
    if measured_c is not None and measured_c > wanted_c:
        camera.SetCCDTemperature = float(ceil(measured_c + _TO_SPARE_C))


def is_off(camera: Camera) -> bool:
    """Whether the cooler says that it is off; one that says nothing may be on."""
    return told(lambda: bool(camera.CoolerOn)) is False


def warm_up(
    camera: Camera, cooling: CoolingConfig, read: Temperatures, patience: Patience, clock: Clock
) -> None:
    """Let the sensor come up to its surroundings at the safe rate, then switch the cooler off.

    Raises DeviceError, Interrupted.
    """
    ramp = _Ramp(camera, _WARM_ENOUGH_C, cooling.ramp_c_per_min, clock)

    def is_warm() -> bool:
        there = ramp.step(clock.monotonic())
        measured = read.read_c()
        return there or (measured is not None and ramp.set_c - measured > _LAGS_C)

    patience.wait("warming up", is_warm, ramp.lasts_s + _WARM_UP_SPARE_S, poll_s=_POLL_S)
    camera.CoolerOn = False


class _Ramp:
    """Moves the set point from where the sensor is to `to_c`, in steps of at most the given rate."""

    def __init__(self, camera: Camera, to_c: float, c_per_min: float, clock: Clock) -> None:
        here_c = temperature_c(camera)
        self._camera = camera
        self._to_c = to_c
        self._from_c = to_c if here_c is None else here_c
        self._c_per_s = c_per_min / 60.0
        self._begun = self._stepped = clock.monotonic()
        self.lasts_s = abs(to_c - self._from_c) / self._c_per_s
        self.set_c = self._from_c
        self._send(min(_RAMP_STEP_S, self.lasts_s))

    def step(self, now: float) -> bool:
        """Take the step that is due, if one is; whether the end has been reached."""
        if self.set_c != self._to_c and now - self._stepped >= _RAMP_STEP_S:
            self._stepped = now
            self._send(now - self._begun + _RAMP_STEP_S)
        return self.set_c == self._to_c

    def _send(self, after_s: float) -> None:
        way_c = self._to_c - self._from_c
        gone = min(1.0, after_s / self.lasts_s) if self.lasts_s else 1.0
        self.set_c = self._to_c if gone == 1.0 else round(self._from_c + gone * way_c, 2)
        self._camera.SetCCDTemperature = self.set_c


def _is_spent(camera: Camera, read: Temperatures) -> bool:
    """Whether the cooler works at its limit and the sensor has not become colder for long."""
    if not read.has_gained_nothing():
        return False
    power_percent = told(lambda: float(camera.CoolerPower))
    return power_percent is not None and power_percent >= _FULL_PERCENT
