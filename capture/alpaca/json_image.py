"""An image in JSON, read column by column: it may be ten times as large as the picture, and is never held.

Alpaca sends an array of columns of numbers, `{"Value": [[1, 2], [3, 4]], "ErrorNumber": 0, ...}`, its keys in
any order.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from capture.alpaca.connection import Response

_PIECE_BYTES = 65_536
_ENVELOPE_AT_MOST = 16_384
_IMAGE = re.compile(rb'"Value"\s*:\s*\[\s*(?=\[)')
_SPACE = re.compile(rb"\s*")


class JsonImage:
    """The reply `response`, its `head` read before. At most `column_bytes` of it are held, and a piece.

    `envelope`: the rest of the reply, `Value` being None if it was an image; there after the last column.
    """

    def __init__(self, response: Response, head: bytes, column_bytes: int) -> None:
        self._response = response
        self._column_bytes = column_bytes
        self._buffer = bytearray(head)
        self._piece = memoryview(bytearray(_PIECE_BYTES))
        self.envelope: dict[str, Any] = {}

    def columns(self) -> Iterator[Any]:
        """Each column as what its JSON says, none where the reply holds no image.

        Raises ValueError or RecursionError where it is no JSON, or longer than makes sense; what the response
        raises.
        """
        buffer = self._buffer
        while (image := _IMAGE.search(buffer)) is None and len(buffer) <= _ENVELOPE_AT_MOST and self._more():
            pass
        before = bytes(buffer)
        if image is not None:
            before = bytes(buffer[: image.start()]) + b'"Value":null'
            del buffer[: image.end()]
            follows = b","
            while follows == b",":
                end = self._column_end()
                yield json.loads(buffer[:end])
                del buffer[:end]
                follows = self._token()
            if follows != b"]":
                raise ValueError("a column that is followed by no column and no end")
            before += self._rest()
        elif len(buffer) > _ENVELOPE_AT_MOST:
            raise ValueError("a long reply without an image")
        envelope = json.loads(before)
        if not isinstance(envelope, dict):
            raise ValueError("no Alpaca reply")
        self.envelope = envelope

    def _more(self) -> bool:
        count = self._response.read_into(self._piece)
        self._buffer += self._piece[:count]
        return count > 0

    def _column_end(self) -> int:
        """Where the brackets that the buffer begins with are all closed."""
        buffer, opened, closed, searched, seen = self._buffer, 0, 0, 0, 0
        while True:
            end = buffer.find(b"]", searched)
            if end < 0:
                searched = len(buffer)
                if searched > self._column_bytes or not self._more():
                    raise ValueError("a column without an end")
                continue
            opened += buffer.count(b"[", seen, end)
            closed += 1
            seen = searched = end + 1
            if closed >= opened:
                return seen

    def _token(self) -> bytes:
        """The next byte that is no space, taken from the buffer."""
        buffer = self._buffer
        while True:
            space = _SPACE.match(buffer)
            at = space.end() if space is not None else 0
            token = bytes(buffer[at : at + 1])
            del buffer[: at + 1]
            if token or not self._more():
                return token

    def _rest(self) -> bytes:
        while len(self._buffer) <= _ENVELOPE_AT_MOST:
            if not self._more():
                return bytes(self._buffer)
        raise ValueError("a long reply after its image")
