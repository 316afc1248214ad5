"""What is done to a light's pixels, in numbers, and what every way to compute it gives back.

In float32, each step rounded, in this order: values = raw; SATURATED where values >= saturation_adu;
HOT where dark > hot_adu; values -= dark (of a scaled one (dark - bias) x dark_scale + bias; without a dark
the bias); part = flat x flat_factor, UNLIT and LEAST_FLAT where that is less or NaN; values /= part; NO_VALUE
and 0 where the result is not finite; whole numbers: + PEDESTAL_ADU, rounded half to even, 0 to 65535.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np

from capture.store.fits_bands import PixelReader

# The bits of MASK; a pixel of 0 is good.
HOT, UNLIT, SATURATED, NO_VALUE = 1, 2, 4, 8
# A flat's pixels below this part of its mean are dust, edges or defects: lights are divided by this instead.
LEAST_FLAT = np.float32(0.2)
# Added to whole numbers, which know no sign; readers add PEDESTAL, its negative, to take it off.
PEDESTAL_ADU = 100


@dataclass(frozen=True)
class Recipe:
    """The files, all of one size, and the numbers; `whole` makes uint16, else float32 is made."""

    raw: PixelReader
    bias: PixelReader | None
    dark: PixelReader | None
    flat: PixelReader | None
    saturation_adu: np.float32
    hot_adu: np.float32
    dark_scale: np.float32
    flat_factor: np.float32
    whole: bool

    @property
    def readers(self) -> list[PixelReader]:
        """All files that are there, the light first."""
        return [one for one in (self.raw, self.bias, self.dark, self.flat) if one is not None]

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Of the pixels that are made."""
        return np.dtype(np.uint16) if self.whole else np.dtype(np.float32)


@dataclass
class Tally:
    """Pixels marked for each reason, the least value of a saturated one, and what is added to DATASUM."""

    hot: int = 0
    unlit: int = 0
    saturated: int = 0
    no_value: int = 0
    least_saturated_adu: float = float("inf")
    pixels_sum: int = 0
    mask_sum: int = 0

    def add(self, other: Tally) -> None:
        """Take in those of another piece."""
        self.hot += other.hot
        self.unlit += other.unlit
        self.saturated += other.saturated
        self.no_value += other.no_value
        # A sum with 0 has no sign where it is 0.
        self.least_saturated_adu = min(self.least_saturated_adu, other.least_saturated_adu) + 0.0
        self.pixels_sum += other.pixels_sum
        self.mask_sum += other.mask_sum


class Piece(NamedTuple):
    """Pixels as FITS stores them and their mask, both good until their thread makes the next piece."""

    stored: memoryview
    mask: memoryview
    tally: Tally


# Makes so many pixels (the second), at most MOST_PIXELS, from the first on, a multiple of 4. For any thread;
# raises StoreError.
MakePiece: TypeAlias = Callable[[int, int], Piece]
# One way to compute; the bytes it gives equal those of any other.
Way: TypeAlias = Callable[[Recipe], MakePiece]
# Pixels at once: smaller pieces spend more on calls, larger ones leave the processor's caches.
MOST_PIXELS = 1 << 17
