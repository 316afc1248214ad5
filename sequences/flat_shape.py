"""How the light falls across a flat, and what lies on it that is no sky. Pure: numpy on pixels.

A flat of any size is looked at through at most about a million of its pixels, so that 61 MP take a tenth of a
second and a few MB.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Blocks along each side, and pixels along a block's side: at least so many, which keeps the noise of their
# medians below the gates' limits even where a frame holds 1500 electrons, and so many looked at.
_LEAST_BLOCKS, _BLOCKS = 3, 32
_LEAST_PX, _LOOKED_AT_PX = 16, 20
# Where less light falls than this part of the middle, a flat corrects nothing.
_DARK = 0.2
_MAD_TO_SIGMA = 1.4826
_STAR_BLOCKS, _STAR_SIGMA = 1024, 4.0
_CLIP_SIGMA = 3.0


@dataclass(frozen=True)
class FlatShape:
    """Medians of blocks over the median of them all, float64 [colour planes, rows, columns]."""

    grid: Floats


@dataclass(frozen=True)
class Difference:
    """What one shape has that another has not, as fractions of the light.

    `gradient` is that of the plane fitted to their ratio, from corner to corner; `rms` and `worst` are what
    the plane leaves, over all blocks and of the block that is farthest off. A mosaic's are those of its worst
    colour.
    """

    gradient: float
    rms: float
    worst: float


def shape_of(pixels: NDArray[Any], bias_adu: float = 0.0, *, mosaic: bool = False) -> FlatShape | None:
    """Return the shape of a flat, [rows, columns] of any number type, `bias_adu` taken off.

    None when there is no light on it, or too few pixels. A `mosaic`'s four colour planes are looked at apart.
    """
    grids = [_block_medians(plane) - bias_adu for plane in _planes(pixels, mosaic=mosaic) if plane.size]
    middles = [float(np.median(grid)) for grid in grids if grid.size]
    if not middles or min(middles) <= 0:
        return None
    return FlatShape(np.array([grid / middle for grid, middle in zip(grids, middles, strict=True)]))


def difference(shape: FlatShape, reference: FlatShape) -> Difference | None:
    """Return what `shape` has over `reference`; None when they are of different sizes.

    For each colour the ratio r of their blocks, over its median, is fitted by r = a + b x + c y, with x and y
    from -1/2 to 1/2 across the frame, in least squares of what lies within 3 deviations. |b| + |c| is the
    gradient.
    """
    if shape.grid.shape != reference.grid.shape:
        return None
    found = [_difference(*grids) for grids in zip(shape.grid, reference.grid, strict=True)]
    return Difference(
        gradient=max(one.gradient for one in found),
        rms=max(one.rms for one in found),
        worst=max(one.worst for one in found),
    )


def median_shape(shapes: Sequence[FlatShape]) -> FlatShape:
    """Return the median of shapes of one size, block by block."""
    return FlatShape(np.asarray(np.median([shape.grid for shape in shapes], axis=0)))


def star_area(pixels: NDArray[Any], *, mosaic: bool = False) -> float:
    """Return the fraction of the pixels that stand 4 deviations above their surroundings.

    In up to 1024 blocks spread over the frame a plane is fitted, without what lies 3 deviations off it; the
    deviation is 1.4826 MAD of each block. Of a `mosaic` the brightest colour is looked at.
    """
    planes = _planes(pixels, mosaic=mosaic)
    plane = max(planes, key=_rough_level) if mosaic else planes[0]
    side = 32 if min(plane.shape) >= 256 else 16 if min(plane.shape) >= 64 else 8
    rows, columns = (length // side for length in plane.shape)
    if rows * columns == 0:
        return 0.0
    every = int(np.ceil(np.sqrt(rows * columns / _STAR_BLOCKS)))
    blocks = plane[: rows * side, : columns * side].reshape(rows, side, columns, side)[::every, :, ::every]
    blocks = blocks.transpose(0, 2, 1, 3).reshape(-1, side * side).astype(np.float32)
    blocks -= np.median(blocks, axis=1, keepdims=True)
    sigmas = _sigmas(blocks)
    reach = _CLIP_SIGMA * sigmas
    x = np.tile((np.arange(side) - (side - 1) / 2) / side, side)
    y = np.repeat((np.arange(side) - (side - 1) / 2) / side, side)
    terms = np.stack([np.ones_like(x), x, y]).astype(np.float32)
    fit = np.linalg.pinv(terms)
    blocks -= np.clip(blocks, -reach, reach) @ fit @ terms
    sigmas = _sigmas(blocks)
    # A block of whole numbers that hardly vary has no deviation of its own.
    sigmas = np.maximum(sigmas, 0.5 * float(np.median(sigmas)))
    return float(np.count_nonzero(blocks > _STAR_SIGMA * np.maximum(sigmas, 0.5)) / blocks.size)


def _planes(pixels: NDArray[Any], *, mosaic: bool) -> list[NDArray[Any]]:
    if not mosaic:
        return [pixels]
    return [pixels[row::2, column::2] for row in (0, 1) for column in (0, 1)]


def _rough_level(plane: NDArray[Any]) -> float:
    every = max(1, int((plane.size / 10_000) ** 0.5))
    return float(np.median(plane[::every, ::every]))


def _block_medians(plane: NDArray[Any]) -> Floats:
    """Medians of blocks, [rows, columns], each of at most about 20 x 20 of its pixels; empty of too few."""
    counts = [min(_BLOCKS, length // _LEAST_PX) for length in plane.shape]
    if min(counts) < _LEAST_BLOCKS:
        return np.empty((0, 0))
    sides = [length // count for length, count in zip(plane.shape, counts, strict=True)]
    every = [max(1, side // _LOOKED_AT_PX) for side in sides]
    (rows, columns), (height, width) = counts, sides
    blocks = plane[: rows * height, : columns * width].reshape(rows, height, columns, width)
    looked_at = blocks[:, :: every[0], :, :: every[1]].transpose(0, 2, 1, 3).reshape(rows, columns, -1)
    return np.asarray(np.median(looked_at.astype(np.float32), axis=2), dtype=np.float64)


def _difference(grid: Floats, reference: Floats) -> Difference:
    lit = (reference > _DARK) & (grid > 0)
    if np.count_nonzero(lit) <= 3:
        return Difference(1.0, 1.0, 1.0)
    ratio = grid[lit] / reference[lit]
    ratio /= np.median(ratio)
    rows, columns = grid.shape
    y, x = np.meshgrid(*((np.arange(n) - (n - 1) / 2) / n for n in (rows, columns)), indexing="ij")
    terms = np.stack([np.ones(ratio.size), x[lit], y[lit]], axis=1)
    kept = np.ones(ratio.size, dtype=bool)
    for _ in range(3):
        (level, along_x, along_y), *_ = np.linalg.lstsq(terms[kept], ratio[kept], rcond=None)
        left = ratio - terms @ (level, along_x, along_y)
        sigma = _MAD_TO_SIGMA * float(np.median(np.abs(left - np.median(left))))
        kept = np.abs(left) <= max(_CLIP_SIGMA * sigma, 1e-6)
    gradient = abs(along_x) + abs(along_y)
    return Difference(float(gradient), float(np.sqrt(np.mean(left**2))), float(np.abs(left).max()))


def _sigmas(blocks: NDArray[np.float32]) -> NDArray[np.float32]:
    """The deviation of each row about zero, as a column."""
    return np.asarray(_MAD_TO_SIGMA * np.median(np.abs(blocks), axis=1, keepdims=True), dtype=np.float32)
