"""Things that move: their whole past as a function of time, so that a frame can look back at it.

Nothing here waits. A command writes the course from now on; every reading asks where the course is at a time
(Unix seconds). Angles are degrees.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulators.sun import from_horizon, separation_deg, sidereal_deg, to_horizon

Array = NDArray[np.float64]

_KEPT = 400


class Course:
    """A value that travels at a steady speed to where it was last sent, with its history."""

    def __init__(self, value: float, speed_per_s: float) -> None:
        self._times = [0.0]
        self._values = [value]
        self.speed_per_s = speed_per_s
        self.target = value

    def at(self, t: ArrayLike) -> Array:
        """Return the value at each time."""
        return np.interp(np.asarray(t, dtype=np.float64), self._times, self._values)

    def value(self, t: float) -> float:
        """Return the value at one time."""
        if t >= self._times[-1]:
            return self._values[-1]
        return float(np.interp(t, self._times, self._values))

    def end(self) -> float:
        """Return when the last travel ends."""
        return self._times[-1]

    def moving(self, now: float) -> bool:
        """Whether it travels now."""
        return now < self._times[-1]

    def send(self, now: float, target: float, speed_per_s: float | None = None) -> None:
        """Leave for `target` now, from wherever it is."""
        here = self.value(now)
        keep = int(np.searchsorted(self._times, now, side="right"))
        first = max(0, keep - _KEPT)
        self._times = [*self._times[first:keep], now]
        self._values = [*self._values[first:keep], here]
        self.target = target
        speed = self.speed_per_s if speed_per_s is None else speed_per_s
        if target != here:
            self._times.append(now + abs(target - here) / speed)
            self._values.append(target)

    def stop(self, now: float) -> None:
        """Stay where it is now."""
        self.send(now, self.value(now))


class Wheel:
    """A filter wheel: it keeps the old filter in the light until the new one has arrived."""

    def __init__(self, slots: int, s_per_slot: float) -> None:
        self.slots = slots
        self._s_per_slot = s_per_slot
        self._moves: list[tuple[float, int]] = [(0.0, 0)]

    def position(self, now: float) -> int:
        """Return the slot, or -1 while the wheel moves."""
        arrives, slot = self._moves[-1]
        return slot if now >= arrives else -1

    def in_the_light(self, t: float) -> int:
        """Return the slot that the light goes through at a time."""
        for arrives, slot in reversed(self._moves):
            if t >= arrives:
                return slot
        return self._moves[0][1]

    def turn(self, now: float, slot: int) -> None:
        """Start to turn, the shorter way round."""
        here = self.in_the_light(now)
        steps = abs(slot - here)
        steps = min(steps, self.slots - steps)
        past = [move for move in self._moves if move[0] <= now][-_KEPT:]
        self._moves = [*past, (now + steps * self._s_per_slot, slot)]


@dataclass(frozen=True)
class _Leg:
    """A mount's motion from `start` on: to (ha, dec) by `end`, then still or tracking."""

    start: float
    end: float
    ha_from: float
    dec_from: float
    ha_to: float
    dec_to: float
    tracking: bool


class Mount:
    """An equatorial mount: hour angle and declination through time."""

    def __init__(
        self, latitude_deg: float, longitude_deg: float, park_alt_az: tuple[float, float], deg_per_s: float
    ) -> None:
        self._latitude_deg = latitude_deg
        self._longitude_deg = longitude_deg
        self._deg_per_s = deg_per_s
        self.park_alt_az = park_alt_az
        ha, dec = (float(x) for x in from_horizon(*park_alt_az, latitude_deg))
        self._legs = [_Leg(0.0, 0.0, ha, dec, ha, dec, False)]
        self._parked_from: float | None = 0.0
        self.settle_s = 1.0

    def sidereal_deg(self, t: ArrayLike) -> Array:
        """Return the site's sidereal time."""
        return sidereal_deg(t, self._longitude_deg)

    def _along(self, leg: _Leg, t: Array) -> tuple[Array, Array]:
        span = max(leg.end - leg.start, 1e-9)
        x = np.clip((t - leg.start) / span, 0, 1)
        turn = (leg.ha_to - leg.ha_from + 180) % 360 - 180
        ha = leg.ha_from + x * turn
        if not leg.tracking:
            after = np.maximum(t - leg.end, 0)
            ha = np.where(after > 0, leg.ha_to, ha)
        else:
            # Tracking holds the right ascension: the hour angle runs on at the sidereal rate.
            ha = ha + np.maximum(t - leg.end, 0) * (360.98564736629 / 86_400)
        return ha, leg.dec_from + x * (leg.dec_to - leg.dec_from)

    def ha_dec(self, t: ArrayLike) -> tuple[Array, Array]:
        """Return hour angle and declination at each time."""
        times = np.asarray(t, dtype=np.float64)
        last = self._legs[-1]
        if np.all(times >= last.start):
            return self._along(last, times)
        ha, dec = self._along(self._legs[0], times)
        for leg in self._legs[1:]:
            later = times >= leg.start
            leg_ha, leg_dec = self._along(leg, times)
            ha, dec = np.where(later, leg_ha, ha), np.where(later, leg_dec, dec)
        return ha, dec

    def alt_az(self, t: ArrayLike) -> tuple[Array, Array]:
        """Return altitude and azimuth at each time."""
        return to_horizon(*self.ha_dec(t), self._latitude_deg)

    def slewing(self, now: float) -> bool:
        """Whether it slews now."""
        return now < self._legs[-1].end

    def slews_for_s(self, now: float) -> float:
        """Seconds until it has arrived, 0 when it stands."""
        return max(0.0, self._legs[-1].end - now)

    def tracking(self, now: float) -> bool:
        """Whether it follows the sky (also true while it slews to do so)."""
        return self._legs[-1].tracking

    def parked(self, now: float) -> bool:
        """Whether it has arrived at its park position and is held there."""
        return self._parked_from is not None and now >= self._parked_from

    def _leave(self, now: float, ha: float, dec: float, duration_s: float, tracking: bool) -> None:
        here_ha, here_dec = (float(x) for x in self.ha_dec(now))
        self._legs = [*self._legs[-_KEPT:], _Leg(now, now + duration_s, here_ha, here_dec, ha, dec, tracking)]

    def set_tracking(self, now: float, on: bool) -> None:
        """Start or stop to follow the sky, where it is."""
        ha, dec = (float(x) for x in self.ha_dec(now))
        self._leave(now, ha, dec, 0.0, on)

    def slew_s(self, now: float, ha: float, dec: float) -> float:
        """Return how long a slew from here takes, settling included."""
        here_ha, here_dec = self.ha_dec(now)
        return float(separation_deg(here_dec, here_ha, dec, ha)) / self._deg_per_s + self.settle_s

    def slew(self, now: float, ha: float, dec: float, tracking: bool) -> None:
        """Go to an hour angle and declination, both as they will be when it arrives."""
        self._leave(now, ha, dec, self.slew_s(now, ha, dec), tracking)

    def slew_to_ra(self, now: float, ra_deg: float, dec: float) -> None:
        """Go to a right ascension and declination and track there."""
        ha = float((self.sidereal_deg(now) - ra_deg + 180) % 360 - 180)
        duration = self.slew_s(now, ha, dec)
        ha += duration * 360.98564736629 / 86_400
        self._leave(now, ha, dec, duration, True)

    def slew_to_alt_az(self, now: float, altitude_deg: float, azimuth_deg: float) -> None:
        """Go to an altitude and azimuth and stand there."""
        ha, dec = (float(x) for x in from_horizon(altitude_deg, azimuth_deg, self._latitude_deg))
        self.slew(now, ha, dec, False)

    def stop(self, now: float) -> None:
        """Break off a slew; what follows is a mount that stands."""
        self.set_tracking(now, False)

    def park(self, now: float) -> None:
        """Go to the park position and be held there."""
        self.slew_to_alt_az(now, *self.park_alt_az)
        self._parked_from = self._legs[-1].end

    def unpark(self, now: float) -> None:
        """Be free to move again."""
        self._parked_from = None


class Cooler:
    """A sensor's cooler: it ramps, overshoots a little, then drifts by some hundredths of a degree."""

    COOLING_C_PER_S = 0.15
    WARMING_C_PER_S = 0.1

    def __init__(self, ambient_c: Callable[[float], float], drift: Callable[[float], float], delta_c: float):
        self._ambient_c = ambient_c
        self._drift = drift
        self._delta_c = delta_c
        self._course: Course | None = None
        self.on = False
        self.setpoint_c = 0.0

    def switch(self, now: float, on: bool) -> None:
        """Switch on or off; nothing happens when it is so already."""
        if on != self.on:
            self._go(now, on)

    def set_point(self, now: float, celsius: float) -> None:
        """Ask for a temperature; it is only gone to while the cooler is on."""
        self.setpoint_c = celsius
        if self.on:
            self._go(now, True)

    def _go(self, now: float, on: bool) -> None:
        here = self.temperature_c(now)
        self.on = on
        ambient = self._ambient_c(now)
        # It cannot reach further below the air than it is built for.
        target = min(ambient, max(self.setpoint_c, ambient - self._delta_c)) if on else ambient
        past = self._course or Course(here, self.COOLING_C_PER_S)
        if self._course is None:
            past.send(now - 1e-3, here, 1e9)
        past.send(now, target, self.COOLING_C_PER_S if target < here else self.WARMING_C_PER_S)
        self._course = past

    def temperature_c(self, t: float) -> float:
        """Return the sensor's temperature at a time."""
        if self._course is None or (not self.on and not self._course.moving(t)):
            return self._ambient_c(t)
        value = self._course.value(t)
        since = t - self._course.end()
        if since < 0:
            return value
        overshoot = -0.4 * np.exp(-since / 20) * np.sin(since / 12)
        return float(value + overshoot + 0.03 * self._drift(t))

    def power_percent(self, now: float) -> float:
        """Return how hard it works."""
        if not self.on or self._course is None:
            return 0.0
        if self._course.moving(now) and self._course.target < self.temperature_c(now):
            return 100.0
        below = self._ambient_c(now) - self.temperature_c(now)
        return float(np.clip(100 * below / self._delta_c, 1.0, 100.0))
