"""What no schedule can exceed, and what none can that does not know the future of the clouds.

**The linear programme.** Let y_f(u) be the share of the camera's time at u that filter f's frames take,
exposure and download, and w_f(u) such that the integral of w_f over any good frame of f is at least 1. Then
any schedule's good frames are at most

    max sum_f integral w_f y_f   so that   sum_f y_f <= 1 at all times,   integral w_f y_f <= quota of f.

w_f starts as 1 over the cost of the frame about u and is raised, where needed, until it holds for all
frames; a frame may be as short as the judge's band lets it be, downloads are as fast as they ever are, the
wheel is free, and filters may be mixed at will. The programme is bounded by its dual: any prices p_f from 0
to 1 give

    sum_f p_f quota_f + integral max_f (1 - p_f) w_f(u) du,

never less than the optimum; the prices are found by descent, so no solver need be trusted.

**The causal bound** is for clouds whose ln brightness is an Ornstein-Uhlenbeck process (sigma, tau). Be
generous: the strategy knows all about the sky, but of the cloud only its statistics and the exact mean ln
level of each frame so far. Frame after frame of its own length, or with a probe of no exposure before each,
the next frame's mean then has the conditional deviation `deviation_ln`, whatever the cloud does, and the
best aim lands within 10 % with the chance p = erf(ln(1.1/0.9) / 2 / (s sqrt 2)). A good frame so costs 1/p
frames on average, blind or with probes, whichever is cheaper. The clairvoyant's programme is played at
these costs, and with the true clouds when it chooses when to take what. Counts capped at a quota are
concave in luck, so the mean over many twilights of any causal strategy stays below the mean of this bound;
a single twilight may be luckier.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import erf, log, sqrt

import numpy as np
from numpy.typing import NDArray

from benchmarks.sky_flats.openings import LOWEST, STEP_S, Openings, openings
from benchmarks.sky_flats.oracle import Steps, best_blocks, frame_cost_s
from benchmarks.sky_flats.truth import Array, Twilight

Index = NDArray[np.intp]

_HALF_BAND_LN = log(1.1 / 0.9) / 2
_REMEMBERED = 8
_CELL_S = 1.0
_ROUNDS = 400


def causal_bound(twilight: Twilight, quotas: Mapping[str, int]) -> float:
    """Good frames, capped at `quotas`, of the best strategy that knows the clouds' statistics only.

    Without clouds, or where `twilight.cloud` does not tell their statistics, as many as the clairvoyant has.
    """
    exact = openings(twilight)
    cost_s = frame_cost_s(twilight, exact)
    if twilight.cloud is not None:
        sigma, tau_s, _ = twilight.cloud
        cost_s = _expected_cost_s(twilight, exact, cost_s, sigma, tau_s)
    return float(sum(block.count for block in best_blocks(Steps(exact, cost_s), twilight, quotas)))


def _expected_cost_s(twilight: Twilight, exact: Openings, cost_s: Array, sigma: float, tau_s: float) -> Array:
    """Seconds of camera time a good frame costs, with the failed ones, (filters, times)."""
    camera = twilight.camera
    probe_s = camera.download_s * camera.probe_fraction
    some_s = np.geomspace(camera.min_exposure_s, camera.max_exposure_s, 24)

    def chance(probe_s: float | None) -> Array:
        some = [deviation_ln(open_s, camera.download_s, probe_s, sigma, tau_s) for open_s in some_s]
        finite_s = np.where(np.isfinite(exact.exposure_s), exact.exposure_s, some_s[-1])
        return np.interp(finite_s, some_s, chance_in_band(np.array(some)))

    return np.minimum(cost_s / chance(None), (cost_s + probe_s) / chance(probe_s))


def deviation_ln(
    open_s: float, download_s: float, probe_s: float | None, sigma: float, tau_s: float
) -> float:
    """Conditional deviation of the next frame's mean ln level, given those of `_REMEMBERED` frames before.

    All frames are open for `open_s`, and `download_s` lies between them; where `probe_s` is given, a probe of
    no exposure comes that long before each frame, and its level is known too. With the mean over an interval
    of length e weakened by q = (tau/e) (1 - e^(-e/tau)), two intervals a gap apart have the covariance
    sigma^2 q q' e^(-gap/tau), and one has the variance 2 sigma^2 (tau/e) (1 - q).
    """
    starts_s, lengths_s, free_s = [0.0], [open_s], 0.0
    for _ in range(_REMEMBERED):
        if probe_s is not None:
            free_s -= probe_s
            starts_s.append(free_s)
            lengths_s.append(0.0)
        free_s -= download_s + open_s
        starts_s.append(free_s)
        lengths_s.append(open_s)
    start, length = np.array(starts_s), np.maximum(lengths_s, 1e-6 * tau_s)
    weak = tau_s / length * -np.expm1(-length / tau_s)
    gap = np.maximum(start[None, :] - (start + length)[:, None], (start[:, None] - (start + length)[None, :]))
    covariance = weak[:, None] * weak[None, :] * np.exp(-np.maximum(gap, 0.0) / tau_s)
    np.fill_diagonal(covariance, 2 * tau_s / length * (1 - weak))
    known = covariance[1:, 1:]
    told = covariance[0, 1:] @ np.linalg.solve(known, covariance[1:, 0])
    return float(sigma * np.sqrt(max(covariance[0, 0] - told, 0.0)))


def chance_in_band(deviation: Array) -> Array:
    """The chance to land within 10 % of the target with a normal error in ln and the best aim."""
    reach = _HALF_BAND_LN / (np.maximum(deviation, 1e-9) * sqrt(2))
    return np.asarray(np.vectorize(erf, otypes=[np.float64])(reach))


def linear_bound(twilight: Twilight, quotas: Mapping[str, int]) -> float:
    """An upper bound of any schedule's good frames, capped at `quotas`, by linear programming."""
    fastest = openings(twilight, LOWEST)
    worth = np.array([_worth_per_cell(twilight, fastest, row) for row in range(len(fastest.filters))])
    wanted = np.array([float(quotas.get(name, 0)) for name in fastest.filters])
    return _least_dual(worth, wanted)


def _worth_per_cell(twilight: Twilight, fastest: Openings, row: int) -> Array:
    """The most frames of one filter that each `_CELL_S` of the camera's time is worth, (cells,)."""
    camera = twilight.camera
    longest_s = camera.max_exposure_s + camera.shutter_error_s + camera.download_s
    cells = int(np.ceil((twilight.end_s + longest_s) / _CELL_S)) + 1
    per_cell = round(_CELL_S / STEP_S)
    weight = np.zeros(cells * per_cell)
    index = np.flatnonzero(np.isfinite(fastest.exposure_s[row]))
    if index.size:
        cost_s = fastest.exposure_s[row, index] + camera.shutter_error_s + camera.download_s
        # A frame covers the grid's steps that lie wholly within it.
        length = np.maximum((cost_s / STEP_S).astype(np.intp), 1)
        middle = index + length // 2
        order = np.argsort(middle, kind="stable")
        weight = np.interp(np.arange(weight.size), middle[order], 1 / length[order])
        weight *= _most_covering(index, length, np.ones(index.size), weight.size) > 0
        total = np.concatenate(([0.0], np.cumsum(weight)))
        frame = total[index + length] - total[index]
        weight *= _most_covering(index, length, 1 / frame, weight.size)
    return np.asarray(weight.reshape(cells, per_cell).max(axis=1) * per_cell)


def _most_covering(first: Index, length: Index, value: Array, size: int) -> Array:
    """At each of `size` places the largest `value` of the intervals `first` ... + `length` over it, else 0.

    Every interval is two overlapping ones of a power of two; those are halved until single places are left.
    """
    level = np.frexp(length)[1] - 1
    out = np.zeros(size)
    for power in range(int(level.max()), -1, -1):
        half = 1 << power
        here = level == power
        np.maximum.at(out, first[here], value[here])
        np.maximum.at(out, (first + length - half)[here], value[here])
        if power:
            shifted = np.concatenate((np.zeros(half // 2), out[: size - half // 2]))
            out = np.maximum(out, shifted)
    return out


def _least_dual(worth: Array, wanted: Array) -> float:
    """The dual's value after descent along its subgradients, in steps that shrink; any value is a bound."""
    prices = np.full(wanted.size, 0.5)
    least = float(wanted.sum())
    cells = np.arange(worth.shape[1])
    for step in np.geomspace(0.5, 1e-4, _ROUNDS):
        offer = (1 - prices)[:, None] * worth
        taker = offer.argmax(axis=0)
        least = min(least, float(prices @ wanted + offer[taker, cells].sum()))
        taken = np.bincount(taker, weights=worth[taker, cells], minlength=wanted.size)
        slope = (wanted - taken) / np.maximum(wanted, 1.0)
        prices = np.clip(prices - step * slope / max(float(np.linalg.norm(slope)), 1e-12), 0.0, 1.0)
    return least
