"""The rule of three by hand: t <- t T/S with the bias known, off frames thrown away.

What a careful script does without a model. Too early for a filter, it looks with the shortest exposure
every `_PATIENCE_S`; past a filter's limits, it goes on to the next. Its first exposure is the shortest.
"""

from __future__ import annotations

from benchmarks.sky_flats.peers.base import Law, Peer
from sequences.flat_controller import Measurement

_TOLERANCE = 0.1
_PATIENCE_S = 5.0


class RuleOfThree(Peer):
    """Keeps what is within the judge's band."""

    def saves(self, measurement: Measurement) -> bool:
        """Within 10 % of the target."""
        return self.within(measurement, _TOLERANCE)

    def law(self) -> Law:
        """One filter after the other."""
        for name in self.filters:
            kept, exposure_s = 0, self.camera.min_exposure_s
            while kept < self.quotas[name]:
                seen = yield from self.expose(name, exposure_s)
                kept += seen.counted is True
                exposure_s *= self.camera.target_adu / max(seen.level_adu, 1.0)
                if self.too_late(exposure_s):
                    break
                if self.too_early(exposure_s):
                    yield from self.wait(_PATIENCE_S)
                    exposure_s = self.camera.min_exposure_s
