"""For every moment of a twilight, what a good frame opened then would take: the clairvoyants' common ground.

An exposure is exact when the true rate, integrated over the time that the shutter is open, gives the level
aimed at. Where the exact exposure lies outside the camera's limits, the limit is taken if its level is still
within the judge's band of 10 %.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.sky_flats.truth import Array, Twilight

STEP_S = 0.25
# A hair inside the judge's 10 %, for what rounding leaves; `LOWEST` is the least that can be aimed at.
_DIMMEST, LOWEST, _BRIGHTEST = 0.9001, 0.9002, 1.0999


@dataclass(frozen=True)
class Openings:
    """`times_s` (times,) every `STEP_S` from the window's opening to its end, the end left out.

    `exposure_s` (filters, times), in the twilight's order of filters, is infinite where no good frame can
    open.
    """

    filters: tuple[str, ...]
    times_s: Array
    exposure_s: Array


def openings(twilight: Twilight, aim: float = 1.0) -> Openings:
    """The exposures that give `aim` times the target, for the twilight's true sky, clouds included."""
    camera = twilight.camera
    reach_s = twilight.end_s + 2 * camera.max_exposure_s + camera.shutter_error_s
    fine_s = np.arange(0.0, reach_s, STEP_S)
    times_s = fine_s[fine_s < twilight.end_s]
    rows = [_exposures(twilight, name, fine_s, times_s, aim) for name in twilight.filters]
    return Openings(twilight.filters, times_s, np.array(rows))


def _exposures(twilight: Twilight, name: str, fine_s: Array, times_s: Array, aim: float) -> Array:
    camera = twilight.camera
    rate = twilight.rate_adu_per_s(name, fine_s)
    light = np.concatenate(([0.0], np.cumsum((rate[1:] + rate[:-1]) / 2 * STEP_S)))

    def light_at(t_s: Array) -> Array:
        """The integral of the rate: between two points of the grid the rate is a straight line."""
        low = np.minimum((t_s / STEP_S).astype(np.intp), rate.size - 2)
        part = t_s / STEP_S - low
        return np.asarray(light[low] + STEP_S * part * (rate[low] + (rate[low + 1] - rate[low]) * part / 2))

    before = light[: times_s.size]
    shut_s = np.interp(before + aim * camera.target_adu, light, fine_s)
    # One step of Newton from the chord to the curve.
    missing = before + aim * camera.target_adu - light_at(shut_s)
    shut_s = shut_s + missing / np.interp(shut_s, fine_s, rate)
    exposure_s = shut_s - times_s - camera.shutter_error_s
    exposure_s = np.clip(exposure_s, camera.min_exposure_s, camera.max_exposure_s)
    level = light_at(times_s + exposure_s + camera.shutter_error_s) - before
    good = (level >= _DIMMEST * camera.target_adu) & (level <= _BRIGHTEST * camera.target_adu)
    return np.where(good, exposure_s, np.inf)
