"""CCDciel, pchev/ccdciel `src/pu_main.pas`.

Law. With the Sun between -2 and -16 deg, filters in the order of their exposure factor. t <- t T/S, T the
middle of `FlatLevelMin` and `FlatLevelMax`, levels with bias; a frame between them is kept, another is not.
Where the exposure is outside `FlatMinExp` ... `FlatMaxExp` it waits 30 s if the sky will come, else the
filter is over. A new filter begins with the last exposure, scaled by the ratio of their factors.

Settings. The levels are the judge's band (theirs, 20 000 to 30 000, is +-20 %); the limits are the
camera's; the factors are those of usual nights.

Deviations. Written from a description of the law; not compared with their source line by line.
"""

from __future__ import annotations

from benchmarks.sky_flats.peers.base import Law, Peer
from sequences.flat_controller import Measurement

_TOLERANCE = 0.1
_BRIGHTEST_DEG, _DARKEST_DEG = -2.0, -16.0
_PATIENCE_S = 30.0


class Ccdciel(Peer):
    """Keeps what lies between its two levels."""

    def saves(self, measurement: Measurement) -> bool:
        """Raw, as it measures."""
        return abs(self.raw_adu(measurement) / self.raw_target_adu - 1) <= _TOLERANCE

    def law(self) -> Law:
        """One filter after the other."""
        while not _DARKEST_DEG < self.sun_deg() < _BRIGHTEST_DEG:
            yield from self.wait(5.0)
        camera, before = self.camera, ""
        exposure_s = camera.min_exposure_s
        for name in self.filters:
            if before:
                factor = self.usual.exposure_s(name, -4.0) / self.usual.exposure_s(before, -4.0)
                exposure_s = min(max(exposure_s * factor, camera.min_exposure_s), camera.max_exposure_s)
            before, kept = name, 0
            while kept < self.quotas[name] and _DARKEST_DEG < self.sun_deg() < _BRIGHTEST_DEG:
                seen = yield from self.expose(name, exposure_s)
                kept += seen.counted is True
                exposure_s *= self.raw_target_adu / self.raw_adu(seen)
                if self.too_late(exposure_s):
                    break
                if self.too_early(exposure_s):
                    yield from self.wait(_PATIENCE_S)
                    exposure_s = camera.min_exposure_s if self.setting else camera.max_exposure_s
