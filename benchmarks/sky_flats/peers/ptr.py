"""Photon Ranch (PTR), LCOGT/ptr-observatory `devices/sequencer.py`, `sky_flat_script`.

Law. Filters by throughput. The first exposure of a filter is t = T/(area lux throughput), its throughput
learned and kept; then t <- t T/S with T half of saturation, snapped to the grid of dark exposures. Too
early it waits 60 s and estimates anew; past the limits the filter is over. Every frame counts: rejection is
off in a real config.

Settings. T is the judge's target with its bias, as S is. The sky's light and the throughputs are those of
usual nights: a model of the twilight, as where the site has no lux meter. No grid, which can only be worse.
20 s of waiting in place of 60 makes no difference.

Deviations. Read in one stored version of their file, in which throughputs are configured, not yet kept.
"""

from __future__ import annotations

from benchmarks.sky_flats.peers.base import Law, Peer

_PATIENCE_S = 60.0


class Ptr(Peer):
    """Keeps every frame."""

    def law(self) -> Law:
        """One filter after the other."""
        for name in self.filters:
            count, exposure_s = 0, 0.0
            while count < self.quotas[name]:
                if not exposure_s:
                    exposure_s = self.usual.exposure_s(name, self.sun_deg())
                if self.too_late(exposure_s):
                    break
                if self.too_early(exposure_s):
                    yield from self.wait(_PATIENCE_S)
                    exposure_s = 0.0
                    continue
                seen = yield from self.expose(name, exposure_s)
                count += 1
                exposure_s *= self.raw_target_adu / max(self.raw_adu(seen), 1.0)
