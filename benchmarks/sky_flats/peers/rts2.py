"""RTS2, RTS2/rts2 `python/rts2/flats.py`.

Law. After each frame t <- m t T/(S - b), snapped to a list of exposures: at dusk to the next longer, at
dawn to the next shorter. Frames within `optimalRange` of the target are good, the others are thrown away.
Too short, it stays at the list's first exposure and sleeps 1 s; at dawn also when the sky is too dim for
the last. At dusk a filter is over when the list's last is reached, at dawn when the first is too long. It
begins each filter with the list's first exposure, on a subframe until an exposure lies within the list
(`waitingSubWindow`).

Settings. Range 0.1, which retakes what the judge would refuse, in place of their 0.3: 10 to 25 points. The
list has steps of 2 % over the camera's limits in place of 1 ... 19 s; steps of 5 % are as good. m is made
for slow cameras: 1.05 at dusk and its inverse at dawn, the best of 1.0, 1.05 and 1.1; for a fast one 1.0 is
the best.

Deviations. None known.
"""

from __future__ import annotations

import numpy as np

from benchmarks.sky_flats.peers.base import Law, Peer
from sequences.flat_controller import Measurement

_RANGE = 0.1
_MULTIPLY = 1.05
_SLEEP_S = 1.0
_STEP = 1.02


class Rts2(Peer):
    """Keeps what is within `optimalRange`."""

    def saves(self, measurement: Measurement) -> bool:
        """By the ratio of the level above bias to the target."""
        return abs(measurement.level_adu / self.camera.target_adu - 1) <= _RANGE

    def law(self) -> Law:
        """One filter after the other."""
        camera = self.camera
        count = int(np.ceil(np.log(camera.max_exposure_s / camera.min_exposure_s) / np.log(_STEP))) + 1
        listed_s = np.geomspace(camera.min_exposure_s, camera.max_exposure_s, count)
        for name in self.filters:
            yield from self._flats(name, listed_s)

    def _flats(self, name: str, listed_s: np.ndarray) -> Law:
        first_s, last_s = float(listed_s[0]), float(listed_s[-1])
        kept, exposure_s, window = 0, first_s, True
        while kept < self.quotas[name]:
            seen = yield from (self.probe if window else self.expose)(name, exposure_s)
            ratio = max(seen.level_adu / self.camera.target_adu, 1e-9)
            kept += seen.counted is True
            good = abs(ratio - 1) <= _RANGE
            window = window and not good
            exposure_s = self._snapped(exposure_s / ratio * self._multiply(window), listed_s)
            window = window and not first_s < exposure_s < last_s
            if self.setting and exposure_s >= last_s:
                return
            if not self.setting and ratio > 1 + _RANGE and exposure_s <= first_s:
                return
            if not good and (ratio > 1) == self.setting:
                yield from self.wait(_SLEEP_S)

    def _multiply(self, window: bool) -> float:
        if window or not self.slow:
            return 1.0
        return _MULTIPLY if self.setting else 1 / _MULTIPLY

    def _snapped(self, exposure_s: float, listed_s: np.ndarray) -> float:
        first_s, last_s = float(listed_s[0]), float(listed_s[-1])
        if exposure_s < first_s:
            return first_s
        if exposure_s > last_s:
            return exposure_s if self.setting else first_s
        place = int(np.searchsorted(listed_s, exposure_s, side="right"))
        return float(listed_s[min(place, listed_s.size - 1)] if self.setting else listed_s[place - 1])
