"""ImageBytes and JSON images from the wire into one checked uint16 array.

Pixels are streamed straight into the array that is handed out, or narrowed into it by pieces while they come,
so that no second copy is ever held. That array lies in the memory of an earlier image, once nobody has
anything of that one any more: fresh memory would cost a third of the download. The header's claims are
checked by arithmetic against what was asked for and against the bytes announced before memory is taken.
"""

from __future__ import annotations

import struct
import weakref
from collections import deque
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from capture.alpaca.connection import Response
from capture.alpaca.json_image import JsonImage
from capture.alpaca.transport import Line
from capture.errors import DeviceError
from capture.frame import Pixels

_ACCEPT = "application/imagebytes, application/json;q=0.5"
_HEADER = struct.Struct("<iiIIiiiiiii")
_DATA_AT_MOST_FROM = 65_536
_TEXT_AT_MOST = 4096
# Alpaca's ImageArrayElementTypes -> the little-endian type on the wire.
_WIRE_TYPES = {1: "<i2", 2: "<i4", 3: "<f8", 4: "<f4", 5: "<u8", 6: "u1", 7: "<i8", 8: "<u2", 9: "<u4"}
# Narrowed while it is still in the processor's cache; smaller ones cost more calls than they save.
_PIECE_BYTES = 1 << 20
_JSON_BYTES_PER_PIXEL = 26
# The memory of the last image that was let go; of no more than one, however many cameras there are.
_spare: deque[NDArray[np.uint16]] = deque(maxlen=1)


def fetch_image(line: Line, width_px: int, height_px: int) -> Pixels:
    """Download the camera's image as uint16 [x, y], in the order sent; `.T` of it is [rows, columns].

    `width_px`, `height_px`: the size that was asked for. Raises DeviceError when the reply claims another
    size or type, is cut short or too long, or holds values that are no whole numbers of 16 bits.
    """
    return line.fetch("imagearray", _ACCEPT, partial(_read, line, width_px, height_px))


def _read(line: Line, width_px: int, height_px: int, response: Response) -> Pixels:
    head = bytearray(_HEADER.size)
    came = response.fill(memoryview(head))
    content_type = response.headers.get("content-type", "").lower()
    # A server that names no type is known by its first bytes.
    if content_type.startswith("application/imagebytes") or (not content_type and head[:4] == b"\1\0\0\0"):
        if came < _HEADER.size:
            raise DeviceError(f"{line.device} cut off the image header after {came} of {_HEADER.size} bytes")
        return _read_image_bytes(line, response, bytes(head), width_px, height_px)
    return _read_json(line, response, bytes(head[:came]), width_px, height_px)


def _read_image_bytes(line: Line, response: Response, head: bytes, width_px: int, height_px: int) -> Pixels:
    version, error, echo, _, start, _, wire_type, rank, columns, rows, planes = _HEADER.unpack(head)
    if version != 1 or not _HEADER.size <= start <= _DATA_AT_MOST_FROM:
        raise DeviceError(f"{line.device} sent an ImageBytes header of version {version}, data at {start}")
    line.check_echo("imagearray", echo, response.transaction)
    gap = start - _HEADER.size
    if error:
        text = bytearray(gap + _TEXT_AT_MOST)
        came = response.fill(memoryview(text))
        line.check_error("imagearray", error, text[gap:came].decode("utf-8", "replace"))
    if rank == 3 and planes > 1:
        raise DeviceError(
            f"{line.device} sent a colour image of {columns} x {rows} x {planes}, where {width_px} x "
            f"{height_px} was asked for; calibration needs the raw sensor: choose RAW or mono in its driver"
        )
    if rank not in (2, 3) or (columns, rows) != (width_px, height_px):
        raise DeviceError(
            f"{line.device} sent an image of {columns} x {rows}, rank {rank}, where {width_px} x {height_px} "
            f"was asked for"
        )
    if wire_type not in _WIRE_TYPES:
        raise DeviceError(f"{line.device} sent pixels of the unknown type {wire_type}")
    dtype = np.dtype(_WIRE_TYPES[wire_type])
    size = columns * rows * dtype.itemsize
    if response.length is not None and response.length != gap + size:
        raise DeviceError(
            f"{line.device} announced {response.length} bytes for an image that needs {gap + size}"
        )
    if gap and response.fill(memoryview(bytearray(gap))) < gap:
        raise DeviceError(f"{line.device} cut off the image header")
    image = _room_for(columns, rows)
    if dtype == np.uint16:
        _fill(line, response, image.reshape(-1).view(np.uint8).data)
    else:
        _fill_narrowed(line, response, dtype, image.reshape(-1))
    if not response.ended and response.read_into(memoryview(bytearray(1))):
        raise DeviceError(f"{line.device} sent more bytes than an image of {columns} x {rows} needs")
    return image


def _room_for(columns: int, rows: int) -> Pixels:
    """An array uint16 [columns, rows] of any content, whose memory is kept for another when it is let go."""
    try:
        memory = _spare.pop()
    except IndexError:
        memory = np.empty(0, np.uint16)
    if memory.size != columns * rows:
        memory = np.empty(columns * rows, np.uint16)
    # Every view of the image, however it is made, keeps this array, for what it stands on is no array.
    image = np.frombuffer(memory.data, np.uint16)
    weakref.finalize(image, _spare.append, memory).atexit = False
    return image.reshape(columns, rows)


def _fill(line: Line, response: Response, view: memoryview) -> None:
    filled = response.fill(view)
    if filled < len(view):
        raise DeviceError(f"{line.device} cut off the image after {filled} of {len(view)} bytes")


def _fill_narrowed(line: Line, response: Response, dtype: np.dtype[Any], image: NDArray[np.uint16]) -> None:
    count = max(1, _PIECE_BYTES // dtype.itemsize)
    piece = np.empty(min(count, image.size), dtype)
    raw = piece.view(np.uint8).data
    for first in range(0, image.size, count):
        values = piece[: image.size - first]
        _fill(line, response, raw[: values.nbytes])
        _narrow(line, values, image[first : first + count])


def _narrow(line: Line, values: NDArray[Any], into: NDArray[np.uint16]) -> None:
    """Copy `values` into uint16. Raises DeviceError where one does not fit: no pixel is bent to fit."""
    kind, size = values.dtype.kind, values.dtype.itemsize
    if kind in "iu":
        # Of a signed value's bits as an unsigned one, below 0 is far above 65535: one comparison is enough.
        fits = size == 1 or int(values.view(f"<u{size}").max()) <= (32767 if size == 2 else 65535)
        whole = True
    else:
        fits = bool((values >= 0).all() and (values <= 65535).all())  # so that NaN does not pass
        whole = not fits or bool((np.floor(values) == values).all())
    if not fits:
        raise DeviceError(
            f"{line.device} sent pixels from {float(values.min()):g} to {float(values.max()):g}, which do "
            f"not fit 16 bits"
        )
    if not whole:
        raise DeviceError(
            f"{line.device} sent fractions of ADU, as processed images have; choose RAW in its driver"
        )
    np.copyto(into, values, casting="unsafe")


def _read_json(line: Line, response: Response, head: bytes, width_px: int, height_px: int) -> Pixels:
    """As ImageBytes, from JSON; beside the picture no more is held than a column of it."""
    pixels = np.empty((width_px, height_px), np.uint16)
    reply = JsonImage(response, head, _TEXT_AT_MOST + height_px * _JSON_BYTES_PER_PIXEL)
    count = 0
    try:
        for column in reply.columns():
            values = np.asarray(column)
            fits = values.shape in ((height_px,), (height_px, 1)) and values.dtype.kind in "iuf"
            if not fits or count == width_px:
                shape = " x ".join(str(n) for n in values.shape)
                raise DeviceError(
                    f"{line.device} sent an image whose column {count} is {shape} ({values.dtype}), where "
                    f"{width_px} columns of {height_px} numbers were asked for"
                )
            _narrow(line, values.reshape(-1), pixels[count])
            count += 1
        number = int(reply.envelope.get("ErrorNumber") or 0)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise DeviceError(
            f"{line.device} sent an image that is neither ImageBytes nor Alpaca JSON"
        ) from error
    line.check_echo("imagearray", reply.envelope.get("ClientTransactionID"), response.transaction)
    line.check_error("imagearray", number, str(reply.envelope.get("ErrorMessage", "")))
    if count != width_px:
        raise DeviceError(
            f"{line.device} sent an image of {count} columns, where {width_px} x {height_px} was asked for"
        )
    return pixels
