"""Where the rows of frames to be combined come from: FITS files, each opened once, or arrays."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from capture.errors import CombineError
from capture.store import fits_file, headers
from capture.store.data_unit import sum_of_halves
from capture.store.rows import FrameRow

_START = 16 * 2880


class Source(Protocol):
    """An image read by bands of rows, its pixels as FITS stores them: unsigned 16 bit are less 32768."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """What is stored: int16, int32 or float32, in the machine's byte order."""

    @property
    def zero(self) -> int:
        """What is to be added to stored values (BZERO)."""

    def read(self, first: int, last: int) -> NDArray[Any]:
        """Rows `first` to before `last`, as stored."""

    def read_into(self, first: int, last: int, band: NDArray[Any]) -> None:
        """The same into `band`, `dtype` [pixels]."""


class ArraySource:
    """Pixels in memory, uint16, int16, int32 or float32 [rows, columns]."""

    def __init__(self, pixels: NDArray[Any]) -> None:
        """Raises CombineError for pixels of another type."""
        if pixels.dtype not in (np.uint16, np.int16, np.int32, np.float32):
            raise CombineError(f"pixels of {pixels.dtype} cannot be combined")
        self._pixels = pixels
        self.shape: tuple[int, int] = pixels.shape
        unsigned = pixels.dtype == np.uint16
        self.dtype: np.dtype[Any] = np.dtype(np.int16) if unsigned else pixels.dtype.newbyteorder("=")
        self.zero = 32768 if unsigned else 0

    def read(self, first: int, last: int) -> NDArray[Any]:
        """See Source."""
        band = np.empty((last - first, self.shape[1]), self.dtype)
        self.read_into(first, last, band.reshape(-1))
        return band

    def read_into(self, first: int, last: int, band: NDArray[Any]) -> None:
        """See Source."""
        np.copyto(band, self._pixels[first:last].reshape(-1), casting="unsafe")
        if self.zero:
            np.bitwise_xor(band, np.int16(-32768), out=band)


class FileSource:
    """A raw frame's FITS file, held open; its pixels are checked against DATASUM as they pass."""

    dtype: np.dtype[Any] = np.dtype(np.int16)
    zero = 32768

    def __init__(self, path: Path, row: FrameRow) -> None:
        """Open the file of `row`. Raises CombineError when it is gone, or is not what the row says."""
        self.path = path
        self._sum = 0
        self._summed_to = 0
        try:
            self._handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except OSError as error:
            raise CombineError(f"{path} cannot be read: {error.strerror}") from error
        try:
            self._read_header(row)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> FileSource:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)

    def read(self, first: int, last: int) -> NDArray[np.int16]:
        """See Source. Raises CombineError when the file is cut off there."""
        band = np.empty((last - first, self.shape[1]), np.int16)
        self.read_into(first, last, band.reshape(-1))
        return band

    def read_into(self, first: int, last: int, band: NDArray[Any]) -> None:
        """See Source. Raises CombineError when the file is cut off there."""
        rows, columns = self.shape
        start, length = first * columns * 2, (last - first) * columns * 2
        self._fill(band.view(np.uint8).data, self._data_start + start)
        # In place, but ten times as fast as byteswap(inplace=True) is.
        np.copyto(band, band.view(">i2"))
        # What is read in order is summed on its way.
        if start == self._summed_to and (last == rows or length % 4 == 0):
            self._sum += sum_of_halves(band)
            self._summed_to += length

    def check(self) -> None:
        """Compare DATASUM with what was read in order. Raises CombineError when they differ."""
        rows, columns = self.shape
        total = self._sum % 0xFFFFFFFF
        if self._summed_to == rows * columns * 2 and total != self._data_sum % 0xFFFFFFFF:
            raise CombineError(f"{self.path} is damaged: its pixels do not match their checksum (DATASUM)")

    def _read_header(self, row: FrameRow) -> None:
        start = os.pread(self._handle, _START, 0)
        length = fits_file.header_length(start)
        if length is None:
            raise CombineError(f"{self.path} has no whole FITS header")
        cards = fits_file.structure(start[:length])
        if "NCOMBINE" in cards or "master" in cards.get("IMAGETYP", "").lower():
            raise CombineError(f"{self.path} is a master, and masters are never combined again")
        try:
            self.shape: tuple[int, int] = (int(cards["NAXIS2"]), int(cards["NAXIS1"]))
            self._data_sum = int(cards["DATASUM"])
            kind = headers.kind_of(cards["IMAGETYP"])
            raw = (int(cards["BITPIX"]), float(cards["BZERO"])) == (16, 32768.0)
        except (KeyError, ValueError) as error:
            raise CombineError(f"{self.path} is none of nightcal's frames: {error}") from error
        if not raw:
            raise CombineError(f"{self.path} is no raw frame: its pixels are not unsigned 16 bit")
        if kind is not row.kind or cards.get("FILTER") != _in_header(row.spec.filter):
            raise CombineError(f"{self.path} says {kind} {cards.get('FILTER')}, the catalogue {row.spec}")
        self._data_start = length

    def _fill(self, buffer: memoryview, start: int) -> None:
        while buffer:
            if hasattr(os, "preadv"):
                length = os.preadv(self._handle, [buffer], start)
            else:
                part = os.pread(self._handle, len(buffer), start)
                length = len(part)
                buffer[:length] = part
            if not length:
                raise CombineError(f"{self.path} is cut off")
            start, buffer = start + length, buffer[length:]


def _in_header(text: str | None) -> str | None:
    return None if text is None else headers.ascii_text(text).rstrip()


def scaled(stored: NDArray[np.int16], bias: NDArray[np.float32], factor: float) -> NDArray[Any]:
    """Rows as stored, less `bias` (float32 ADU), times `factor`: float32."""
    values = stored.astype(np.float32)
    values += np.float32(32768)
    values -= bias
    values *= np.float32(factor)
    return values
