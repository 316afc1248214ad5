"""What the rest of a window promises each filter, by what the model foresees. Pure.

A frame is worth its time over the chance that it lands in band. The chance falls with the clouds'
restlessness and with the exposure, and towards the limits, where the exposure cannot follow the sky.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log

import numpy as np
from numpy.typing import NDArray

from sequences.exposure_law import exposure_s, mean_log_rate
from sequences.flat_actions import FlatSettings
from sequences.flat_pace import Pace
from sequences.flat_planner import Outlook
from sequences.sky_model import SkyModel
from sequences.sky_state import FORGETS_S

Floats = NDArray[np.float64]

_GRID, _FINEST_S = 500, 1.0
# Below this chance a frame is not tried.
_LEAST_CHANCE = 0.25
# An exposure at its limit still gives a frame in the middle of the band to this much.
_CENTRED = 0.015
_USUAL_SIGMA = 0.006


@dataclass(frozen=True)
class Prospect:
    """`times_s` (times,) from the next opening to the window's end; the rest (filters, times).

    `log_rates` are ln ADU/s and change by `per_s` (times,) a second. `needed_s` is the exposure to the
    target, infinite where the sky fades too fast for it, `taken_s` that within the limits, `off` its ln
    level over the target's.
    """

    filters: tuple[str, ...]
    times_s: Floats
    log_rates: Floats
    per_s: Floats
    needed_s: Floats
    taken_s: Floats
    off: Floats
    settings: FlatSettings
    overhead_s: float
    change_s: float
    look_s: float
    restless: tuple[Floats, Floats]

    @cached_property
    def _cost_s(self) -> Floats:
        """Seconds that one good frame takes on average; infinite where none is to be had."""
        band = self.settings.tolerance
        chance = np.zeros_like(self.off)
        age_s = self.overhead_s + 2 / 3 * self.taken_s
        known = 1 - np.exp(-2 * age_s / FORGETS_S)
        for sigma, weight in zip(*self.restless, strict=True):
            reach = np.sqrt(2 * (sigma**2 * known + _USUAL_SIGMA**2))
            chance += weight * (
                _erf((log(1 + band) - self.off) / reach) - _erf((log(1 - band) - self.off) / reach)
            )
        chance /= 2
        whole = self.times_s + self.taken_s <= self.times_s[-1]
        can = whole & (chance > _LEAST_CHANCE)
        return np.where(can, (self.taken_s + self.overhead_s) / np.maximum(chance, 1e-3), np.inf)

    def outlook(self, *, centred: bool) -> Outlook:
        """What the planner needs; `centred` leaves out what lands beside the middle of the band."""
        cost_s = np.where(np.abs(self.off) <= _CENTRED, self._cost_s, np.inf) if centred else self._cost_s
        line = self.log_rates[:, 0] * (1.0 if self.per_s.mean() < 0 else -1.0)
        return Outlook(self.filters, self.times_s, cost_s, line, self.change_s, self.look_s)

    def soonest_s(self, filter_name: str, doubt: float) -> float | None:
        """When a filter can be in band at the earliest if the model errs by `doubt` in ln; None if never."""
        row, settings = self.filters.index(filter_name), self.settings
        low, high = settings.min_exposure_s / (1 + settings.tolerance), settings.max_exposure_s
        high /= 1 - settings.tolerance
        # Not a part of the exposure that the mean needs: a sky fading too fast to give one still has hopes.
        shortest_s, longest_s = (
            exposure_s(settings.target_adu, self.log_rates[row] + side * doubt, self.per_s, 0.0)
            for side in (1, -1)
        )
        can = (longest_s >= low) & (shortest_s <= high)
        can &= self.times_s + np.clip(shortest_s, low, settings.max_exposure_s) <= self.times_s[-1]
        return float(self.times_s[can.argmax()]) if can.any() else None

    def next_in_line(self, names: Iterable[str], *, setting: bool) -> str:
        """At dusk the faintest comes first of those that are too bright yet, at dawn the brightest too dim.

        When all seem to be gone, the one that was there last.
        """
        settings = self.settings
        needed_s = {name: float(self.needed_s[self.filters.index(name), 0]) for name in names}
        coming = {
            name: s
            for name, s in needed_s.items()
            if (s < settings.min_exposure_s if setting else s > settings.max_exposure_s)
        }
        line = coming or needed_s
        return (max if setting == bool(coming) else min)(line, key=lambda name: line[name])


def prospect(
    model: SkyModel,
    filters: Sequence[str],
    all_filters: Sequence[str],
    settings: FlatSettings,
    pace: Pace,
    now_s: float,
    end_s: float,
) -> Prospect:
    """Foresee the exposures of `filters` between two times (Unix seconds)."""
    steps = max(8, min(_GRID, int((end_s - now_s) / _FINEST_S)))
    times_s = np.linspace(now_s, end_s, steps)
    rows = [list(all_filters).index(name) for name in filters]
    log_rates = model.log_rates(times_s)[rows]
    per_s = np.gradient(log_rates[0], times_s)
    shutter_s = model.shutter_error_s
    needed_s = exposure_s(settings.target_adu, log_rates, per_s, shutter_s)
    taken_s = settings.nearest_s(needed_s)
    open_s = taken_s + shutter_s
    off = mean_log_rate(log_rates, per_s, open_s) + np.log(open_s / settings.target_adu)
    return Prospect(
        tuple(filters),
        times_s,
        log_rates,
        per_s,
        needed_s,
        taken_s,
        off,
        settings,
        pace.download_s + pace.lag_s(pace.filter),
        pace.wheel_s,
        pace.probe_s + (settings.min_probe_s or settings.min_exposure_s),
        model.restlessness,
    )


def _erf(x: Floats) -> Floats:
    """Abramowitz & Stegun 7.1.26, to 1.5e-7: numpy has none."""
    t = 1 / (1 + 0.3275911 * np.abs(x))
    series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    return np.asarray(np.sign(x) * (1 - series * np.exp(-np.minimum(x * x, 700.0))))
