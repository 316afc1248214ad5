"""ImageBytes: the binary form of an image on the wire."""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np

from simulators.sensor import Pixels

INT32, UINT16 = 2, 8
HEADER = struct.Struct("<iiIIiiiiIII")


class Header(NamedTuple):
    """The eleven words before the pixels; the sizes are read as unsigned, so that they can claim 2^31."""

    version: int
    error: int
    client: int
    server: int
    start: int
    image_type: int
    wire_type: int
    rank: int
    columns: int
    rows: int
    planes: int


def image_bytes(pixels: Pixels, client: int, server: int) -> bytes:
    """Return a picture [row, column] as the wire has it: [x, y] with y running fastest."""
    rows, columns = pixels.shape
    header = Header(1, 0, client, server, HEADER.size, INT32, UINT16, 2, columns, rows, 0)
    return HEADER.pack(*header) + np.ascontiguousarray(pixels.T).astype("<u2", copy=False).tobytes()


def error_bytes(number: int, text: str, client: int, server: int) -> bytes:
    """Return an Alpaca error in the form of an image."""
    header = Header(1, number, client, server, HEADER.size, 0, 0, 0, 0, 0, 0)
    return HEADER.pack(*header) + text.encode()


def header_of(body: bytes) -> Header:
    """Return the header that a body begins with."""
    return Header(*HEADER.unpack_from(body))


def with_header(body: bytes, header: Header) -> bytes:
    """Return a body with another header."""
    return HEADER.pack(*header) + body[HEADER.size :]
