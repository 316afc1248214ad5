"""HTTP/1.1 on a socket: requests in, replies out, and nothing of Alpaca.

The standard library's server parses headers as e-mail, which costs more than all the rest.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

TEXT = "text/plain; charset=utf-8"
JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"
IMAGE_BYTES = "application/imagebytes"
_REASONS = {
    200: "OK", 302: "Found", 400: "Bad Request", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 500: "Internal Server Error",
}  # fmt: skip
_MAX_HEAD = 65_536
_MAX_BODY = 1 << 20


@dataclass(frozen=True)
class Call:
    """One request as it came: the path's parts in lower case as sent, its parameters, what it accepts.

    `fault` names the kind of fault that spoils it, for the command log.
    """

    method: str
    path: str
    parameters: dict[str, str]
    accept: str = ""
    device: str = ""
    member: str = ""
    body: bytes = b""
    fault: str = ""


@dataclass
class Reply:
    """One reply before it goes out; a fault may change any of it.

    `send` is another way to send it than whole; it returns whether the connection stays open.
    """

    status: int
    content_type: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    send: Callable[[socket.socket], bool] | None = None

    def head(self, length: int | None) -> bytes:
        """Return the reply's head; a length of None announces chunks."""
        extra = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
        head = (
            f"HTTP/1.1 {self.status} {_REASONS.get(self.status, 'Status')}\r\n"
            f"Content-Type: {self.content_type}\r\n{framing}\r\n{extra}\r\n"
        )
        return head.encode()

    def wire(self) -> bytes:
        """Return the whole reply as it goes over the wire."""
        return self.head(len(self.body)) + self.body


Deliver = Callable[[socket.socket, Call, Reply], bool]


def deliver_whole(connection: socket.socket, _call: Call, reply: Reply) -> bool:
    """Send a reply in one piece, or as a fault wants it; return whether the connection stays open."""
    if reply.send is not None:
        return reply.send(connection)
    connection.sendall(reply.wire())
    return True


def read_request(connection: socket.socket, pending: bytes) -> tuple[Call, bool, bytes] | None:
    """Return the next request, whether the connection shall stay, and the bytes beyond; None at its end.

    A request that cannot be understood comes back with an empty method and the reason for a path.
    """
    while (end := pending.find(b"\r\n\r\n")) < 0:
        if len(pending) > _MAX_HEAD:
            return Call("", "the request's head is too long", {}), False, b""
        more = connection.recv(65_536)
        if not more:
            return None
        pending += more
    first, *lines = pending[:end].decode("latin-1").split("\r\n")
    pending = pending[end + 4 :]
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        return Call("", f"no HTTP request: {first[:80]!r}", {}), False, b""
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    keep = headers.get("connection", "").lower() != "close" and words[2] != "HTTP/1.0"
    body = b""
    if "content-length" in headers or "transfer-encoding" in headers:
        source = _Source(connection, pending)
        try:
            body = _read_body(source, headers)
        except ValueError as error:
            return Call("", str(error), {}), False, b""
        except EOFError:
            # A body that was cut short must never be carried out.
            return None
        pending = source.pending
    path, _, query = words[1].partition("?")
    text = query if words[0] == "GET" else body.decode("utf-8", "replace")
    parameters = dict(parse_qsl(text, keep_blank_values=True)) if text else {}
    device, _, member = path.removeprefix("/api/v1/").rpartition("/")
    call = Call(words[0], path, parameters, headers.get("accept", ""), device, member, body)
    return call, keep, pending


class _Source:
    """What comes from a connection, in the pieces that are wanted. Raises EOFError at its end."""

    def __init__(self, connection: socket.socket, pending: bytes) -> None:
        self.connection = connection
        self.pending = pending

    def take(self, size: int) -> bytes:
        while len(self.pending) < size:
            self._more()
        taken, self.pending = self.pending[:size], self.pending[size:]
        return taken

    def line(self) -> bytes:
        while b"\r\n" not in self.pending:
            if len(self.pending) > _MAX_HEAD:
                raise ValueError("a chunk's head is too long")
            self._more()
        taken, _, self.pending = self.pending.partition(b"\r\n")
        return taken

    def _more(self) -> None:
        more = self.connection.recv(65_536)
        if not more:
            raise EOFError
        self.pending += more


def _read_body(source: _Source, headers: dict[str, str]) -> bytes:
    """Raises ValueError for a body that is announced in no known way or too long."""
    coding = headers.get("transfer-encoding", "").lower()
    length = headers.get("content-length", "0")
    if coding not in ("", "chunked") or not length.isdigit() or int(length) > _MAX_BODY:
        raise ValueError("a body must have a Content-Length of at most 1 MiB, or be chunked")
    if headers.get("expect", "").lower() == "100-continue":
        source.connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    if not coding:
        return source.take(int(length))
    body = b""
    while size := int(source.line().partition(b";")[0], 16):
        if not 0 < size <= _MAX_BODY - len(body):
            raise ValueError("a body must not be longer than 1 MiB")
        body += source.take(size)
        source.take(2)
    while source.line():
        pass
    return body
