"""Pixels to a FITS data unit: big-endian, summed, in bands that stay in cache and on both of two cores.

A view that is the transpose of what the camera sent costs no copy of its own: the bands turn it.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Image: TypeAlias = NDArray[np.uint16] | NDArray[np.float32]

BLOCK = 2880
_BAND_BYTES = 4_000_000
_TURN_COLUMNS = 512
_THREADS = 2


def padded(length: int) -> int:
    """`length` bytes in whole FITS blocks."""
    return -(-length // BLOCK) * BLOCK


class DataUnit:
    """The data unit of `pixels`, uint16 or float32 [rows, columns], made band by band.

    Iterate over it once to get the bands in order, as they become ready; then `sum` is its checksum and
    `buffer` the whole, uint8, padded with zeros to whole blocks.
    """

    def __init__(self, pixels: Image) -> None:
        self._pixels = pixels
        rows, columns = pixels.shape
        self._item = pixels.dtype.itemsize
        size = rows * columns * self._item
        self.buffer = np.empty(padded(size), np.uint8)
        self.buffer[size:] = 0
        # An even number of rows keeps every band but the last a whole number of 32 bit words.
        self._band_rows = max(2, _BAND_BYTES // max(1, columns * self._item) // 2 * 2)
        self.sum = 0

    def __iter__(self) -> Iterator[memoryview]:
        starts = range(0, self._pixels.shape[0], self._band_rows)
        row_bytes = self._pixels.shape[1] * self._item
        total, done = 0, 0
        if len(starts) == 1:
            total += self._encode(0)
            yield self.buffer.data
        else:
            with ThreadPoolExecutor(_THREADS) as pool:
                for start, part in zip(starts, pool.map(self._encode, starts), strict=True):
                    total += part
                    end = min((start + self._band_rows) * row_bytes, len(self.buffer))
                    # The last band takes the padding with it.
                    end = len(self.buffer) if start == starts[-1] else end
                    yield self.buffer.data[done:end]
                    done = end
        self.sum = _fold(total)

    def _encode(self, start: int) -> int:
        """Encode one band into the buffer and return the sum of its big-endian 32 bit words."""
        band = self._pixels[start : start + self._band_rows]
        rows, columns = band.shape
        first = start * columns * self._item
        target = self.buffer[first : first + rows * columns * self._item]
        if band.dtype == np.float32:
            target.view(">f4").reshape(rows, columns)[...] = band
            return _sum_of_words(target)
        turned = _in_rows(band.view(np.uint16))
        # Subtracting BZERO 32768 is flipping the top bit, which cannot overflow.
        signed = np.bitwise_xor(turned, np.uint16(0x8000)).ravel()
        target.view(">u2")[...] = signed
        return _sum_of_halves(signed)


def ones_complement_sum(data: NDArray[np.uint8]) -> int:
    """The FITS checksum of bytes, a multiple of 4: the ones' complement sum of big-endian 32 bit words."""
    return _fold(_sum_of_words(data))


def _in_rows(band: NDArray[np.uint16]) -> NDArray[np.uint16]:
    if band.flags.c_contiguous:
        return band
    turned = np.empty(band.shape, np.uint16)
    for column in range(0, band.shape[1], _TURN_COLUMNS):
        turned[:, column : column + _TURN_COLUMNS] = band[:, column : column + _TURN_COLUMNS]
    return turned


def _sum_of_halves(halves: NDArray[np.uint16]) -> int:
    """The sum of the 32 bit words whose high and low halves follow each other in `halves`, zero-padded."""
    if halves.size % 2:
        halves = np.append(halves, np.uint16(0))
    # Little-endian machines see the second half as the high one.
    pairs = halves.view("<u4")
    both = int(pairs.sum(dtype=np.uint64))
    seconds = int((pairs >> np.uint32(16)).sum(dtype=np.uint64))
    firsts = both - (seconds << 16)
    return (firsts << 16) + seconds


def _sum_of_words(data: NDArray[np.uint8]) -> int:
    return int(data.view(">u4").sum(dtype=np.uint64))


def _fold(total: int) -> int:
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total
