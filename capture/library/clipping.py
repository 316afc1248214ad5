"""What is rejected, and what combines a tile: numpy, or the compiled functions of nightcal[fast]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

SMALL_SET = 10
# A deviation from the median absolute deviation, for normal noise: 1 / the normal quantile of 3/4.
MAD_TO_SIGMA = 1.482602218505602
# So many differences of 16 bits, in halves, add up exactly in float32.
EXACT_COUNT = 128
# Far above the rounding of float32 in the sum of so many squares: who is near the limit is computed exactly.
DOUBT = 1e-3
LEAST_SIGMA = 1e-6


@dataclass(frozen=True)
class Clipping:
    """Values further than `sigma` deviations from the median are rejected, up to `iterations` times.

    The deviation is the standard deviation, or in sets of at most SMALL_SET frames the MAD: the outlier
    itself widens the standard deviation so much that 3 sigma reject none among 7 (with the mean, none among
    10). Whole numbers tell no MAD below half a step, so that is its least there: else a quiet bias, whose
    MAD is 0, would lose every value but the median.
    """

    sigma: float = 3.0
    iterations: int = 5


class Reduce(Protocol):
    """Makes one value of each column of a part of a band; see reduce_numpy.py."""

    def __call__(
        self,
        band: NDArray[Any],
        tile: slice,
        clipping: Clipping,
        zero: int,
        pixels: NDArray[np.float32],
        rejected: NDArray[np.uint16],
        /,
    ) -> None:
        """Fill `pixels` and `rejected`."""


class Reducers(NamedTuple):
    """One way to compute; its results equal those of any other, bit by bit."""

    clip: Reduce
    median: Reduce
    average: Reduce
