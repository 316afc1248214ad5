"""Where the rows of frames to be combined come from: FITS files, each opened once, or arrays."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from capture.errors import CombineError
from capture.frame import Pixels
from capture.store import fits_file, headers
from capture.store.data_unit import ones_complement_sum
from capture.store.rows import FrameRow

_START = 16 * 2880


class Source(Protocol):
    """An image of uint16, read by bands of rows."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""

    def read(self, first: int, last: int) -> NDArray[np.int16]:
        """Rows `first` to before `last`, as stored: each value less 32768, in any byte order."""


class ArraySource:
    """Pixels in memory, uint16 [rows, columns]."""

    def __init__(self, pixels: Pixels) -> None:
        self._pixels = pixels
        self.shape: tuple[int, int] = pixels.shape

    def read(self, first: int, last: int) -> NDArray[np.int16]:
        """See Source."""
        return (self._pixels[first:last] ^ np.uint16(0x8000)).view(np.int16)


class FileSource:
    """A raw frame's FITS file, held open; its pixels are checked against DATASUM as they pass."""

    def __init__(self, path: Path, row: FrameRow) -> None:
        """Open the file of `row`. Raises CombineError when it is gone, or is not what the row says."""
        self._path = path
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
        rows, columns = self.shape
        band = self._bytes(self._data_start + first * columns * 2, (last - first) * columns * 2)
        if first * columns * 2 == self._summed_to:
            # What is read in order is summed on its way, padded with zeros as the file is.
            padding = -len(band) % 4 if last == rows else 0
            if (len(band) + padding) % 4 == 0:
                self._sum += ones_complement_sum(np.frombuffer(band + bytes(padding), np.uint8))
                self._summed_to += len(band)
        return np.frombuffer(band, ">i2").reshape(last - first, columns)

    def check(self) -> None:
        """Compare DATASUM with what was read in order. Raises CombineError when they differ."""
        rows, columns = self.shape
        total = self._sum % 0xFFFFFFFF
        if self._summed_to == rows * columns * 2 and total != self._data_sum % 0xFFFFFFFF:
            raise CombineError(f"{self._path} is damaged: its pixels do not match their checksum (DATASUM)")

    def _read_header(self, row: FrameRow) -> None:
        start = os.pread(self._handle, _START, 0)
        length = fits_file.header_length(start)
        if length is None:
            raise CombineError(f"{self._path} has no whole FITS header")
        cards = fits_file.structure(start[:length])
        if "NCOMBINE" in cards or "master" in cards.get("IMAGETYP", "").lower():
            raise CombineError(f"{self._path} is a master, and masters are never combined again")
        try:
            self.shape: tuple[int, int] = (int(cards["NAXIS2"]), int(cards["NAXIS1"]))
            self._data_sum = int(cards["DATASUM"])
            kind = headers.kind_of(cards["IMAGETYP"])
            raw = (int(cards["BITPIX"]), float(cards["BZERO"])) == (16, 32768.0)
        except (KeyError, ValueError) as error:
            raise CombineError(f"{self._path} is none of nightcal's frames: {error}") from error
        if not raw:
            raise CombineError(f"{self._path} is no raw frame: its pixels are not unsigned 16 bit")
        if kind is not row.kind or cards.get("FILTER") != _in_header(row.spec.filter):
            raise CombineError(f"{self._path} says {kind} {cards.get('FILTER')}, the catalogue {row.spec}")
        self._data_start = length

    def _bytes(self, start: int, length: int) -> bytes:
        parts: list[bytes] = []
        while length:
            part = os.pread(self._handle, length, start)
            if not part:
                raise CombineError(f"{self._path} is cut off")
            parts.append(part)
            start, length = start + len(part), length - len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


def _in_header(text: str | None) -> str | None:
    return None if text is None else headers.ascii_text(text).rstrip()


def scaled(stored: NDArray[np.int16], bias: NDArray[np.float32], factor: float) -> NDArray[Any]:
    """Rows as stored, less `bias` (float32 ADU), times `factor`: float32."""
    values = stored.astype(np.float32)
    values += np.float32(32768)
    values -= bias
    values *= np.float32(factor)
    return values
