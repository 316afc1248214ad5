"""What a twilight's frames are worth, by the true sky alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.sky_flats.drive import Shot
from benchmarks.sky_flats.truth import Twilight

# Exposures are asked in floating point; this much past a limit is still the limit.
_LIMIT_SLACK = 1e-3


@dataclass(frozen=True)
class Score:
    """One twilight of one strategy; counts are capped at the quotas where they are called good.

    `out_of_band` and `far_out` are saved frames more than 10 and 25 % off; `squares` is the sum over all
    saved frames of the squared relative error of the level, clipped at saturation.
    """

    good: int
    good_20: int
    complete: int
    saved: int
    out_of_band: int
    far_out: int
    squares: float
    frames: int
    probes: int


def score(shots: Sequence[Shot], twilight: Twilight, quotas: Mapping[str, int]) -> Score:
    """Judge the saved frames: good is within 10 % of the target and within the exposure limits."""
    camera = twilight.camera
    shortest_s = camera.min_exposure_s * (1 - _LIMIT_SLACK)
    longest_s = camera.max_exposure_s * (1 + _LIMIT_SLACK)
    full_adu = camera.saturation_adu - camera.bias_adu
    saved = [shot for shot in shots if shot.saved and not shot.probe]
    errors = np.array([min(shot.level_adu, full_adu) / camera.target_adu - 1 for shot in saved])
    proper = np.array([shortest_s <= shot.exposure_s <= longest_s for shot in saved], dtype=bool)

    def capped(within: float) -> tuple[int, int]:
        kept = [
            shot.filter for shot, ok in zip(saved, proper & (np.abs(errors) <= within), strict=True) if ok
        ]
        counts = Counter(kept)
        full = sum(counts[name] >= quota for name, quota in quotas.items())
        return sum(min(counts[name], quota) for name, quota in quotas.items()), full

    good, complete = capped(0.10)
    return Score(
        good=good,
        good_20=capped(0.20)[0],
        complete=complete,
        saved=len(saved),
        out_of_band=int((np.abs(errors) > 0.10).sum()),
        far_out=int((np.abs(errors) > 0.25).sum()),
        squares=float((errors**2).sum()),
        frames=sum(not shot.probe for shot in shots),
        probes=sum(shot.probe for shot in shots),
    )


def summary(
    scores: Sequence[Score],
    best: Sequence[Score],
    linear: Sequence[float],
    causal: Sequence[float | None],
) -> dict[str, float]:
    """The figures of one strategy in one scenario; `best` are the oracle's scores.

    `linear` bounds the good frames of any schedule, `causal` those of any that does not know the future of
    the clouds, None without clouds. Percentages are of sums over the twilights; the tenth percentile is over
    the twilights' own percentages. Twilights in which not even the oracle takes a frame are left out.
    """
    rows = [row for row in zip(scores, best, linear, causal, strict=True) if row[1].good > 0]
    good = sum(s.good for s, *_ in rows)
    saved = sum(s.saved for s, *_ in rows)
    clouded = [(s.good, bound) for s, _, _, bound in rows if bound is not None]
    out = {
        "twilights": len(rows),
        "percent_of_oracle": 100 * good / sum(b.good for _, b, *_ in rows),
        "percent_of_oracle_20": 100 * sum(s.good_20 for s, *_ in rows) / sum(b.good_20 for _, b, *_ in rows),
        "percent_of_bound": 100 * good / sum(bound for *_, bound, _ in rows),
        "tenth_percentile": float(np.percentile([100 * s.good / b.good for s, b, *_ in rows], 10)),
        "filters_complete": sum(s.complete for s, *_ in rows) / len(rows),
        "rms_percent": 100 * (sum(s.squares for s, *_ in rows) / max(saved, 1)) ** 0.5,
        "purity_percent": 100 * (1 - sum(s.out_of_band for s, *_ in rows) / max(saved, 1)),
        "out_of_band_saved": sum(s.out_of_band for s, *_ in rows),
        "far_out_saved": sum(s.far_out for s, *_ in rows),
        "frames_per_twilight": sum(s.frames for s, *_ in rows) / len(rows),
        "probes_per_twilight": sum(s.probes for s, *_ in rows) / len(rows),
    }
    if clouded:
        out["percent_of_causal_bound"] = 100 * sum(g for g, _ in clouded) / sum(b for _, b in clouded)
    return out
