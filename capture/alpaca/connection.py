"""HTTP/1.1 to one server over one kept socket, with total deadlines and no more than Alpaca needs.

The standard library's client parses headers as e-mail, which costs more than all the rest of a small call,
and its time-outs are for each read: a server that drips bytes never runs into them.
"""

from __future__ import annotations

import socket
import threading
from ipaddress import ip_address

from capture.clock import stopwatch

_HEAD_AT_MOST = 65_536
_LINE_AT_MOST = 4096
_READ_AT_ONCE = 65_536
_DRAIN_AT_MOST = 65_536


class NoHttp(Exception):
    """Raised when what comes over the wire is no HTTP reply."""


class Deadline:
    """Real seconds for a whole exchange, whatever number of reads it takes."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._elapsed_s = stopwatch()

    def left_s(self) -> float:
        """What is left of it, more than 0. Raises TimeoutError."""
        left_s = self.seconds - self._elapsed_s()
        if left_s <= 0:
            raise TimeoutError
        return left_s


class Connection:
    """A connected socket. Every method keeps to the deadline that it is given, and raises OSError."""

    def __init__(self, host: str, port: int, deadline: Deadline) -> None:
        self._socket = _connected(host, port, deadline)
        # A small request must go out at once: Nagle costs 44 ms a call.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._pending = b""
        self.sent_any = False

    def is_usable(self) -> bool:
        """Whether the server has kept it open, and nothing lies in it that belongs to an earlier call."""
        if self._pending:
            return False
        self._socket.settimeout(0)
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def send(self, request: bytes, deadline: Deadline) -> None:
        """Send a whole request; `sent_any` tells afterwards whether any of it may have gone out."""
        self.sent_any = False
        self._socket.settimeout(deadline.left_s())
        sent = self._socket.send(request)
        self.sent_any = True
        while sent < len(request):
            self._socket.settimeout(deadline.left_s())
            sent += self._socket.send(memoryview(request)[sent:])

    def receive(self, deadline: Deadline) -> Response:
        """The next reply, read as far as its head. Raises NoHttp."""
        while True:
            response = Response(self, self._head(deadline), deadline)
            if response.status >= 200:
                return response

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _head(self, deadline: Deadline) -> bytes:
        while (end := self._pending.find(b"\r\n\r\n")) < 0:
            if len(self._pending) > _HEAD_AT_MOST:
                raise NoHttp("a head without an end")
            self._pending += self._more(deadline, "before its reply")
        head, self._pending = self._pending[:end], self._pending[end + 4 :]
        return head

    def line(self, deadline: Deadline) -> bytes:
        """The next line of a chunked body, without its end."""
        while (end := self._pending.find(b"\r\n")) < 0:
            if len(self._pending) > _LINE_AT_MOST:
                raise NoHttp("a chunk without a size")
            self._pending += self._more(deadline, "within a chunked body")
        line, self._pending = self._pending[:end], self._pending[end + 2 :]
        return line

    def _more(self, deadline: Deadline, where: str) -> bytes:
        self._socket.settimeout(deadline.left_s())
        more = self._socket.recv(_READ_AT_ONCE)
        if not more:
            raise ConnectionError(f"the connection ended {where}")
        return more

    def read_into(self, view: memoryview, deadline: Deadline) -> int:
        """Fill `view` with what there is, at least a byte; return how much, 0 at the connection's end."""
        if self._pending:
            count = min(len(view), len(self._pending))
            view[:count] = self._pending[:count]
            self._pending = self._pending[count:]
            return count
        self._socket.settimeout(deadline.left_s())
        return self._socket.recv_into(view)


class Response:
    """A reply: its status, its headers by lower-case name, and its body, to be read once.

    `length`: the bytes of body that are still to come, None where the server has not said. `transaction`: the
    id that was asked with.
    """

    def __init__(self, connection: Connection, head: bytes, deadline: Deadline) -> None:
        self._connection = connection
        self._deadline = deadline
        first, *lines = head.split(b"\r\n")
        words = first.split(b" ", 2)
        is_status = len(words) > 1 and len(words[1]) == 3 and words[1].isdigit()
        if not is_status or not words[0].startswith(b"HTTP/1."):
            raise NoHttp(f"{first[:80]!r} where an HTTP status was due")
        self.status = int(words[1])
        self.headers: dict[str, str] = {}
        for line in lines:
            name, colon, value = line.decode("latin-1").partition(":")
            key = name.lower()
            if not colon or (
                key == "content-length" and self.headers.get(key, value.strip()) != value.strip()
            ):
                raise NoHttp(f"the header {line[:80]!r}")
            self.headers[key] = value.strip()
        self._chunked = "chunked" in self.headers.get("transfer-encoding", "").lower()
        self._chunk_left = 0
        self._ended = False
        self.length: int | None = None
        self.transaction = 0
        self.stays = words[0] != b"HTTP/1.0" and self.headers.get("connection", "").lower() != "close"
        if self.status < 200 or self.status in (204, 304):
            self.length, self._chunked, self._ended = 0, False, True
        elif not self._chunked:
            said = self.headers.get("content-length")
            if said is None:
                self.stays = False
            elif not (said.isascii() and said.isdigit()) or len(said) > 18:
                raise NoHttp(f"a Content-Length of {said[:80]!r}")
            else:
                self.length = int(said)
                self._ended = self.length == 0

    @property
    def ended(self) -> bool:
        """Whether the body has been read to its end."""
        return self._ended

    def read_into(self, view: memoryview) -> int:
        """Fill `view` with the next bytes of the body, at least one; return how many, 0 at its end.

        Raises OSError, TimeoutError, and NoHttp where the chunks make no sense.
        """
        if self._ended or not view:
            return 0
        if self._chunked:
            return self._read_chunk_into(view)
        if self.length is None:
            count = self._connection.read_into(view, self._deadline)
            self._ended = not count
            return count
        count = self._connection.read_into(view[: self.length], self._deadline)
        if not count:
            raise ConnectionError(f"the connection ended {self.length} bytes too early")
        self.length -= count
        self._ended = not self.length
        return count

    def _read_chunk_into(self, view: memoryview) -> int:
        if not self._chunk_left:
            size = self._connection.line(self._deadline).partition(b";")[0].strip()
            try:
                self._chunk_left = int(size, 16)
            except ValueError:
                raise NoHttp(f"a chunk of size {size[:80]!r}") from None
            if self._chunk_left < 0:
                raise NoHttp(f"a chunk of size {size[:80]!r}")
            if not self._chunk_left:
                while self._connection.line(self._deadline):
                    pass
                self._ended = True
                return 0
        count = self._connection.read_into(view[: self._chunk_left], self._deadline)
        if not count:
            raise ConnectionError("the connection ended within a chunk")
        self._chunk_left -= count
        if not self._chunk_left and self._connection.line(self._deadline):
            raise NoHttp("a chunk that is longer than its size")
        return count

    def fill(self, view: memoryview) -> int:
        """Fill `view` as far as the body goes; return how far. Raises as `read_into`."""
        filled = 0
        while filled < len(view):
            count = self.read_into(view[filled:])
            if not count:
                break
            filled += count
        return filled

    def read(self, at_most: int = 1 << 22) -> bytes:
        """The rest of the body. Raises NoHttp when it is longer than `at_most`, otherwise as `read_into`."""
        body = bytearray()
        if self.length is not None:
            if self.length > at_most:
                raise NoHttp(f"a body of {self.length} bytes where at most {at_most} make sense")
            body = bytearray(self.length)
            self.fill(memoryview(body))
            return bytes(body)
        part = bytearray(_READ_AT_ONCE)
        while count := self.read_into(memoryview(part)):
            body += part[:count]
            if len(body) > at_most:
                raise NoHttp(f"a body of more than {at_most} bytes")
        return bytes(body)

    def drain(self) -> bool:
        """Read what is left where that is little; return whether the connection can carry another call."""
        if self._ended:
            return self.stays
        if self.stays and self.length is not None and self.length <= _DRAIN_AT_MOST:
            self.read()
        return self.stays and self._ended


def _connected(host: str, port: int, deadline: Deadline) -> socket.socket:
    """A socket to the first address of `host` that takes us; each gets its share of the time."""
    addresses = _addresses(host, port, deadline)
    refusal: OSError = OSError(f"{host} has no address")
    for n, (family, address) in enumerate(addresses):
        attempt = socket.socket(family, socket.SOCK_STREAM)
        try:
            attempt.settimeout(deadline.left_s() / (len(addresses) - n))
            attempt.connect(address)
        except OSError as error:
            attempt.close()
            refusal = error
        except BaseException:
            attempt.close()
            raise
        else:
            return attempt
    raise refusal


_Address = tuple[int, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]


def _addresses(host: str, port: int, deadline: Deadline) -> list[_Address]:
    if host.lower() == "localhost":
        # A server on this machine may listen on either family, whatever the hosts file says.
        return [(socket.AF_INET, ("127.0.0.1", port)), (socket.AF_INET6, ("::1", port, 0, 0))]
    try:
        if ip_address(host).version == 4:
            return [(socket.AF_INET, (host, port))]
    except ValueError:
        pass
    if ":" in host:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        return [(entry[0], entry[4]) for entry in found]
    return _looked_up(host, port, deadline)


def _looked_up(host: str, port: int, deadline: Deadline) -> list[_Address]:
    """Ask the resolver, which knows no time-out, on a thread of its own."""
    found: list[_Address] = []
    failures: list[OSError] = []

    def ask() -> None:
        try:
            for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
                found.append((entry[0], entry[4]))
        except (OSError, UnicodeError) as error:
            failures.append(error if isinstance(error, OSError) else OSError(f"no host name: {host!r}"))

    asking = threading.Thread(target=ask, name=f"looking up {host}", daemon=True)
    asking.start()
    asking.join(deadline.left_s())
    if failures:
        raise failures[0]
    if asking.is_alive():
        raise TimeoutError(f"the name {host} could not be looked up in time")
    return found
