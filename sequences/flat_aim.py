"""One frame's exposure, and whether a short look before it is worth its time. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log

import numpy as np

from sequences.flat_actions import FlatSettings
from sequences.flat_pace import Pace
from sequences.sky_model import Belief, SkyModel

_LONGEST_PROBE_S = 2.0
# A look is to land at this part of the target, exact enough and soon over, or lower the less is known, so as
# not to saturate.
_PROBE_PART = 0.05


@dataclass(frozen=True)
class Aim:
    """A frame of a filter that opens at `opened_s`, and what is believed of its ln level in ADU."""

    filter: str
    opened_s: float
    exposure_s: float
    belief: Belief


def aim(model: SkyModel, settings: FlatSettings, filter_name: str, opened_s: float) -> Aim:
    """Return the exposure that brings the target, within the limits and of the grid if there is one."""
    shutter_s, target_ln = model.shutter_error_s, log(settings.target_adu)
    shortest_s, longest_s = settings.min_exposure_s, settings.max_exposure_s
    rate_ln = min(max(model.log_rate(filter_name, opened_s).mean, -50.0), 50.0)
    exposure_s = min(max(exp(target_ln - rate_ln) - shutter_s, shortest_s), longest_s)
    # The sky changes meanwhile by little: each round leaves a twentieth of the error at most.
    for _ in range(3):
        seen_ln = model.foresee(filter_name, opened_s, exposure_s).mean
        wanted_s = (exposure_s + shutter_s) * exp(target_ln - seen_ln) - shutter_s
        exposure_s = min(max(wanted_s, shortest_s), longest_s)
    exposure_s = float(settings.nearest_s(exposure_s))
    return Aim(filter_name, opened_s, exposure_s, model.foresee(filter_name, opened_s, exposure_s))


def is_look_worth_it(model: SkyModel, settings: FlatSettings, pace: Pace, frame: Aim, probe_s: float) -> bool:
    """Whether a look's cost is less than what a probable miss would cost.

    C / p > (C + look) / p after it, p the chance to land in band.
    """
    look_s = probe_s + pace.probe_s
    look = (frame.opened_s, probe_s)
    after = model.foresee(frame.filter, frame.opened_s + look_s, frame.exposure_s, look)
    expected = np.full_like(after.means, frame.belief.mean)
    low, high = (log(settings.target_adu * (1 + side * settings.tolerance)) for side in (-1, 1))
    hit = frame.belief.chance(low, high)
    hit_after = Belief(after.weights, expected, after.sigmas).chance(low, high)
    cost_s = frame.exposure_s + pace.download_s
    return cost_s * hit_after > (cost_s + look_s) * hit


def probe_exposure_s(
    model: SkyModel, settings: FlatSettings, filter_name: str, now_s: float, *, idle: bool = False
) -> float:
    """Return a look's exposure: short, but long enough to be measured and not below the shortest.

    In `idle` time a look is as bright as a flat: it then tells as much as a flat does.
    """
    rate = model.log_rate(filter_name, now_s)
    wanted_s = settings.target_adu * exp(-min(max(rate.mean, -50.0), 50.0))
    shortest_s = settings.min_probe_s or settings.min_exposure_s
    part = 1.0 if idle else _PROBE_PART
    return max(shortest_s, min(_LONGEST_PROBE_S, wanted_s * min(part, exp(-rate.sigma))))
