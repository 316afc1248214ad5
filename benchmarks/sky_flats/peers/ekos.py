"""Ekos, KDE/kstars `kstars/ekos/capture/cameraprocess.cpp`: `checkFlatCalibration`, `calculateFlatExpTime`.

Law. A job takes one filter until it has its frames. A frame more than 95 % full: t <- 0.1 t. Within the
tolerance it is kept and the exposure stays. Else a straight line, by least squares, through exposure and
level of the last three metered frames gives the next; without a line, or where it makes no sense, t <- 1.25
t or 0.75 t. The exposure is held within its limits, and there is no end to a job but its frames: the Sun is
not asked.

Settings. Target 31 000 raw, tolerance 10 % of it (theirs is 1000 ADU; 5 % halves what a CCD gets); the
limits are the camera's. Each filter's job is begun and ended by the operator's timetable (Ekos's own
Scheduler), when usual nights have the filter within its limits, and begins with their exposure.

Deviations. None known. Left to itself it stays with the first filter that it misses.
"""

from __future__ import annotations

import numpy as np

from benchmarks.sky_flats.peers.base import Law, Peer
from sequences.flat_controller import Measurement

_TOLERANCE = 0.1
_FULL = 0.95 * 65_535.0
_LONGEST_S = 180.0


class Ekos(Peer):
    """Keeps what is within the tolerance."""

    def saves(self, measurement: Measurement) -> bool:
        """Raw, as it measures."""
        return abs(self.raw_adu(measurement) / self.raw_target_adu - 1) <= _TOLERANCE

    def law(self) -> Law:
        """One job after the other."""
        for name in self.filters:
            while self.too_early(self.usual.exposure_s(name, self.sun_deg())):
                yield from self.wait(5.0)
            yield from self._job(name)

    def _job(self, name: str) -> Law:
        points: list[tuple[float, float]] = []
        kept, exposure_s = 0, self._held(self.usual.exposure_s(name, self.sun_deg()))
        while kept < self.quotas[name]:
            if self.too_late(self.usual.exposure_s(name, self.sun_deg())):
                return
            seen = yield from self.expose(name, exposure_s)
            raw_adu = self.raw_adu(seen)
            if seen.counted:
                kept += 1
            elif raw_adu > _FULL:
                exposure_s = self._held(0.1 * exposure_s)
            else:
                points = [*points, (exposure_s, raw_adu)][-3:]
                exposure_s = self._held(self._by_line(points))

    def _by_line(self, points: list[tuple[float, float]]) -> float:
        """The exposure that the line through the points has at the target."""
        exposures_s, levels = np.array(points).T
        if len(points) >= 2 and np.ptp(exposures_s) > 0:
            slope, level = np.polyfit(exposures_s, levels, 1)
            exposure_s = float((self.raw_target_adu - level) / slope) if slope else 0.0
            if 0 < exposure_s <= _LONGEST_S:
                return exposure_s
        return float(exposures_s[-1]) * (1.25 if levels[-1] < self.raw_target_adu else 0.75)

    def _held(self, exposure_s: float) -> float:
        return min(max(exposure_s, self.camera.min_exposure_s), self.camera.max_exposure_s)
