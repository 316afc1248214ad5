"""N.I.N.A., isbeorn/nina `NINA.Sequencer/SequenceItem/FlatDevice/SkyFlat.cs`.

Law. An instruction takes one filter. It meters from the middle of the exposure range: where the frame is
between 10 and 90 % full and the response looks linear, t <- t T/S, else it halves the interval; at a bound,
or after 21 tries, it fails. Then it predicts: T/S once, and from two frames on a least-squares line through
ln(t T/S) of the last five against the time, extended to the frame's end by three rounds. A frame out of
tolerance starts the metering anew from its exposure. When three or more metered frames do not lie on a line
(R^2 < 0.8), a sky that fades by 0.094 dex/min at dusk (0.091 at dawn), scaled by twilight's length, takes
the place of the line. Past a bound the instruction ends with what it has. S and T have their bias.

Settings. Target 31 000 raw, tolerance 10 % of it. The longest exposure decides where metering begins: the
whole of 60 s is bad for a CCD at dusk; of 6, 11, 15, 20, 30 and 60 s 15 s is best for a slow camera, and
for a fast one its own limit. Before each filter comes a "wait for Sun altitude" as usual nights suggest it,
when the exposure is 1.6 times inside its limits (1.0 to 2.5 tried). A failed instruction is tried again, 20
times (`Attempts`), until usual nights have the filter past the camera's limits.

Deviations. Lengths of twilight are taken as the inverse of the Sun's speed. Dithering costs no time.
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime, timedelta
from math import exp, log

import numpy as np

from benchmarks.sky_flats.peers.base import Law, Peer
from sequences.flat_controller import Action, Measurement

_TOLERANCE = 0.1
_SLOW_LONGEST_S = 15.0
_MARGIN = 1.6
_ATTEMPTS = 20
_FULL_ADU = 65_535.0
# The Sun's speed at 30 deg of latitude at the equinox.
_SPRING_DEG_PER_S = 0.866 / 240
_FITTED = 5

Metered = Generator[Action, Measurement | None, float | None]


class Nina(Peer):
    """Keeps a frame whose raw mean is within 10 % of the raw target."""

    def saves(self, measurement: Measurement) -> bool:
        """By the histogram's tolerance."""
        return abs(self.raw_adu(measurement) / self.raw_target_adu - 1) <= _TOLERANCE

    def law(self) -> Law:
        """An instruction a filter, each after its altitude of the Sun."""
        self._linear = True
        for name in self.filters:
            while self._to_come(self.usual.exposure_s(name, self.sun_deg())):
                yield from self.wait(5.0)
            for _ in range(_ATTEMPTS):
                self._kept = 0
                exposure_s = yield from self._meter(name, 0.0)
                if exposure_s is not None:
                    yield from self._take(name, exposure_s)
                    break
                if self.too_late(self.usual.exposure_s(name, self.sun_deg())):
                    break

    def _to_come(self, usual_s: float) -> bool:
        least_s, most_s = self._limits_s()
        return usual_s < least_s * _MARGIN if self.setting else usual_s > most_s / _MARGIN

    def _limits_s(self) -> tuple[float, float]:
        longest_s = (
            min(_SLOW_LONGEST_S, self.camera.max_exposure_s) if self.slow else self.camera.max_exposure_s
        )
        return self.camera.min_exposure_s, longest_s

    def _meter(self, name: str, first_s: float) -> Metered:
        """The exposure that the next frame should have, or None if it cannot be found."""
        least_s, most_s = low_s, high_s = self._limits_s()
        self._linear, seen_pairs, bad_fits = True, list[tuple[float, float]](), 0
        exposure_s, share = 0.0, 0.0
        tries = 0
        while tries <= 20:
            scaled_s = exposure_s * self.raw_target_adu / (share * _FULL_ADU) if share else 0.0
            if self._linear and scaled_s and 0.1 <= share <= 0.9:
                exposure_s = min(max(scaled_s, least_s), most_s)
            else:
                exposure_s = first_s if first_s and not share else (low_s + high_s) / 2
            if min(exposure_s - least_s, most_s - exposure_s) < 1e-5:
                tries = 20
            self._metering_since = self.now
            seen = yield from self.expose(name, exposure_s)
            raw_adu = self.raw_adu(seen)
            share = raw_adu / _FULL_ADU
            if 0.1 < share < 0.9:
                seen_pairs.append((exposure_s, raw_adu))
            if self._linear and len(seen_pairs) >= 2:
                bad_fits += 1
                self._linear = _straight(seen_pairs) or bad_fits < 3
            if seen.counted:
                self._kept += 1
                return exposure_s * (self.raw_target_adu / raw_adu if self._linear else 1.0)
            if raw_adu < self.raw_target_adu:
                low_s = exposure_s
            else:
                high_s = exposure_s
            tries += 1
        return None

    def _take(self, name: str, exposure_s: float) -> Law:
        """Frames until their number is full or a bound is passed."""
        least_s, most_s = self._limits_s()
        fading = _Fading(exposure_s, self._metering_since, self._fade_per_s())
        for _ in range(1, self.quotas[name]):
            exposure_s = fading.exposure_s(self.now, self.raw_target_adu, linear=self._linear)
            if not least_s <= exposure_s <= most_s:
                return
            seen = yield from self.expose(name, exposure_s)
            if seen.counted:
                fading.last_adu = self.raw_adu(seen)
                continue
            again_s = yield from self._meter(name, exposure_s)
            if again_s is None:
                return
            fading = _Fading(again_s, self._metering_since, self._fade_per_s())

    def _fade_per_s(self) -> float:
        """ln of the sky's change a second by Tyson & Gal."""
        later = self.sun_altitude_deg(self.now + timedelta(minutes=10))
        speed = abs(later - self.sun_deg()) / 600
        dex_per_min = -0.094 if self.setting else 0.091
        return log(10) * dex_per_min / 60 * speed / _SPRING_DEG_PER_S


class _Fading:
    """The next exposure, by the line through the last ones or by a constant fading."""

    def __init__(self, exposure_s: float, since: datetime, fade_per_s: float) -> None:
        self._exposure_s = self._first_s = exposure_s
        self._since, self._fade_per_s, self._elapsed_s = since, fade_per_s, 0.0
        self._history: list[tuple[datetime, float]] = []
        self.last_adu = 0.0

    def exposure_s(self, now: datetime, target_adu: float, *, linear: bool) -> float:
        """What the next frame should have; after each call the frame is supposed taken."""
        if not linear:
            return self._by_fading((now - self._since).total_seconds())
        if self.last_adu:
            self._history = [*self._history, (now, self._exposure_s * target_adu / self.last_adu)][-_FITTED:]
        if len(self._history) > 1:
            self._exposure_s = self._by_line(now)
        elif self._history:
            self._exposure_s = self._history[-1][1]
        return self._exposure_s

    def _by_line(self, now: datetime) -> float:
        first, (last, last_s) = self._history[0][0], self._history[-1]
        times_s = np.array([(when - first).total_seconds() for when, _ in self._history])
        growth = float(np.polyfit(times_s, np.log([s for _, s in self._history]), 1)[0])
        ahead_s, exposure_s = (now - last).total_seconds(), self._exposure_s
        for _ in range(4):
            exposure_s = last_s * exp(min(growth * (ahead_s + exposure_s), 20.0))
        return exposure_s

    def _by_fading(self, elapsed_s: float) -> float:
        """Tyson & Gal's eq.: a^end = a^start + s ln a, a the sky's factor a second."""
        fade = self._fade_per_s
        start_s = self._elapsed_s + max(elapsed_s - self._elapsed_s - self._exposure_s, 0.0)
        left = exp(fade * start_s) + self._first_s * fade
        self._exposure_s = log(left) / fade - start_s if left > 0 else float("inf")
        self._elapsed_s = elapsed_s
        return self._exposure_s


def _straight(pairs: list[tuple[float, float]]) -> bool:
    """Whether level against exposure lies on a line, R^2 >= 0.8."""
    exposures_s, levels = np.array(pairs).T
    if np.ptp(exposures_s) == 0 or np.ptp(levels) == 0:
        return False
    return bool(np.corrcoef(exposures_s, levels)[0, 1] ** 2 >= 0.8)
