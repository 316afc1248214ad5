"""One FITS image on disk: written so that it is whole or not there, read and verified.

Layout, checksums and their encoding follow the FITS standard 4.0 (sections 3, 4.4.2.7 and appendix J).
Only plain single-image files are handled: 16 bit unsigned (stored signed with BZERO 32768) and 32 bit float.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from astropy.io import fits

from capture.errors import StoreError
from capture.store.data_unit import BLOCK, DataUnit, Image, ones_complement_sum, padded

if sys.platform != "win32":
    import fcntl

Value: TypeAlias = str | int | float | bool
Card: TypeAlias = tuple[str, Value, str]

TEMPORARY = ".part"
_CARD = 80
_LONGEST_HEADER = 1000 * BLOCK
_NO_CHECKSUM = "0" * 16


class NameTaken(StoreError):
    """Raised when the file, or a half-written one of its name, is there already: nothing is overwritten."""


def write(path: Path, pixels: Image, cards: Sequence[Card], history: Iterable[str] = ()) -> str:
    """Write `pixels`, uint16 or float32 [rows, columns], durably to the new file `path`; return its SHA-256.

    Temporary file, fsync, rename, fsync of the folder: after a return the file survives a power cut; after
    an exception no part of it is left. Folders are made as needed. Raises NameTaken when the name is used,
    StoreError when the file cannot be written, naming the path and the remedy.
    """
    if pixels.dtype not in (np.uint16, np.float32) or pixels.ndim != 2:
        raise StoreError(f"images are uint16 or float32 with two axes, not {pixels.dtype} {pixels.shape}")
    with new_file(path) as handle:
        return _write_image(handle, pixels, lambda data_sum: _header(pixels, cards, history, data_sum))


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[int]:
    """The handle of a file to be written within the `with`, and synced there; at its end `path` is whole.

    After an exception nothing of it is left. Raises as `write` does.
    """
    temporary = path.with_name(f".{path.name}{TEMPORARY}")
    try:
        _make_folder(path.parent)
    except OSError as error:
        raise _cannot_write(path, error) from error
    try:
        # Made exclusively, the temporary file also reserves the name among threads and processes.
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError as error:
        raise NameTaken(f"{temporary} is there already: another write is under way or was cut off") from error
    except OSError as error:
        raise _cannot_write(path, error) from error
    try:
        try:
            _hold(handle)
            if path.exists():
                raise NameTaken(f"{path} is there already, and files are never overwritten")
            yield handle
        finally:
            os.close(handle)
        temporary.rename(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _cannot_write(path, error) from error
        raise
    try:
        sync_folder(path.parent)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise _cannot_write(path, error) from error


def is_abandoned(temporary: Path) -> bool:
    """Whether nobody is writing this temporary file any more: its writer was killed."""
    if sys.platform == "win32":
        return True  # An open file cannot be removed there anyway.
    try:
        with temporary.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def read(path: Path) -> tuple[fits.Header, Image]:
    """The header and the pixels, uint16 or float32 [rows, columns] in the machine's byte order.

    Raises StoreError when the file is missing, cut off, damaged (by its checksums), or of another layout.
    """
    _verify(path, _content(path))
    try:
        with fits.open(path, memmap=False) as hdus:
            header, pixels = hdus[0].header, hdus[0].data
            kind = np.uint16 if pixels.dtype.kind == "u" else np.float32
            return header.copy(), pixels.astype(kind)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise StoreError(f"{path} cannot be read as a FITS image: {error}") from error


@dataclass(frozen=True)
class Inspected:
    """What is known of a whole file without its pixels: `pixels` have their shape and type, and are all 0."""

    header: fits.Header
    pixels: Image
    sha256: str


def inspect(path: Path) -> Inspected:
    """Verify a file and read its header, reading it from the disk once. Raises StoreError as `read` does."""
    content = _content(path)
    _verify(path, content)
    end = header_length(content) or 0
    try:
        header = fits.Header.fromstring(content[:end])
        shape = (int(header["NAXIS2"]), int(header["NAXIS1"]))
        stored = (header["BITPIX"], header.get("BZERO", 0))
        if stored not in ((16, 32768), (-32, 0)):
            raise ValueError(f"BITPIX {stored[0]} with BZERO {stored[1]}")
    except (KeyError, ValueError, TypeError, fits.VerifyError) as error:
        raise StoreError(f"{path} is no FITS image of ours: {error}") from error
    if stored[0] == 16:
        pixels: Image = np.broadcast_to(np.uint16(0), shape)
    else:
        pixels = np.broadcast_to(np.float32(0), shape)
    return Inspected(header, pixels, hashlib.sha256(content).hexdigest())


def verify(path: Path) -> str:
    """Check that the file is whole and that DATASUM and CHECKSUM agree with its bytes; return its SHA-256.

    Raises StoreError with one sentence that says what is wrong.
    """
    content = _content(path)
    _verify(path, content)
    return hashlib.sha256(content).hexdigest()


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from error


def _verify(path: Path, content: bytes) -> None:
    end = header_length(content)
    if end is None:
        raise StoreError(f"{path} has no whole FITS header: it was cut off, or is no FITS file")
    cards = structure(content[:end])
    try:
        rows, columns = int(cards["NAXIS2"]), int(cards["NAXIS1"])
        length = rows * columns * abs(int(cards["BITPIX"])) // 8
        expected_sum = int(cards["DATASUM"])
    except (KeyError, ValueError) as error:
        raise StoreError(f"{path} does not state its size and checksums: {error}") from error
    if len(content) != end + padded(length):
        raise StoreError(f"{path} is cut off: {len(content)} bytes instead of {end + padded(length)}")
    if ones_complement_sum(np.frombuffer(content, np.uint8, offset=end)) != expected_sum:
        raise StoreError(f"{path} is damaged: its pixels do not match their checksum (DATASUM)")
    if ones_complement_sum(np.frombuffer(content, np.uint8)) not in (0, 0xFFFFFFFF):
        raise StoreError(f"{path} is damaged: it does not match its checksum (CHECKSUM)")


def header_length(start: bytes) -> int | None:
    """The length in bytes of the primary header that `start` begins with; None when it does not end there."""
    if not start.startswith(b"SIMPLE  ="):
        return None
    for block in range(0, min(len(start), _LONGEST_HEADER), BLOCK):
        for card in range(block, min(block + BLOCK, len(start)), _CARD):
            if start[card : card + 8] == b"END     ":
                return block + BLOCK
    return None


def structure(header: bytes) -> dict[str, str]:
    """Keywords and values, as bare text, of a header's cards; far faster than astropy's parser.

    Texts that go on in CONTINUE cards are put together.
    """
    cards: dict[str, str] = {}
    keyword = unfinished = ""
    for start in range(0, len(header), _CARD):
        card = header[start : start + _CARD]
        if card[8:10] == b"= ":
            keyword, value = card[:8].decode("ascii", "replace").strip(), _bare(card[10:])
            # Of two cards of one name the first counts.
            unfinished = "" if keyword in cards else value
            cards.setdefault(keyword, value)
        elif unfinished.endswith("&") and card.startswith(b"CONTINUE  "):
            unfinished = unfinished[:-1] + _bare(card[10:])
            cards[keyword] = unfinished
        else:
            unfinished = ""
    return cards


def _bare(value: bytes) -> str:
    text = value.decode("ascii", "replace").strip()
    string = re.match(r"'((?:[^']|'')*)'", text)
    return string[1].replace("''", "'").rstrip() if string else text.partition("/")[0].strip()


def sync_folder(folder: Path) -> None:
    """Make a rename within `folder` durable. Raises OSError."""
    if sys.platform == "win32":
        return  # Folders cannot be opened there; NTFS journals the rename.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _header(pixels: Image, cards: Sequence[Card], history: Iterable[str], data_sum: int) -> bytes:
    return header_bytes(pixels.shape, pixels.dtype, cards, history, data_sum)


def header_bytes(
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    cards: Sequence[Card],
    history: Iterable[str],
    data_sum: int,
    extension: str = "",
) -> bytes:
    """The header of an image of uint8, uint16 or float32 [rows, columns], with its checksums.

    `extension` names it where it follows another in its file. Raises StoreError for cards that FITS refuses.
    """
    rows, columns = shape
    header = fits.Header()
    first: Card = ("SIMPLE", True, "conforms to the FITS standard")
    mandatory: list[Card] = [
        ("XTENSION", "IMAGE", "an image beside the first") if extension else first,
        ("BITPIX", {np.dtype(np.uint8): 8, np.dtype(np.uint16): 16}.get(dtype, -32), "bits per pixel"),
        ("NAXIS", 2, "number of axes"),
        ("NAXIS1", columns, "columns"),
        ("NAXIS2", rows, "rows"),
    ]
    if extension:
        mandatory += [("PCOUNT", 0, ""), ("GCOUNT", 1, ""), ("EXTNAME", extension, "")]
    if dtype == np.uint16:
        mandatory += [("BZERO", 32768, "unsigned 16 bit pixels"), ("BSCALE", 1, "")]
    with warnings.catch_warnings():
        # A comment that does not fit is shortened, which is no reason to refuse a frame.
        warnings.simplefilter("ignore", fits.verify.VerifyWarning)
        try:
            header.extend([*mandatory, *cards], strip=False, unique=False, bottom=True)
            for line in history:
                header.add_history(line)
            header.append(("CHECKSUM", _NO_CHECKSUM, "HDU checksum"), bottom=True)
            header.append(("DATASUM", str(data_sum), "data unit checksum"), bottom=True)
            if "\nCONTINUE" in header.tostring(sep="\n") and "LONGSTRN" not in header:
                header.insert(len(mandatory), ("LONGSTRN", "OGIP 1.0", "long texts go on in CONTINUE cards"))
            text: bytes = header.tostring().encode("ascii")
        except ValueError as error:
            raise StoreError(f"a FITS header cannot be made of these facts: {error}") from error
    total = ones_complement_sum(np.frombuffer(text, np.uint8)) + data_sum
    total = (total & 0xFFFFFFFF) + (total >> 32)
    return text.replace(b"CHECKSUM= '" + _NO_CHECKSUM.encode(), b"CHECKSUM= '" + _encode_sum(~total), 1)


def _encode_sum(value: int) -> bytes:
    """32 bits as 16 letters and digits that add up to them (FITS 4.0, appendix J.1)."""
    encoded = bytearray(16)
    punctuation = {*range(0x3A, 0x41), *range(0x5B, 0x61)}
    for place in range(4):
        byte = value >> (24 - 8 * place) & 0xFF
        parts = [byte // 4 + 0x30] * 4
        parts[0] += byte % 4
        for pair in (0, 2):
            while parts[pair] in punctuation or parts[pair + 1] in punctuation:
                parts[pair] += 1
                parts[pair + 1] -= 1
        for number, part in enumerate(parts):
            encoded[(4 * number + place + 1) % 16] = part
    return bytes(encoded)


def _write_image(handle: int, pixels: Image, make_header: Callable[[int], bytes]) -> str:
    """Write and fsync the file; return its SHA-256, taken of each band while the disk's thread has it too."""
    with DataUnit(pixels) as data, ThreadPoolExecutor(1) as beside:
        header = make_header(data.sum())
        digest = hashlib.sha256(header)
        _write_all(handle, memoryview(header))
        for band in data:
            hashing = beside.submit(digest.update, band)
            _write_all(handle, band)
            begin_write_back(handle, os.lseek(handle, 0, os.SEEK_CUR) - len(band), len(band))
            hashing.result()
    os.fsync(handle)
    return digest.hexdigest()


def begin_write_back(handle: int, place: int, length: int) -> None:
    """Let the disk begin with the `length` bytes from `place` on, so that fsync finds little left to do."""
    if sys.platform == "linux":
        # Advice about what is still dirty starts its way to the disk, and throws nothing out.
        with contextlib.suppress(OSError):
            os.posix_fadvise(handle, place, length, os.POSIX_FADV_DONTNEED)


def _write_all(handle: int, part: memoryview) -> None:
    while part:
        part = part[os.write(handle, part) :]  # what a short write left


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def _hold(handle: int) -> None:
    """Lock the file while it is written: the lock falls with its process, so a leftover can be told."""
    if sys.platform != "win32":
        with contextlib.suppress(OSError):  # Some network file systems know no locks.
            fcntl.flock(handle, fcntl.LOCK_EX)


def _cannot_write(path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"{path} could not be written: {error.strerror or error}. "
        f"Free space on that disk or make its folder writable; nothing half-written was left."
    )
