"""ImageBytes and JSON images from the wire into one checked uint16 array.

The header's claims are checked by arithmetic against what was asked for before memory is taken.
"""

from __future__ import annotations

import http.client
import json
import struct

import numpy as np
from numpy.typing import NDArray

from capture.alpaca.transport import Line
from capture.errors import DeviceError
from capture.frame import Pixels

ACCEPT = "application/imagebytes, application/json;q=0.5"
_HEADER = struct.Struct("<11i")
# Alpaca's ImageArrayElementTypes -> the little-endian type on the wire.
_WIRE_TYPES = {1: "<i2", 2: "<i4", 3: "<f8", 4: "<f4", 5: "<u8", 6: "u1", 7: "<i8", 8: "<u2", 9: "<u4"}


def fetch_image(line: Line, width_px: int, height_px: int) -> Pixels:
    """Download the camera's image as uint16 [rows, columns] (row 0 first on the sensor).

    `width_px`, `height_px`: the size that was asked for. Raises DeviceError when the reply claims another
    size or type, is cut short, or holds values that do not fit 16 bits.
    """

    def read(response: http.client.HTTPResponse) -> NDArray[np.generic]:
        if response.headers.get("Content-Type", "").lower().startswith("application/imagebytes"):
            return _read_image_bytes(line, response, width_px, height_px)
        return _read_json(line, response, width_px, height_px)

    return _to_fits_order(_to_uint16(line, line.fetch("imagearray", ACCEPT, read)))


def _read_image_bytes(
    line: Line, response: http.client.HTTPResponse, width_px: int, height_px: int
) -> NDArray[np.generic]:
    head = bytearray(_HEADER.size)
    _fill(line, response, memoryview(head), "the image header")
    version, error, _, _, start, _, wire_type, rank, columns, rows, _ = _HEADER.unpack(head)
    if version != 1 or start < _HEADER.size or start > 65536:
        raise DeviceError(f"{line.device} sent an ImageBytes header of version {version}, data at {start}")
    if error:
        text = response.read(2000)[start - _HEADER.size :].decode("utf-8", "replace")
        line.check_error(error, text)
    if rank != 2 or (columns, rows) != (width_px, height_px):
        raise DeviceError(
            f"{line.device} sent an image of {columns} x {rows}, rank {rank}, where {width_px} x {height_px} "
            f"was asked for"
        )
    if wire_type not in _WIRE_TYPES:
        raise DeviceError(f"{line.device} sent pixels of the unknown type {wire_type}")
    dtype = np.dtype(_WIRE_TYPES[wire_type])
    size = columns * rows * dtype.itemsize
    if response.length is not None and response.length != start - _HEADER.size + size:
        raise DeviceError(
            f"{line.device} announced {response.length} bytes for an image that needs "
            f"{start - _HEADER.size + size}"
        )
    if start > _HEADER.size:
        _fill(line, response, memoryview(bytearray(start - _HEADER.size)), "the image header")
    raw = np.empty(size, np.uint8)
    _fill(line, response, raw.data, "the image")
    image: NDArray[np.generic] = raw.view(dtype).reshape(columns, rows)
    return image


def _fill(line: Line, response: http.client.HTTPResponse, view: memoryview, what: str) -> None:
    filled = 0
    while filled < len(view):
        count = response.readinto(view[filled:])
        if not count:
            raise DeviceError(f"{line.device} cut off {what} after {filled} of {len(view)} bytes")
        filled += count


def _read_json(
    line: Line, response: http.client.HTTPResponse, width_px: int, height_px: int
) -> NDArray[np.generic]:
    try:
        reply = json.loads(response.read())
        line.check_error(int(reply.get("ErrorNumber", 0)), str(reply.get("ErrorMessage", "")))
        image = np.asarray(reply["Value"])
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise DeviceError(
            f"{line.device} sent an image that is neither ImageBytes nor Alpaca JSON"
        ) from error
    if image.shape != (width_px, height_px) or image.dtype.kind not in "iuf":
        shape = " x ".join(str(n) for n in image.shape)
        raise DeviceError(
            f"{line.device} sent an image of {shape} ({image.dtype}), where {width_px} x {height_px} numbers "
            f"were asked for"
        )
    return image


def _to_uint16(line: Line, image: NDArray[np.generic]) -> Pixels:
    if image.dtype == np.uint16:
        return image  # type: ignore[return-value]
    low, high = float(image.min()), float(image.max())
    if not (low >= 0 and high <= 65535):  # so that NaN does not pass
        raise DeviceError(f"{line.device} sent pixels from {low:g} to {high:g}, which do not fit 16 bits")
    return image.astype(np.uint16)


def _to_fits_order(image: Pixels) -> Pixels:
    """Transpose [x, y] to [rows, columns] in blocks that stay in cache (3 times faster than at once)."""
    columns, rows = image.shape
    turned = np.empty((rows, columns), np.uint16)
    block = 512
    for x in range(0, columns, block):
        for y in range(0, rows, block):
            turned[y : y + block, x : x + block] = image[x : x + block, y : y + block].T
    return turned
