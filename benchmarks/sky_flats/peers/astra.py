"""Astra, ppp-one/astra `src/astra/observatory.py` (formerly `code/src/astra.py`), `flats_sequence`.

Law. With the Sun between -1 and -12 deg. A filter begins on a subframe of 64 x 64 with the shortest
exposure plus a quarter of the longest; t <- t (T-b)/(S-b) until a subframe is within tolerance; out of the
limits it waits 10 s and looks again at the limit if the sky will come, else the filter is over. Full frames
follow; the exposure is changed only after a frame out of tolerance. When 30 s have passed since the last
pointing it points again and metering starts over. Every frame counts and is saved.

Settings. The tolerance decides when the exposure is corrected, and how many subframes the metering takes: 5
% is the best of 2, 5 and 10. The limits are the camera's (theirs: 1 to 60 s).

Deviations. Read in the older file; the newer one was not compared. Pointing again takes `_SLEW_S`. Where
their loop stays in a filter whose exposure has passed the limits, this one goes on to the next.
"""

from __future__ import annotations

from collections.abc import Generator

from benchmarks.sky_flats.peers.base import Law, Peer
from sequences.flat_controller import Action, Measurement

_TOLERANCE = 0.05
_BRIGHTEST_DEG, _DARKEST_DEG = -1.0, -12.0
_POINT_EVERY_S = 30.0
_SLEW_S = 5.0
_PATIENCE_S = 10.0

Metered = Generator[Action, Measurement | None, float | None]


class Astra(Peer):
    """Keeps every frame."""

    def law(self) -> Law:
        """One filter after the other."""
        while not self._sun_fits():
            yield from self.wait(1.0)
            if self._over():
                return
        camera = self.camera
        for name in self.filters:
            exposure_s = yield from self._meter(name, camera.min_exposure_s + camera.max_exposure_s / 4)
            pointed, count = self.now, 0
            while exposure_s is not None and count < self.quotas[name] and self._sun_fits():
                seen = yield from self.expose(name, exposure_s)
                count += 1
                if (self.now - pointed).total_seconds() > _POINT_EVERY_S:
                    yield from self.wait(_SLEW_S)
                    exposure_s = yield from self._meter(name, exposure_s)
                    pointed = self.now
                elif self._off(seen):
                    exposure_s *= camera.target_adu / max(seen.level_adu, 1.0)
                    if not camera.min_exposure_s <= exposure_s <= camera.max_exposure_s:
                        exposure_s = None

    def _meter(self, name: str, exposure_s: float) -> Metered:
        """The exposure, or None when this filter's time is over."""
        camera = self.camera
        while self._sun_fits():
            seen = yield from self.probe(name, exposure_s)
            if not self._off(seen):
                return exposure_s
            exposure_s *= camera.target_adu / max(seen.level_adu, 1.0)
            if self.too_late(exposure_s):
                return None
            if self.too_early(exposure_s):
                yield from self.wait(_PATIENCE_S)
                exposure_s = camera.min_exposure_s if self.setting else camera.max_exposure_s
        return None

    def _off(self, seen: Measurement) -> bool:
        return abs(seen.level_adu / self.camera.target_adu - 1) > _TOLERANCE

    def _sun_fits(self) -> bool:
        return _DARKEST_DEG < self.sun_deg() < _BRIGHTEST_DEG

    def _over(self) -> bool:
        return self.sun_deg() <= _DARKEST_DEG if self.setting else self.sun_deg() >= _BRIGHTEST_DEG
