"""The sensor's temperature: read, brought to its set point at a safe rate, and let up again."""

from __future__ import annotations

from capture.alpaca.devices import Camera
from capture.clock import Clock
from capture.config import CoolingConfig
from capture.errors import BadInput, DeviceTimeout
from capture.rig.camera_facts import told
from capture.rig.patience import Patience

_STEADY_OVER_S = 60.0
_COLDEST_C, _WARMEST_C = -150.0, 100.0
_POLL_S = 5.0
# Each step of a ramp is a command; more of them would only load the camera's server.
_RAMP_STEP_S = 15.0
# A cooler that works so hard and has gained so little over so long cannot do more.
_FULL_PERCENT, _NO_GAIN_C, _NO_GAIN_OVER_S = 97.0, 0.3, 300.0
# While it is let up, a sensor that follows the set point no longer has come to its surroundings.
_LAGS_C, _WARM_ENOUGH_C, _WARM_UP_SPARE_S = 4.0, 25.0, 300.0


def temperature_c(camera: Camera) -> float | None:
    """The sensor's measured temperature, None where it cannot be read or makes no sense."""
    value = told(lambda: float(camera.CCDTemperature))
    return value if value is not None and _COLDEST_C < value < _WARMEST_C else None


def cool(rig: str, camera: Camera, cooling: CoolingConfig, patience: Patience, clock: Clock) -> None:
    """Ramp to the set point, then wait until the temperature is within tolerance and steady for a minute.

    Raises DeviceTimeout when it is not `cooling.deadline_s` after the ramp, and BadInput as soon as the
    cooler works at its limit and gains nothing.
    """
    wanted_c = cooling.set_temperature_c
    ramp = _Ramp(camera, wanted_c, cooling.ramp_c_per_min, clock)
    camera.CoolerOn = True
    samples: list[tuple[float, float]] = []

    def settled() -> bool:
        now, measured = clock.monotonic(), temperature_c(camera)
        there = ramp.step(now)
        if measured is None:
            return False
        samples.append((now, measured))
        if there and abs(measured - wanted_c) > cooling.tolerance_c and _is_spent(camera, samples):
            raise BadInput(
                f"{rig}: the cooler cannot reach {wanted_c:g} C: it works at its limit and the sensor stays "
                f"at {measured:.1f} C; choose a warmer set_temperature_c"
            )
        recent = [sample for sample in samples if sample[0] >= now - _STEADY_OVER_S - _POLL_S]
        values = [value for _, value in recent]
        long_enough = now - recent[0][0] >= _STEADY_OVER_S
        drift_c_per_min = abs(values[-1] - values[0]) / max(now - recent[0][0], 1) * 60
        within = all(abs(value - wanted_c) <= cooling.tolerance_c for value in values)
        return long_enough and within and drift_c_per_min <= cooling.steady_c_per_min

    try:
        patience.wait("cooling", settled, ramp.lasts_s + cooling.deadline_s, poll_s=_POLL_S)
    except DeviceTimeout as error:
        last = f"{samples[-1][1]:.1f} C" if samples else "unknown"
        raise DeviceTimeout(
            f"{rig}: the camera did not settle at {wanted_c:g} C within {cooling.deadline_s:g} s "
            f"(last {last}); choose a set point that the cooler can hold"
        ) from error


def is_off(camera: Camera) -> bool:
    """Whether the cooler says that it is off; one that says nothing may be on."""
    return told(lambda: bool(camera.CoolerOn)) is False


def warm_up(camera: Camera, cooling: CoolingConfig, patience: Patience, clock: Clock) -> None:
    """Let the sensor come up to its surroundings at the safe rate, then switch the cooler off.

    Raises DeviceError, Interrupted.
    """
    ramp = _Ramp(camera, _WARM_ENOUGH_C, cooling.ramp_c_per_min, clock)

    def is_warm() -> bool:
        there = ramp.step(clock.monotonic())
        measured = temperature_c(camera)
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


def _is_spent(camera: Camera, samples: list[tuple[float, float]]) -> bool:
    """Whether the cooler works at its limit and the sensor, by (time, C), has not become colder for long."""
    now, measured = samples[-1]
    before = [value for time, value in samples if time <= now - _NO_GAIN_OVER_S]
    if not before or before[-1] - measured >= _NO_GAIN_C:
        return False
    power_percent = told(lambda: float(camera.CoolerPower))
    return power_percent is not None and power_percent >= _FULL_PERCENT
