"""Stars: the same field at the same place of the sky, for ever, by seed.

The sky is cut into cells of about half a degree; each has its own stars down to V = 16 with the counts of
middle galactic latitudes (about 1,200 per square degree, log N growing by 0.35 per magnitude).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Map = NDArray[np.float32]

_CELL_DEG = 0.5
_FAINTEST = 16.0
_PER_SQUARE_DEG = 1200.0

# The integral of a Gaussian of unit width, as a table: numpy has no erf.
_GRID = np.linspace(-6, 6, 4801)
_CUMULATIVE = np.cumsum(np.exp(-(_GRID**2) / 2)) * (_GRID[1] - _GRID[0]) / np.sqrt(2 * np.pi)


@lru_cache(maxsize=512)
def _cell(seed: int, band: int, index: int, cells: int) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng((seed, 301, band, index))
    low = band * _CELL_DEG - 90
    width = 360 / cells
    area = width * np.cos(np.radians(low + _CELL_DEG / 2)) * _CELL_DEG
    count = rng.poisson(_PER_SQUARE_DEG * max(area, 0))
    ra = (index + rng.random(count)) * width
    dec = low + rng.random(count) * _CELL_DEG
    return ra, dec, _FAINTEST + np.log10(1 - rng.random(count)) / 0.35


def stars_near(seed: int, ra_deg: float, dec_deg: float, radius_deg: float) -> tuple[Array, Array, Array]:
    """Return right ascension, declination and V magnitude of the stars in the cells around a point."""
    parts = []
    first, last = (int((d + 90) // _CELL_DEG) for d in (dec_deg - radius_deg, dec_deg + radius_deg))
    for band in range(max(first, 0), min(last, int(180 / _CELL_DEG) - 1) + 1):
        cosine = max(float(np.cos(np.radians(band * _CELL_DEG - 90 + _CELL_DEG / 2))), 0.01)
        cells = max(1, int(360 * cosine / _CELL_DEG))
        reach = min(radius_deg / cosine, 180.0)
        start, stop = (int(np.floor(r / 360 * cells)) for r in (ra_deg - reach, ra_deg + reach))
        for index in range(start, min(stop, start + cells - 1) + 1):
            parts.append(_cell(seed, band, index % cells, cells))
    if not parts:
        return np.empty(0), np.empty(0), np.empty(0)
    ra, dec, mag = (np.concatenate(p) for p in zip(*parts, strict=True))
    return ra, dec, mag


@dataclass(frozen=True)
class Field:
    """How stars fall on a sensor: its size, plate scale and blur, and where the mount looked."""

    width_px: int
    height_px: int
    px_per_deg: float
    sigma_px: float
    start_ra_dec: tuple[float, float]
    end_ra_dec: tuple[float, float]


def _project(field: Field, ra: Array, dec: Array, centre: tuple[float, float]) -> tuple[Array, Array]:
    east = ((ra - centre[0] + 180) % 360 - 180) * np.cos(np.radians(dec))
    x = (field.width_px - 1) / 2 - east * field.px_per_deg
    return x, (field.height_px - 1) / 2 + (dec - centre[1]) * field.px_per_deg


def _under(edges: Array) -> Array:
    return np.asarray(np.interp(edges, _GRID, _CUMULATIVE))


def star_map(seed: int, field: Field, e_per_mag0: float, faintest_e: float) -> Map | None:
    """Return the stars' electrons, float32 of shape (height, width), or None when none shows.

    `e_per_mag0` is what a star of V = 0 gives in the whole exposure; a star is drawn when its brightest
    pixel holds more than `faintest_e`. A mount that does not follow the sky draws trails.
    """
    (ra0, dec0), (ra1, dec1) = field.start_ra_dec, field.end_ra_dec
    turn = (ra1 - ra0 + 180) % 360 - 180
    middle = (ra0 + turn / 2, (dec0 + dec1) / 2)
    half = np.hypot(field.width_px, field.height_px) / 2 / field.px_per_deg
    trail_deg = float(np.hypot(turn * np.cos(np.radians(middle[1])), dec1 - dec0))
    ra, dec, mag = stars_near(seed, *middle, half + min(trail_deg, 5.0) / 2 + 0.02)
    total = e_per_mag0 * 10 ** (-0.4 * mag)
    width = 2.5 * field.sigma_px
    shows = total / (width * max(width, trail_deg * field.px_per_deg)) > faintest_e
    if not shows.any():
        return None
    xa, ya = _project(field, ra[shows], dec[shows], field.start_ra_dec)
    xb, yb = _project(field, ra[shows], dec[shows], field.end_ra_dec)
    out: Map | None = None
    margin = 4 * field.sigma_px + 1
    for x0, x1, y0, y1, e in zip(xa, xb, ya, yb, total[shows], strict=True):
        left, right = max(0, int(min(x0, x1) - margin)), min(field.width_px, int(max(x0, x1) + margin) + 1)
        low, high = max(0, int(min(y0, y1) - margin)), min(field.height_px, int(max(y0, y1) + margin) + 1)
        if left >= right or low >= high:
            continue
        if out is None:
            out = np.zeros((field.height_px, field.width_px), dtype=np.float32)
        out[low:high, left:right] += e * _trail(field.sigma_px, x0, x1, y0, y1, (left, right, low, high))
    return out


def _trail(sigma: float, x0: float, x1: float, y0: float, y1: float, box: tuple[int, int, int, int]) -> Map:
    """Return a Gaussian spot drawn from (x0, y0) to (x1, y1), of unit sum, over a box of pixels.

    Along x it is the exact integral; along y it follows the trail's slope, column by column.
    """
    left, right, low, high = box
    columns = np.arange(left, right, dtype=np.float64)
    length = abs(x1 - x0)
    if length > 1e-3:
        span = (_under((columns - min(x0, x1)) / sigma) - _under((columns - max(x0, x1)) / sigma)) / length
        at = y0 + (y1 - y0) * np.clip((columns - x0) / (x1 - x0), 0, 1)
    else:
        span = _under((columns + 0.5 - x0) / sigma) - _under((columns - 0.5 - x0) / sigma)
        at = np.full_like(columns, (y0 + y1) / 2)
    rows = np.arange(low, high, dtype=np.float64)[:, None]
    spread = np.exp(-((rows - at) ** 2) / (2 * sigma * sigma)) / (sigma * np.sqrt(2 * np.pi))
    return np.asarray(spread * span, dtype=np.float32)
