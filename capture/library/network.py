"""Sorting by a network of compare-exchanges, over whole rows at once.

Batcher's odd-even merge sort (Knuth, The Art of Computer Programming, vol. 3, 5.2.2, Algorithm M): which
places are compared does not depend on the values, so numpy compares thousands of pixels with two calls.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pair = tuple[int, int]


@cache
def network(count: int, wanted: frozenset[int] | None = None) -> tuple[Pair, ...]:
    """Compare-exchanges that sort `count` places, pruned to what the `wanted` places need (None: all)."""
    pairs: list[Pair] = []
    p = 1 << max(0, (count - 1).bit_length() - 1)
    step = p
    while step > 0:
        q, r, distance = p, 0, step
        while distance > 0:
            pairs += [(i, i + distance) for i in range(count - distance) if i & step == r]
            distance, q, r = q - step, q >> 1, step
        step >>= 1
    if wanted is None:
        return tuple(pairs)
    needed, kept = set(wanted), []
    for low, high in reversed(pairs):
        if low in needed or high in needed:
            needed |= {low, high}
            kept.append((low, high))
    return tuple(reversed(kept))


def middle(count: int) -> frozenset[int]:
    """The places of the median among `count` sorted values: one, or two."""
    return frozenset({(count - 1) // 2, count // 2})


def sort_rows(rows: list[NDArray[Any]], spare: NDArray[Any], pairs: tuple[Pair, ...]) -> NDArray[Any]:
    """Put the network's result into the list `rows`, arrays of one shape and type, in place.

    `spare` is another such array. The arrays change places instead of being copied, so the one that is
    spare afterwards is returned.
    """
    for low, high in pairs:
        np.minimum(rows[low], rows[high], out=spare)
        np.maximum(rows[low], rows[high], out=rows[high])
        rows[low], spare = spare, rows[low]
    return spare
