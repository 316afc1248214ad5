"""FITS images read and written piece by piece, in any order and by several threads.

A piece is a range of pixels in the order of the file. Its sums add up to DATASUM whatever the order, as long
as each begins at a multiple of 4 pixels.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from capture.errors import StoreError
from capture.store.data_unit import BLOCK, ones_complement_sum, sum_of_halves
from capture.store.fits_file import header_length, structure

Values = NDArray[np.float32]

_STORED = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
_LONGEST_HEADER = 400 * BLOCK
_32_BITS = 0xFFFFFFFF


class PixelReader:
    """The primary image of a FITS file, plain and of any type, read as float32 in physical values."""

    def __init__(self, path: Path) -> None:
        """Open it. Raises StoreError when it is missing, cut off, or no image of two axes."""
        self.path = path
        self._lock = threading.Lock()
        self._sum = 0
        self._data_sum: int | None = None
        try:
            self._handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {error.strerror}") from error
        try:
            self._read_header()
        except (KeyError, ValueError) as error:
            os.close(self._handle)
            raise StoreError(f"{path} is no plain FITS image: {error}") from error
        except OSError as error:
            os.close(self._handle)
            raise StoreError(f"{path} cannot be read: {error.strerror}") from error
        except BaseException:
            os.close(self._handle)
            raise

    def __enter__(self) -> PixelReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._handle)

    @property
    def size_bytes(self) -> int:
        """How many bytes of pixels there are."""
        return self.shape[0] * self.shape[1] * self.stored_dtype.itemsize

    def read(self, first: int, into: Values) -> None:
        """Fill `into` with the pixels from `first` on. Raises StoreError when the file is cut off there."""
        data = self.read_stored(first, into.size)
        stored = np.frombuffer(data, self.stored_dtype)
        if self.stored_dtype == np.dtype(">i2"):
            # Swapped first and converted then: both are fast where one step of both is not.
            stored = stored.astype(np.int16)
        np.copyto(into, stored, casting="unsafe")
        if self._data_sum is not None:
            self.add_to_sum(_sum_of(data, stored, into))
        if self.scale != 1:
            into *= self.scale
        if self.zero:
            into += self.zero

    def read_stored(self, first: int, count: int) -> bytes:
        """The bytes of `count` pixels from `first` on, not summed. Raises StoreError as `read` does."""
        item = self.stored_dtype.itemsize
        try:
            data = os.pread(self._handle, count * item, self._start + first * item)
        except OSError as error:
            raise StoreError(f"{self.path} cannot be read: {error.strerror}") from error
        if len(data) != count * item:
            raise StoreError(f"{self.path} is cut off")
        return data

    def add_to_sum(self, total: int) -> None:
        """Note what pixels that were read add to DATASUM, folded or not."""
        with self._lock:
            self._sum += total

    def check(self) -> None:
        """Compare DATASUM, where there is one, with all that was read. Raises StoreError when they differ."""
        if self._data_sum is not None and self._sum % _32_BITS != self._data_sum % _32_BITS:
            raise StoreError(f"{self.path} is damaged: its pixels do not match their checksum (DATASUM)")

    def sample(self, count: int) -> Values:
        """About `count` pixels, spread over the image in short runs."""
        rows, columns = self.shape
        total, run = rows * columns, 1024
        kept = (self._sum, self._data_sum)
        self._data_sum = None
        parts = []
        for first in range(0, total, max(run, total // max(1, count // run))):
            part = np.empty(min(run, total - first), np.float32)
            self.read(first, part)
            parts.append(part)
        self._sum, self._data_sum = kept
        return np.concatenate(parts)

    def _read_header(self) -> None:
        start = b""
        while (end := header_length(start)) is None:
            more = os.pread(self._handle, 16 * BLOCK, len(start))
            start += more
            if not more or len(start) > _LONGEST_HEADER:
                raise StoreError(f"{self.path} has no whole FITS header: it was cut off, or is no FITS file")
        self.header, self._start = start[:end], end
        self.cards: Mapping[str, str] = structure(self.header)
        if self.cards["NAXIS"] != "2":
            raise ValueError(f"it has {self.cards['NAXIS']} axes")
        self.shape = (int(self.cards["NAXIS2"]), int(self.cards["NAXIS1"]))
        self.stored_dtype = np.dtype(_STORED[int(self.cards["BITPIX"])])
        scale, zero = float(self.cards.get("BSCALE", "1")), float(self.cards.get("BZERO", "0"))
        with np.errstate(over="ignore"):
            self.scale, self.zero = np.float32(scale), np.float32(zero)
        if not (np.isfinite(self.scale) and np.isfinite(self.zero) and self.scale):
            raise ValueError(f"BSCALE {scale:g} and BZERO {zero:g} tell no values")
        said = self.cards.get("DATASUM", "")
        self._data_sum = int(said) if said.isdecimal() else None
        if min(self.shape) < 1 or os.fstat(self._handle).st_size < end + self.size_bytes:
            raise StoreError(f"{self.path} is cut off")


def _sum_of(data: bytes, stored: NDArray[Any], values: Values) -> int:
    """What `data` adds to DATASUM, by whichever of its arrays tells it fastest."""
    if stored.dtype == np.int16:
        return sum_of_halves(stored)
    if stored.dtype == np.dtype(">f4") and values.size % 2 == 0:
        return sum_of_words(values)
    padding = -len(data) % 4
    return ones_complement_sum(np.frombuffer(data + bytes(padding) if padding else data, np.uint8))


def sum_of_words(values: Values) -> int:
    """What float32 values, an even number, add to their file's DATASUM before it is folded.

    As numbers of the machine they are the words that the sum is made of. Two at once are summed in 64 bits;
    the sum wraps, but with that of the upper ones apart the lower ones' is exact.
    """
    pairs = values.view(np.uint64)
    wrapped = int(np.add.reduce(pairs))
    upper = int(np.add.reduce(pairs >> np.uint64(32)))
    return upper + ((wrapped - (upper << 32)) & 0xFFFFFFFFFFFFFFFF)
