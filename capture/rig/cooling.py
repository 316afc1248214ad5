"""The sensor's temperature: read, and brought to its set point."""

from __future__ import annotations

from capture.alpaca.devices import Camera
from capture.clock import Clock
from capture.config import CoolingConfig
from capture.errors import DeviceTimeout
from capture.rig.camera_facts import told
from capture.rig.patience import Patience

_STEADY_OVER_S = 60.0
_COLDEST_C, _WARMEST_C = -150.0, 100.0


def temperature_c(camera: Camera) -> float | None:
    """The sensor's measured temperature, None where it cannot be read or makes no sense."""
    value = told(lambda: float(camera.CCDTemperature))
    return value if value is not None and _COLDEST_C < value < _WARMEST_C else None


def cool(rig: str, camera: Camera, cooling: CoolingConfig, patience: Patience, clock: Clock) -> None:
    """Cool and wait until the temperature is within tolerance and steady for a minute.

    Raises DeviceTimeout when it is not after `cooling.deadline_s`.
    """
    camera.SetCCDTemperature = cooling.set_temperature_c
    camera.CoolerOn = True
    samples: list[tuple[float, float]] = []

    def settled() -> bool:
        now, measured = clock.monotonic(), temperature_c(camera)
        if measured is None:
            return False
        samples.append((now, measured))
        recent = [sample for sample in samples if sample[0] >= now - _STEADY_OVER_S - 5]
        values = [value for _, value in recent]
        long_enough = now - recent[0][0] >= _STEADY_OVER_S
        drift_c_per_min = abs(values[-1] - values[0]) / max(now - recent[0][0], 1) * 60
        within = all(abs(value - cooling.set_temperature_c) <= cooling.tolerance_c for value in values)
        return long_enough and within and drift_c_per_min <= cooling.steady_c_per_min

    try:
        patience.wait("cooling", settled, cooling.deadline_s, poll_s=5.0)
    except DeviceTimeout as error:
        last = f"{samples[-1][1]:.1f} C" if samples else "unknown"
        raise DeviceTimeout(
            f"{rig}: the camera did not settle at {cooling.set_temperature_c:g} C within "
            f"{cooling.deadline_s:g} s (last {last}); choose a set point that the cooler can hold"
        ) from error
