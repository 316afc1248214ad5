"""Figures of a camera from its calibration frames; pure functions of arrays [rows, columns] in ADU.

Sources: shared practice of sensor tests, as EMVA 1288 (photon transfer, linearity) and Janesick,
"Photon Transfer" (2007), chapters 5 and 8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from capture.library.measure import scatter_adu

Image = NDArray[Any]

_MAD_TO_SIGMA = 1.482602218505602
# Light changes little over so many pixels, and they are enough for a variance.
_BLOCK_PX = 32
# Vignetting and the sky's gradient are wider than this, dust is not.
_SMOOTH_PX = 128
_DUST_BIN_PX = 4
# What is looked for at least: a mote of less than a hundredth spoils no photometry.
_LEAST_DUST = 0.01
_HOT_READ_NOISES = 5.0


def middle(image: Image, side_px: int = 2048) -> NDArray[np.float32]:
    """The middle of an image as float32, at most so many pixels a side and of even size."""
    rows, columns = (min(size, side_px) // 2 * 2 for size in image.shape)
    top, left = (image.shape[0] - rows) // 2, (image.shape[1] - columns) // 2
    return image[top : top + rows, left : left + columns].astype(np.float32)


def gain_e_per_adu(
    flats: tuple[Image, Image], biases: tuple[Image, Image], *, mosaic: bool = False
) -> float | None:
    """Electrons per ADU by photon transfer from two flats and two bias frames; None when they cannot tell.

    g = S1 (1 + r) / (var(F1 - r F2) - (1 + r^2) R^2), with S the flats' levels above bias, r = S1 / S2 and
    R^2 = var(B1 - B2) / 2: at r = 1 the usual [(F1+F2) - (B1+B2)] / [var(dF) - var(dB)]. The variances are
    medians over blocks, so that neither the sky's gradient nor stars count. Of a colour sensor's `mosaic` one
    plane is used.
    """
    f1, f2, b1, b2 = (middle(image[::2, ::2] if mosaic else image) for image in (*flats, *biases))
    bias = (b1 + b2) / 2
    light = [_blocks((f - bias).astype(np.float32)) for f in (f1, f2)]
    level = [float(np.median(blocks.mean(axis=1))) for blocks in light]
    if min(level) <= 0:
        return None
    ratio = level[0] / level[1]
    read_variance = _block_variance(_blocks(b1 - b2)) / 2
    variance = _block_variance(light[0] - np.float32(ratio) * light[1]) - (1 + ratio**2) * read_variance
    if variance <= 0:
        return None
    return level[0] * (1 + ratio) / variance


def fixed_pattern_adu(master: Image, noise_adu: float) -> float:
    """What stays from frame to frame: the scatter of a master over its pixels, less its own noise."""
    pixels = middle(master)
    scatter = _scatter(pixels - np.median(pixels))
    return float(max(0.0, scatter**2 - noise_adu**2) ** 0.5)


@dataclass(frozen=True)
class Pattern:
    """Noise with a pattern, in ADU: of whole rows, of whole columns, and the strongest wave.

    `wave_over_chance`: its power over what pure noise would reach with one chance in a thousand.
    """

    rows_adu: float
    columns_adu: float
    wave_adu: float
    wave_over_chance: float


def pattern_noise(one: Image, other: Image) -> Pattern:
    """Of one frame, from the difference of two of a set, in which all that is fixed drops out."""
    difference = middle(one, 1024) - middle(other, 1024)
    difference -= np.median(difference)
    sigma = _scatter(difference)
    # Cosmic rays and unsteady pixels are no pattern.
    difference[np.abs(difference) > 5 * sigma] = 0
    rows, columns = difference.shape
    means = difference.mean(axis=1), difference.mean(axis=0)
    lines = [
        max(0.0, float(of.var(dtype=np.float64)) - sigma**2 / across) ** 0.5 / 2**0.5
        for of, across in zip(means, (columns, rows), strict=True)
    ]
    power = np.abs(np.fft.rfft2(difference)) ** 2
    # Slow drifts are told by the rows and columns.
    power[:3, :3] = 0
    power[-2:, :3] = 0
    strongest = float(power.max())
    # Of n waves of pure noise the strongest exceeds this power with a chance of 1/1000.
    chance = difference.size * sigma**2 * np.log(1000 * power.size) if sigma else 0.0
    over = strongest / chance if chance else 0.0
    return Pattern(lines[0], lines[1], 2 * strongest**0.5 / difference.size / 2**0.5, over)


def hot_pixels(dark: Image, read_noise_adu: float) -> int:
    """Pixels of a master dark that stand more than 5 read noises of a single frame above its median."""
    return int(np.count_nonzero(dark > np.median(dark) + _HOT_READ_NOISES * read_noise_adu))


@dataclass(frozen=True)
class DarkLine:
    """Dark signal against exposure: `rate_adu_s`, and the greatest distance from the line over its range."""

    rate_adu_s: float
    nonlinearity: float


def dark_line(exposures_s: Sequence[float], levels_adu: Sequence[float]) -> DarkLine | None:
    """The straight line through the levels above bias of darks of three or more exposures; None with fewer.

    The distance from it is a fraction of the levels' range; None too when there is no dark signal to speak of
    (below 1 ADU), which tells nothing.
    """
    if len(set(exposures_s)) < 3:
        return None
    x, y = np.asarray(exposures_s, float), np.asarray(levels_adu, float)
    span = float(y.max() - y.min())
    if span < 1.0:
        return None
    slope, start = np.polyfit(x, y, 1)
    return DarkLine(float(slope), float(np.abs(y - (slope * x + start)).max()) / span)


@dataclass(frozen=True)
class Dust:
    """What differs between two flats: the fraction of the sensor, and the deepest spot at (row, column)."""

    fraction: float
    deepest: float
    row_px: int
    column_px: int


def dust_moved(new: Image, old: Image) -> Dust:
    """New and gone dust, from the high-passed ratio of a new master flat to an older one."""
    rows, columns = (size // _DUST_BIN_PX for size in new.shape)

    def binned(image: Image) -> NDArray[np.float64]:
        cut = image[: rows * _DUST_BIN_PX, : columns * _DUST_BIN_PX].astype(np.float64)
        means: NDArray[np.float64] = cut.reshape(rows, _DUST_BIN_PX, columns, _DUST_BIN_PX).mean(axis=(1, 3))
        return means

    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = binned(new) / binned(old)
    ratio = np.where(np.isfinite(ratio), ratio, np.nan)
    high = ratio / _smooth(ratio, _SMOOTH_PX // _DUST_BIN_PX) - 1
    high = np.nan_to_num(high)
    limit = max(_LEAST_DUST, 6 * _scatter(high))
    spots = np.abs(high) > limit
    if not spots.any():
        return Dust(0.0, 0.0, 0, 0)
    row, column = np.unravel_index(np.argmax(np.where(spots, np.abs(high), 0)), high.shape)
    half = _DUST_BIN_PX // 2
    return Dust(
        float(spots.mean()),
        float(-high[row, column]),
        int(row) * _DUST_BIN_PX + half,
        int(column) * _DUST_BIN_PX + half,
    )


def shutter_pattern_s(short: Image, long: Image, bias: Image, short_s: float, long_s: float) -> float | None:
    """How much longer the middle is exposed than the corners, in seconds, by flats of two exposures.

    An iris opens from the middle: short flats are brighter there. With q the corners over the middle,
    q_short / q_long = 1 - dt (1 / t_short - 1 / t_long). None when the exposures differ by less than twice.
    """
    if long_s < 2 * short_s:
        return None

    def corners_over_middle(flat: Image) -> float:
        light = flat.astype(np.float32) - bias
        rows, columns = (max(1, size // 8) for size in light.shape)
        corners = [
            light[r, c]
            for r in (slice(rows), slice(-rows, None))
            for c in (slice(columns), slice(-columns, None))
        ]
        centre = light[
            (light.shape[0] - rows) // 2 : (light.shape[0] + rows) // 2 + 1,
            (light.shape[1] - columns) // 2 : (light.shape[1] + columns) // 2 + 1,
        ]
        return float(np.mean([np.median(corner) for corner in corners]) / np.median(centre))

    ratio = corners_over_middle(short) / corners_over_middle(long)
    return (1 - ratio) / (1 / short_s - 1 / long_s)


def noise_over_expected(new: Image, old: Image, new_noise_adu: float, old_noise_adu: float) -> float:
    """The noise by which two masters of one set differ, over that which raw / sqrt N promises."""
    a, b = middle(new), middle(old)
    measured = scatter_adu(a, b, float(np.median(a) / np.median(b)) if np.median(b) else 1.0) * 2**0.5
    expected = (new_noise_adu**2 + old_noise_adu**2) ** 0.5
    return measured / expected if expected > 0 else float("nan")


def _blocks(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """The image in whole blocks: [block, pixel]."""
    rows, columns = (size // _BLOCK_PX for size in image.shape)
    if not rows or not columns:
        return image.reshape(1, -1)
    cut = image[: rows * _BLOCK_PX, : columns * _BLOCK_PX]
    return cut.reshape(rows, _BLOCK_PX, columns, _BLOCK_PX).swapaxes(1, 2).reshape(rows * columns, -1)


def _block_variance(blocks: NDArray[np.float32]) -> float:
    return float(np.median(blocks.var(axis=1, ddof=1, dtype=np.float64)))


def _scatter(values: NDArray[Any]) -> float:
    return _MAD_TO_SIGMA * float(np.median(np.abs(values - np.median(values))))


def _smooth(image: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Medians over tiles of `side`, drawn smoothly over the image; a spot in a tile does not move them."""
    rows, columns = image.shape
    high, wide = max(1, rows // side), max(1, columns // side)
    tops, lefts = np.linspace(0, rows, high + 1).astype(int), np.linspace(0, columns, wide + 1).astype(int)
    grid = np.array(
        [
            [np.nanmedian(image[tops[r] : tops[r + 1], lefts[c] : lefts[c + 1]]) for c in range(wide)]
            for r in range(high)
        ]
    )
    at_rows = (tops[:-1] + tops[1:] - 1) / 2
    at_columns = (lefts[:-1] + lefts[1:] - 1) / 2
    along = np.array([np.interp(np.arange(columns), at_columns, line) for line in grid])
    return np.array([np.interp(np.arange(rows), at_rows, along[:, c]) for c in range(columns)]).T
