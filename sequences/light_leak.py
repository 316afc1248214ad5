"""Tells stray light in a dark: by its level, across the frame, and by how it follows the Sun. Pure: numpy.

A bias taken beside each dark is taken off it, so that a bias level that wanders from night to night is no
leak. What is left is compared with the dark current that the library's masters tell of, block by block.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Blocks along each side, and pixels along a block's side: at least so many, and about so many looked at.
_BLOCKS, _LEAST_PX, _LOOKED_AT_PX = 8, 16, 64
_IQR_TO_SIGMA = 0.7413
# What neither noise nor half a degree (6 % of the dark current) explains; a warming sensor explains more.
_ADU, _SIGMAS, _SHARE, _SHARE_UNCOOLED = 1.5, 6.0, 0.15, 0.6
# A first look, without a library: no cooled sensor's dark current, and no amplifier's glow, is so bright.
_BRIGHTEST_ADU_PER_S = 5.0
# Below this Sun no light is left to follow; a fit of fewer frames, or of ones so short, says nothing.
_SUN_GONE_DEG, _FEWEST, _SHORTEST_S = -15.0, 6, 10.0


@dataclass(frozen=True)
class Look:
    """A frame in small: the mean of each block's middle half in ADU, float64 [rows, columns], and its noise.

    Hot pixels are not in the middle half.
    """

    exposure_s: float
    sun_altitude_deg: float
    grid: Floats
    sigma_adu: float


def look_at(pixels: NDArray[Any], exposure_s: float, sun_altitude_deg: float) -> Look:
    """Return the look of a frame, [rows, columns] of any number type."""
    counts = [max(1, min(_BLOCKS, length // _LEAST_PX)) for length in pixels.shape]
    sides = [length // count for length, count in zip(pixels.shape, counts, strict=True)]
    # An odd step meets every colour of a mosaic.
    every = [max(1, side // _LOOKED_AT_PX) | 1 for side in sides]
    (rows, columns), (height, width) = counts, sides
    blocks = pixels[: rows * height, : columns * width].reshape(rows, height, columns, width)
    values = blocks[:, :: every[0], :, :: every[1]].transpose(0, 2, 1, 3).reshape(rows, columns, -1)
    values = np.sort(values.astype(np.float64), axis=2)
    low, high = values.shape[2] // 4, values.shape[2] - values.shape[2] // 4
    sigma = _IQR_TO_SIGMA * float(np.median(values[:, :, high - 1] - values[:, :, low]))
    # Whole numbers that hardly vary have a noise of their own.
    noise = max(sigma, 0.5) * float(np.sqrt(1.2 / values.shape[2]))
    return Look(exposure_s, sun_altitude_deg, values[:, :, low:high].mean(axis=2), noise)


@dataclass(frozen=True)
class DarkModel:
    """What the library's masters tell: by exposure in s the blocks of dark current in ADU, bias taken off."""

    grids: Mapping[float, Floats]

    def expected(self, exposure_s: float, shape: tuple[int, ...]) -> Floats | None:
        """Dark current in between by straight lines through none at 0 s; None for frames of another size."""
        known = sorted((s, grid) for s, grid in self.grids.items() if grid.shape == shape and s > 0)
        if not known:
            return None
        below_s, below = 0.0, np.zeros(shape)
        for above_s, above in known:
            if exposure_s <= above_s:
                return np.asarray(below + (above - below) * (exposure_s - below_s) / (above_s - below_s))
            below_s, below = above_s, above
        return np.asarray(below * exposure_s / below_s)

    def stretch(self, exposure_s: float) -> float:
        """How many times its longest exposure this one is, at least 1: its noise grows so."""
        return max(1.0, exposure_s / max(self.grids))


class Sentinel:
    """Looks at the darks of one run in turn; `cooled`: the sensor is held at a temperature.

    Without a `model` of frames of this size the first two looks make one, if they agree.
    """

    def __init__(self, model: DarkModel | None, *, cooled: bool) -> None:
        self._model = model
        self._share = _SHARE if cooled else _SHARE_UNCOOLED
        self._bias: Look | None = None
        self._first: Look | None = None
        self._rates: list[tuple[float, float]] = []
        self.excess_adu = 0.0

    def knows(self, shape: tuple[int, ...]) -> bool:
        """Whether it has something to compare such a grid with."""
        return self._model is not None and self._model.expected(1.0, shape) is not None

    def see_bias(self, look: Look) -> None:
        """Take this bias off all darks from now on."""
        self._bias = look

    def see(self, look: Look) -> str | None:
        """Say why this dark holds stray light; None when it does not. `excess_adu` tells how much is over.

        Show it a bias of the same size before.
        """
        assert self._bias is not None, "see_bias first"
        dark = look.grid - self._bias.grid
        sigma = float(np.hypot(look.sigma_adu, self._bias.sigma_adu))
        if not self.knows(dark.shape):
            return self._begin(look, dark, sigma)
        assert self._model is not None
        expected = self._model.expected(look.exposure_s, dark.shape)
        assert expected is not None
        return self._compare(look, dark, expected, sigma * self._model.stretch(look.exposure_s))

    def _begin(self, look: Look, dark: Floats, sigma: float) -> str | None:
        """The first looks: not too bright, and two of one exposure that agree."""
        self.excess_adu = level = float(np.median(dark))
        if level > _BRIGHTEST_ADU_PER_S * look.exposure_s + _ADU + _SIGMAS * sigma:
            return (
                f"{level:.0f} ADU above bias after {look.exposure_s:g} s, and the library knows no dark yet"
            )
        if self._first is None or self._first.exposure_s != look.exposure_s:
            self._first = Look(look.exposure_s, look.sun_altitude_deg, dark, sigma)
            return None
        reason = self._compare(look, dark, self._first.grid, sigma)
        if reason is None:
            self._model = DarkModel({look.exposure_s: (dark + self._first.grid) / 2})
        return reason and f"two darks differ: {reason}"

    def _compare(self, look: Look, dark: Floats, expected: Floats, sigma: float) -> str | None:
        left = dark - expected
        self.excess_adu = level = float(np.median(left))
        current = max(0.0, float(np.median(expected)))
        level_sigma = sigma / np.sqrt(left.size)
        limit = _ADU + _SIGMAS * level_sigma + self._share * current
        after = f"after {look.exposure_s:g} s, Sun at {look.sun_altitude_deg:.0f} deg"
        if level > limit:
            return f"{level:.1f} ADU over the dark that is expected {after}"
        # One block's noise and its own dark current; light falls on many blocks, and not evenly.
        uneven = left - level
        reach = _ADU + _SIGMAS * sigma + self._share * np.maximum(expected, current)
        if np.count_nonzero(uneven > reach) > left.size // 32:
            return f"it is brighter by up to {float(uneven.max()):.1f} ADU on a part of the frame {after}"
        gradient, gradient_sigma = _gradient(left, sigma)
        if gradient > _ADU + _SIGMAS * gradient_sigma + self._share * float(np.ptp(expected) + current):
            return f"a gradient of {gradient:.1f} ADU from corner to corner {after}"
        return self._follows_the_sun(look, level)

    def _follows_the_sun(self, look: Look, level: float) -> str | None:
        """Whether what is over, frame by frame too little to tell, rises and falls with the Sun."""
        if look.exposure_s < _SHORTEST_S:
            return None
        self._rates.append((look.sun_altitude_deg, level / look.exposure_s))
        sun, rate = (np.array(values) for values in zip(*self._rates, strict=True))
        if len(rate) < _FEWEST or sun.max() < _SUN_GONE_DEG:
            return None
        # Twilight fades by a factor e or more a degree; by day the light rises more slowly.
        light = np.where(sun < 0, np.exp(np.minimum(sun, 0.0)), 1.0 + np.maximum(sun, 0.0))
        light = light / light.max()
        spread = light - light.mean()
        if float(np.ptp(light)) < 0.5:
            return None
        slope = float(spread @ rate / (spread @ spread))
        scatter = rate - rate.mean() - slope * spread
        slope_sigma = float(np.sqrt(scatter @ scatter / (len(rate) - 2) / (spread @ spread)))
        if slope > _SIGMAS * slope_sigma and slope * look.exposure_s > _ADU / 2:
            return (
                f"the level follows the Sun, by {slope:.3f} ADU/s from {sun.min():.0f} to {sun.max():.0f} deg"
            )
        return None


def _gradient(grid: Floats, sigma: float) -> tuple[float, float]:
    """The plane fitted to a grid, |b| + |c| from corner to corner, and its noise."""
    rows, columns = grid.shape
    if min(rows, columns) < 2:
        return 0.0, 0.0
    y = (np.arange(rows) - (rows - 1) / 2) / rows
    x = (np.arange(columns) - (columns - 1) / 2) / columns
    along_y = float(y @ grid.mean(axis=1) / (y @ y))
    along_x = float(x @ grid.mean(axis=0) / (x @ x))
    noise = sigma * float(np.sqrt(1 / (columns * (y @ y)) + 1 / (rows * (x @ x))))
    return abs(along_x) + abs(along_y), noise
