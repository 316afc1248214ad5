"""POCS, panoptes/POCS `src/panoptes/pocs/observatory.py`, `take_flat_fields`, with the counting of Huntsman.

Law. t <- t (T/S) 2^(+-dt/180 s) + 0.5 cut to whole seconds, dt since the frame before was opened, + at
dusk. The first exposure is 3 s. Frames below `min_counts` or above `max_counts` are marked bad and kept. A
saturated frame of 2 s or less: wait 60 s at dusk, end at dawn. An exposure over the longest ends the
filter. POCS itself never counts; Huntsman takes until it has its good frames, and reverses the order after
midnight.

Settings. `min_counts` and `max_counts` are the judge's band, the target lies between them. Huntsman's limit
of twice the frames wanted costs 15 points and is left out; 2^(dt/180 s) and whole seconds are fixed in the
code, the latter is what a fast camera suffers from. Each filter is begun when usual nights have it 1.5
times inside its limits (1.0 and 2.5 tried): begun too early at dawn, the law holds it to be over.

Deviations. What is marked bad is not counted as saved.
"""

from __future__ import annotations

from benchmarks.sky_flats.peers.base import Law, Peer
from sequences.flat_controller import Measurement

_FIRST_S = 3.0
_TOLERANCE = 0.1
_DOUBLES_IN_S = 180.0
_MARGIN = 1.5


class Pocs(Peer):
    """Keeps what it does not mark as bad."""

    def saves(self, measurement: Measurement) -> bool:
        """Between `min_counts` and `max_counts`."""
        return self.within(measurement, _TOLERANCE)

    def law(self) -> Law:
        """One filter after the other."""
        for name in self.filters:
            while self._to_come(self.usual.exposure_s(name, self.sun_deg())):
                yield from self.wait(5.0)
            yield from self._flats(name)

    def _to_come(self, usual_s: float) -> bool:
        return self.too_early(usual_s / _MARGIN if self.setting else usual_s * _MARGIN)

    def _flats(self, name: str) -> Law:
        camera = self.camera
        kept, exposure_s = 0, _FIRST_S
        while kept < self.quotas[name]:
            started = self.now
            exposure_s = max(exposure_s, camera.min_exposure_s)
            seen = yield from self.expose(name, exposure_s)
            kept += seen.counted is True
            elapsed_s = (self.now - started).total_seconds() * (1 if self.setting else -1)
            full = seen.saturated_fraction > 0 and exposure_s <= 2
            scaled_s = exposure_s * camera.target_adu / max(seen.level_adu, 1.0)
            exposure_s = float(int(scaled_s * 2 ** (elapsed_s / _DOUBLES_IN_S) + 0.5))
            if exposure_s >= camera.max_exposure_s or (full and not self.setting):
                return
            if full:
                yield from self.wait(60.0)
