"""The sky's state as several Kalman filters side by side, one for each hypothesis about the clouds. Pure.

The state is the clear sky's level c, its slope s against the common shape, the slope's bend r, the shutter's
error, the clouds' ln brightness d, d's integral since the shutter opened, and one throughput a_f per filter.
Functions take a state and return another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import erfc, exp, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from sequences.exposure_law import mean_log_rate
from sequences.sky_prior import REFERENCE_DEG, SkyPrior, Throughput, shape
from sequences.sun_track import SunTrack

Floats = NDArray[np.float64]

# Deviations of ln brightness that clouds may have, from none to broken, and how likely each is beforehand.
RESTLESS = np.array([0.003, 0.01, 0.025, 0.05, 0.1, 0.18, 0.28, 0.45])
LIKELY = np.array([0.3, 0.15, 0.12, 0.1, 0.1, 0.1, 0.08, 0.05])
# Clouds' ln brightness is correlated as exp(-dt / this).
FORGETS_S = 300.0
# How far tonight's slope bends from the common one's, ln per degree, and over how many degrees.
BEND_SIGMA, BEND_DEG = 0.12, 1.5
# ln per root of a degree of the Sun's altitude.
_LEVEL_WANDERS, _COLOUR_WANDERS = 0.004, 0.04
# The weather may change: no hypothesis is ever ruled out.
_OPEN_MIND = 0.02
# A frame this many deviations off is a plane or a lamp as likely as a changed sky.
_WILD = 4.0
# With this chance a filter was cleaned or exchanged since it was seen last; by so much, in ln, it changed.
_CHANGED, _CHANGE_SIGMA = 0.05, 0.6
LEVEL, SLOPE, BEND, SHUTTER, CLOUD, SUM, FIRST = range(7)


@dataclass(frozen=True)
class Belief:
    """A prediction in ln: for each hypothesis about the clouds its weight, mean and deviation."""

    weights: Floats
    means: Floats
    sigmas: Floats

    @property
    def mean(self) -> float:
        """The mean over the hypotheses."""
        return float(self.weights @ self.means)

    @property
    def sigma(self) -> float:
        """The deviation over all hypotheses."""
        return sqrt(float(self.weights @ (self.sigmas**2 + (self.means - self.mean) ** 2)))

    def chance(self, low: float, high: float) -> float:
        """The probability to lie between two values."""
        reach = self.sigmas * sqrt(2)
        parts = [
            erfc((low - mean) / s) - erfc((high - mean) / s)
            for mean, s in zip(self.means, reach, strict=True)
        ]
        return float(self.weights @ np.array(parts)) / 2


@dataclass(frozen=True)
class State:
    """Means (hypotheses, n), covariances (hypotheses, n, n) and weights (hypotheses,) at a Unix time."""

    seconds: float
    mean: Floats
    covariance: Floats
    weights: Floats

    @property
    def expected(self) -> Floats:
        """The mean over the hypotheses, (n,)."""
        return np.asarray(self.weights @ self.mean)

    @property
    def spread(self) -> Floats:
        """The covariance within the hypotheses, averaged over them, (n, n)."""
        return np.asarray(np.tensordot(self.weights, self.covariance, 1))

    def variance(self, row: Floats) -> Floats:
        """The variance of a combination of the state, (hypotheses,)."""
        return np.asarray(np.einsum("i,kij,j->k", row, self.covariance, row))


def first_state(prior: SkyPrior, throughputs: Sequence[Throughput], sun: SunTrack, seconds: float) -> State:
    """Return the state before the first frame."""
    mean = np.array([prior.level_ln, prior.slope, 0.0, prior.shutter_error_s, 0.0, 0.0])
    sigma = np.array([prior.level_sigma, prior.slope_sigma, BEND_SIGMA, prior.shutter_sigma_s, 0.0, 0.0])
    mean = np.append(mean, [t.ln for t in throughputs])
    sigma = np.append(sigma, [t.sigma for t in throughputs])
    covariance = np.array([np.diag(sigma**2)] * RESTLESS.size)
    covariance[:, CLOUD, CLOUD] = RESTLESS**2
    # The level is given at a reference altitude: carry it, with the slope's doubt, to where the Sun is.
    carry = np.eye(mean.size)
    carry[LEVEL, SLOPE] = float(shape(sun.altitude_deg(seconds)) - shape(REFERENCE_DEG))
    means = np.tile(carry @ mean, (RESTLESS.size, 1))
    return State(seconds, means, carry @ covariance @ carry.T, LIKELY / LIKELY.sum())


def moved(state: State, sun: SunTrack, seconds: float) -> State:
    """Return the state at a later time."""
    passed_s = max(0.0, seconds - state.seconds)
    before, after = (sun.altitude_deg(t) for t in (state.seconds, state.seconds + passed_s))
    moved_deg, n = abs(after - before), state.mean.shape[1]
    up = 1.0 if after > before else -1.0
    step = np.eye(n)
    step[LEVEL, SLOPE] = float(shape(after) - shape(before))
    (bent, climbed), bends = _fading(moved_deg, BEND_DEG)
    step[BEND, BEND], step[LEVEL, BEND] = bent, up * climbed
    (kept, summed), clouds = _fading(passed_s, FORGETS_S)
    step[CLOUD, CLOUD], step[SUM, CLOUD] = kept, summed
    noise = np.zeros((n, n))
    noise[BEND, BEND], noise[LEVEL, LEVEL] = bends[0], bends[2]
    noise[BEND, LEVEL] = noise[LEVEL, BEND] = up * bends[1]
    noise *= BEND_SIGMA**2
    noise[LEVEL, LEVEL] += _LEVEL_WANDERS**2 * moved_deg
    colours = np.arange(FIRST, n)
    noise[colours, colours] = _COLOUR_WANDERS**2 * moved_deg
    covariance = step @ state.covariance @ step.T + noise
    restless = RESTLESS**2
    covariance[:, CLOUD, CLOUD] += restless * clouds[0]
    covariance[:, CLOUD, SUM] += restless * clouds[1]
    covariance[:, SUM, CLOUD] += restless * clouds[1]
    covariance[:, SUM, SUM] += restless * clouds[2]
    return State(state.seconds + passed_s, state.mean @ step.T, covariance, state.weights)


def exposed(
    state: State, sun: SunTrack, throughput: int, opened_s: float, exposure_s: float
) -> tuple[State, Floats, Floats]:
    """Return the state at a frame's end, and the row (n,) and offsets (hypotheses,) that give its ln level.

    `throughput` is the filter's place in the state.
    """
    state = moved(state, sun, opened_s)
    mean, covariance = state.mean.copy(), state.covariance.copy()
    mean[:, SUM] = 0.0
    covariance[:, SUM, :] = covariance[:, :, SUM] = 0.0
    closed_s, middle_s = opened_s + exposure_s, opened_s + exposure_s / 2
    state = moved(State(state.seconds, mean, covariance, state.weights), sun, closed_s)
    middle_deg, end_deg = sun.altitude_deg(middle_s), sun.altitude_deg(closed_s)
    row = np.zeros(state.mean.shape[1])
    row[[LEVEL, throughput]] = 1.0
    row[SLOPE] = float(shape(middle_deg) - shape(end_deg))
    row[BEND] = middle_deg - end_deg
    row[SUM] = 1.0 / exposure_s
    shutter_s = state.mean[:, SHUTTER]
    open_s = np.maximum(exposure_s + shutter_s, 0.1 * exposure_s)
    row[SHUTTER] = 1.0 / float(state.weights @ open_s)
    # Linear in the shutter's error about where it is, and the mean of an exponential, not of its ln.
    change = -2 * row[SLOPE] * state.mean[:, SLOPE]
    bent = mean_log_rate(0.0, change / exposure_s, exposure_s) - change / 2
    return state, row, np.log(open_s) - shutter_s * row[SHUTTER] + bent


def believed(state: State, row: Floats, offset: Floats) -> Belief:
    """Return what the state says of a combination of it."""
    sigmas = np.sqrt(np.maximum(state.variance(row), 1e-12))
    return Belief(state.weights, np.asarray(state.mean @ row + offset), sigmas)


def measured(state: State, row: Floats, offset: Floats, value: float, noise: float) -> State:
    """Return the state once a combination of it was seen to have a value, with a variance of `noise`."""
    variance = state.variance(row) + noise
    off = value - (state.mean @ row + offset)
    far = np.abs(off) / np.sqrt(variance)
    likely = -0.5 * (np.minimum(far, _WILD) ** 2 + np.log(variance))
    weights = state.weights * np.exp(likely - likely.max())
    gain = (state.covariance @ row) / variance[:, None]
    mean = state.mean + gain * off[:, None]
    return _mixed(replace(shrunk(state, row, noise), mean=mean, weights=weights / weights.sum()))


def _mixed(state: State) -> State:
    """Return the state as the weather may have changed: any hypothesis may have given way to any other.

    Each then starts from what all of them believe, as far as it comes from the others (interacting multiple
    models, Blom & Bar-Shalom 1988). Without it a hypothesis that the frames refute explains them by ever
    wilder slopes and shutters.
    """
    weights = (1 - _OPEN_MIND) * state.weights + _OPEN_MIND * LIKELY / LIKELY.sum()
    own = ((1 - _OPEN_MIND) * state.weights / weights)[:, None]
    mean = own * state.mean + (1 - own) * state.expected
    apart = state.mean - state.expected
    common = state.spread + np.einsum("k,ki,kj->ij", state.weights, apart, apart)
    off, far = state.mean - mean, state.expected - mean
    covariance = own[:, :, None] * (state.covariance + off[:, :, None] * off[:, None, :])
    covariance += (1 - own)[:, :, None] * (common + far[:, :, None] * far[:, None, :])
    return State(state.seconds, mean, covariance, weights)


def doubted(
    state: State, row: Floats, offset: Floats, value: float, noise: float, met: Sequence[int]
) -> State:
    """Return the state before the first frame of a filter, less sure of what was learned if it surprises.

    `met` are the places of the filters measured before. Either all are as they were, or they changed: the two
    are weighed by how well they foresee the `value`. If they changed, the filters not met, this one among
    them, may have as well, and those met may have put their own change into the level.
    """
    variance = state.variance(row) + noise
    off = value - (state.mean @ row + offset)

    def likelihood(more: float) -> float:
        wide = variance + more
        return float(state.weights @ (np.exp(-0.5 * off**2 / wide) / np.sqrt(wide)))

    more = _CHANGE_SIGMA**2
    changed, same = _CHANGED * likelihood(more), (1 - _CHANGED) * likelihood(0.0)
    chance = changed / max(changed + same, 1e-300)
    covariance = state.covariance.copy()
    n = state.mean.shape[1]
    for place in range(FIRST, n):
        if place not in met:
            covariance[:, place, place] += chance * more
    if met:
        trade = np.zeros(n)
        trade[LEVEL] = 1.0
        trade[list(met)] = -1.0
        covariance += chance * more * np.outer(trade, trade)
    return replace(state, covariance=covariance)


def shrunk(state: State, row: Floats, noise: float) -> State:
    """Return the state as sure as it will be after a measurement, its means as they are.

    In Joseph's form, which keeps covariances symmetric and positive through a long twilight.
    """
    gain = (state.covariance @ row) / (state.variance(row) + noise)[:, None]
    keep = np.eye(row.size) - gain[:, :, None] * row
    covariance = keep @ state.covariance @ keep.transpose(0, 2, 1)
    covariance += noise * (gain[:, :, None] * gain[:, None, :])
    return replace(state, covariance=covariance)


def bounded(state: State, row: Floats, offset: Floats, value: float, *, above: bool) -> State:
    """Return the state once a combination of it was seen to lie above, or below, a value.

    Each hypothesis becomes the normal distribution with the moments of its truncated one.
    """
    side = 1.0 if above else -1.0
    variance = state.variance(row)
    sigma = np.sqrt(variance)
    beyond = [_truncated(a) for a in side * (value - (state.mean @ row + offset)) / sigma]
    shift = side * np.array([s for s, _ in beyond]) * sigma
    narrowed = np.array([n for _, n in beyond])
    gain = (state.covariance @ row) / variance[:, None]
    cut = (variance * (1 - narrowed))[:, None, None] * (gain[:, :, None] * gain[:, None, :])
    return replace(state, mean=state.mean + gain * shift[:, None], covariance=state.covariance - cut)


def _fading(passed: float, length: float) -> tuple[tuple[float, float], tuple[float, float, float]]:
    """An Ornstein-Uhlenbeck process and its integral (Gillespie 1996), of unit variance.

    Returns what is left of the process and goes from it into the integral, and the variance of the
    process, covariance with the integral, and the integral's variance that are added.
    """
    x = passed / length
    kept = exp(-x)
    summed = length**2 * max(0.0, 2 * x - 3 + 4 * kept - kept**2)
    return (kept, length * (1 - kept)), (1 - kept**2, length * (1 - kept) ** 2, summed)


def _truncated(a: float) -> tuple[float, float]:
    """Mean and variance of a standard normal above `a`."""
    if a > 6.0:
        return a + 1 / a, 1 / a**2
    above = erfc(a / sqrt(2)) / 2
    lift = exp(-a * a / 2) / sqrt(2 * pi) / above
    return lift, max(1e-3, 1 - lift * (lift - a))
