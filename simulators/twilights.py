"""How the clear zenith fades with the Sun, as different people measured it: families of one sky.

Each gives V in mag/arcsec^2 against the Sun's altitude in degrees. `smooth` is a fit of our own (`sky.py`).
`patat` is Patat et al. 2006 (ESO) from -5 to -15 deg; `koomen_sp` and `koomen_md` are Koomen et al. 1952 at
Sacramento Peak and in Maryland, every 3 deg, by mu = 12.58 - 2.5 log10(10.764 c), c in candles/ft^2. `ing`
(log10 B = A - 0.103 t) and `tyson_gal` (0.0925 dex/min, Tyson & Gal 1993) are straight lines in time at 28.8
and 30 deg latitude at the equinox, so straight lines in altitude. Outside what was measured each runs on
smoothly into day and night.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulators.settings import SkyFamily

Array = NDArray[np.float64]
Knots = tuple[tuple[float, float], ...]


def _line(level_at_6: float, mag_per_deg: float) -> Knots:
    """A straight line from -1.5 to -10 deg, rounded off beyond."""
    straight = [(-h, level_at_6 + mag_per_deg * (h - 6.0)) for h in np.arange(1.5, 10.1, 0.5)]
    bright, dark = straight[0][1], straight[-1][1]
    day = [(0.0, bright - 1.2), (5.0, bright - 2.9), (20.0, bright - 4.2)]
    return (*day, *straight, (-12.0, dark + 1.8), (-15.0, dark + 3.6), (-18.0, dark + 4.5))


def _koomen(candles_per_ft2: tuple[float, ...]) -> Knots:
    mags = 12.58 - 2.5 * np.log10(10.764 * np.array(candles_per_ft2))
    measured = tuple((-3.0 * n, float(mag)) for n, mag in enumerate(mags))
    first, last = measured[0][1], measured[-1][1]
    return ((20.0, first - 2.9), (5.0, first - 1.7), *measured, (-18.0, last + 0.4))


_KNOTS: dict[SkyFamily, Knots] = {
    "patat": (
        (20.0, 3.9),
        (5.0, 5.2),
        (0.0, 6.85),
        (-2.0, 8.1),
        (-3.5, 9.75),
        *((-5.0 - x, 11.84 + 1.518 * x - 0.057 * x * x) for x in np.arange(0, 10.5, 0.5)),
        (-18.0, 21.9),
    ),
    "koomen_sp": _koomen((8.0, 1.0, 0.022, 7.5e-4, 7.6e-5, 2e-5)),
    "koomen_md": _koomen((15.0, 2.0, 0.06, 1.5e-3, 1.2e-4, 4e-5)),
    "ing": _line(13.6, 1.175),
    "tyson_gal": _line(13.3, 1.068),
}

# How much of the drift of colours that Patat found (`sky.colour_mag`) each family has.
COLOUR_PART: dict[SkyFamily, float] = {
    "smooth": 1.0, "patat": 1.0, "koomen_sp": 0.5, "koomen_md": 0.5, "ing": 0.0, "tyson_gal": 0.0,
}  # fmt: skip


@lru_cache(maxsize=8)
def _table(family: SkyFamily) -> tuple[Array, Array]:
    """Altitudes every 0.02 deg and V at each, by the monotone cubic through the knots (Fritsch & Carlson)."""
    h, mag = np.array(sorted(_KNOTS[family])).T
    gap, secant = np.diff(h), np.diff(mag) / np.diff(h)
    # The harmonic mean of the neighbouring secants keeps the curve monotone.
    inner = 2 * secant[1:] * secant[:-1] / (secant[1:] + secant[:-1])
    slope = np.concatenate(([secant[0]], inner, [secant[-1]]))
    x = np.arange(h[0], h[-1] + 0.01, 0.02)
    k = np.clip(np.searchsorted(h, x, side="right") - 1, 0, len(gap) - 1)
    s = np.clip((x - h[k]) / gap[k], 0.0, 1.0)
    curve = mag[k] * (1 + 2 * s) * (1 - s) ** 2 + mag[k + 1] * s * s * (3 - 2 * s)
    return x, curve + gap[k] * (slope[k] * s * (1 - s) ** 2 - slope[k + 1] * s * s * (1 - s))


def zenith_mag(family: SkyFamily, sun_altitude_deg: ArrayLike) -> Array:
    """Return V of the clear zenith in mag/arcsec^2, of the altitudes' shape; `smooth` is not among these."""
    altitudes, mags = _table(family)
    return np.asarray(np.interp(np.asarray(sun_altitude_deg, dtype=np.float64), altitudes, mags))
