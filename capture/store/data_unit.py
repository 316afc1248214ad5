"""Pixels to a FITS data unit: big-endian and summed, in bands that stay in cache, made ahead on another core.

A view that is the transpose of what the camera sent costs no copy of its own: the bands turn it.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Image: TypeAlias = NDArray[np.uint16] | NDArray[np.float32]
Bytes: TypeAlias = NDArray[np.uint8]

BLOCK = 2880
_BAND_BYTES = 4_000_000
_TURN_COLUMNS = 512
# One thread makes them faster than they can be hashed; more would only take the hash's core.
_BANDS_AHEAD = 3
# So many pixels can be summed, four at once, before a sum of single pixels leaves 32 bits.
_LONGEST_LINE = 4 * 65_536
_SUMMED_BYTES = 800_000
_32_BITS = 0xFFFFFFFF
# The bytes that flip the top bit of a stored pixel: subtracting BZERO 32768, which cannot overflow.
_STORED_TOP_BIT = np.frombuffer(b"\x80\x00", np.uint16)[0]


def padded(length: int) -> int:
    """`length` bytes in whole FITS blocks."""
    return -(-length // BLOCK) * BLOCK


class DataUnit:
    """The data unit of `pixels`, uint16 or float32 [rows, columns], made band by band within its `with`.

    Iterate over it once to get the bands in order, padded with zeros to whole blocks. A band is good until
    the next one is asked for: a few buffers go round, so that no second image is ever held.
    """

    def __init__(self, pixels: Image) -> None:
        self._pixels = pixels
        rows, columns = pixels.shape
        row_bytes = columns * pixels.dtype.itemsize
        # An even number of rows keeps every band but the last a whole number of 32 bit words.
        self._band_rows = max(2, _BAND_BYTES // max(1, row_bytes) // 2 * 2)
        self._starts = iter(range(0, rows, self._band_rows))
        self._padding = padded(rows * row_bytes) - rows * row_bytes
        self._buffer_bytes = min(rows, self._band_rows) * row_bytes + self._padding
        self._coming: deque[tuple[Bytes, Future[memoryview]]] = deque()
        self._pool = ThreadPoolExecutor(1)

    def __enter__(self) -> DataUnit:
        rows = self._pixels.shape[0]
        for _ in range(min(_BANDS_AHEAD, -(-rows // self._band_rows))):
            self._encode_next(np.empty(self._buffer_bytes, np.uint8))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def __iter__(self) -> Iterator[memoryview]:
        while self._coming:
            buffer, band = self._coming.popleft()
            yield band.result()
            self._encode_next(buffer)

    def sum(self) -> int:
        """Its FITS checksum, the ones' complement sum of its 32 bit words, before any band is asked for."""
        lines = self._pixels.T
        columns, rows = lines.shape
        if lines.dtype == np.uint16 and columns % 2 == 0 and rows <= _LONGEST_LINE:
            # Pixels of even columns are the high halves of words, those of odd ones the low halves.
            sums = _sums_of_stored(lines.view(np.uint16))
            return _fold((int(sums[0::2].sum()) << 16) + int(sums[1::2].sum()))
        buffer = np.empty(self._buffer_bytes, np.uint8)
        starts = range(0, rows, self._band_rows)
        return _fold(
            sum(_sum_of_words(np.frombuffer(self._encode(start, buffer), np.uint8)) for start in starts)
        )

    def _encode_next(self, buffer: Bytes) -> None:
        start = next(self._starts, None)
        if start is not None:
            self._coming.append((buffer, self._pool.submit(self._encode, start, buffer)))

    def _encode(self, start: int, buffer: Bytes) -> memoryview:
        """Encode the band that begins at row `start` into `buffer`; the last one takes the padding."""
        band = self._pixels[start : start + self._band_rows]
        stored = buffer[: band.nbytes]
        target = stored.view(band.dtype.newbyteorder(">")).reshape(band.shape)
        for column in range(0, band.shape[1], _TURN_COLUMNS):
            target[:, column : column + _TURN_COLUMNS] = band[:, column : column + _TURN_COLUMNS]
        if band.dtype == np.uint16:
            words = stored.view(np.uint16)
            np.bitwise_xor(words, _STORED_TOP_BIT, out=words)
        if start + self._band_rows < self._pixels.shape[0]:
            return stored.data
        buffer[band.nbytes : band.nbytes + self._padding] = 0
        return buffer[: band.nbytes + self._padding].data


def ones_complement_sum(data: Bytes) -> int:
    """The FITS checksum of bytes, a multiple of 4: the ones' complement sum of big-endian 32 bit words."""
    return _fold(_sum_of_words(data))


def sum_of_halves(values: NDArray[np.int16]) -> int:
    """What int16 values, contiguous and in the machine's byte order, add to DATASUM before it is folded.

    Their pairs in memory are the words of the file with their halves exchanged, and in a ones' complement sum
    that is a turn of the total by 16 bits. An odd value at the end is padded with zeros as the file is.
    """
    fours = values[: values.size // 4 * 4].view(np.uint64)
    wrapped, upper = int(np.add.reduce(fours)), int(np.add.reduce(fours >> np.uint64(32)))
    total = upper + ((wrapped - (upper << 32)) & 0xFFFFFFFFFFFFFFFF)
    for place, value in enumerate(values[fours.size * 4 :]):
        total += (int(value) & 0xFFFF) << (16 * (place % 2))
    if sys.byteorder == "big":
        return total
    return total << 16


def _sums_of_stored(lines: NDArray[np.uint16]) -> NDArray[np.uint64]:
    """For each of `lines`, [lines, pixels], the sum of its pixels as stored: 16 bits without a sign each.

    Four pixels go into one 64 bit addition, the fastest that there is. Their sum wraps; but the sum of every
    second pixel is taken apart, exactly, and with that subtracted the others' sums fit.
    """
    count, pixels = lines.shape
    words = -(-pixels // 4)
    at_once = max(1, _SUMMED_BYTES // (8 * words))
    stored = np.zeros((at_once, 4 * words), np.uint16)
    seconds = np.empty((at_once, 2 * words), np.uint32)
    rest, apart = np.empty((2, count), np.uint64)
    for first in range(0, count, at_once):
        part = lines[first : first + at_once]
        here, beside = stored[: len(part)], seconds[: len(part)]
        np.bitwise_xor(part, np.uint16(0x8000), out=here[:, :pixels])
        np.right_shift(here.view(np.uint32), np.uint32(16), out=beside)
        here.view(np.uint64).sum(axis=1, out=rest[first : first + at_once])
        beside.view(np.uint64).sum(axis=1, out=apart[first : first + at_once])
    rest -= apart << np.uint64(16)
    low, high = np.uint64(_32_BITS), np.uint64(32)
    sums: NDArray[np.uint64] = (rest & low) + (rest >> high) + (apart & low) + (apart >> high)
    return sums


def _sum_of_words(data: Bytes) -> int:
    return int(data.view(">u4").sum(dtype=np.uint64))


def _fold(total: int) -> int:
    while total >> 32:
        total = (total & _32_BITS) + (total >> 32)
    return total
