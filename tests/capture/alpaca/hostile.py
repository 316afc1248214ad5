"""A server on a bare socket that may do anything at all to whoever calls it."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

Act = Callable[[socket.socket, str], object]


def reply(value: object = True, *, head: str = "", **more: object) -> bytes:
    """A well-formed answer, with more in its head or in its JSON."""
    body = json.dumps({"Value": value, "ErrorNumber": 0, "ErrorMessage": ""} | more).encode()
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode() + body


def member_of(request: str) -> str:
    """The member that a request is about: its path's last part."""
    return request.split(" ")[1].partition("?")[0].rpartition("/")[2]


class HostileServer:
    """Hands each request, as its text, with its connection to `act`, which answers or does not.

    `requests`: every request that came whole, as (method, member). `act` returning False ends the connection.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.act: Act = lambda connection, _request: connection.sendall(reply())
        self.requests: list[tuple[str, str]] = []
        self.connections = 0
        self.released = threading.Event()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family)
        self.port: int = self._listener.getsockname()[1]
        self.address = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]

    def hang(self, _connection: socket.socket, _request: str) -> bool:
        """Say nothing until the test is over."""
        self.released.wait(20)
        return False

    def hang_up(self, _connection: socket.socket, _request: str) -> bool:
        """Close the connection instead of an answer."""
        return False

    def hang_on(self, *members: str) -> None:
        """Hang on these members and answer the others."""

        def act(connection: socket.socket, request: str) -> object:
            if member_of(request) in members:
                return self.hang(connection, request)
            return connection.sendall(reply())

        self.act = act

    def drip(self, connection: socket.socket, whole: bytes, every_s: float = 0.02) -> bool:
        """Send a byte at a time, each well within any time-out of a single read."""
        for n in range(len(whole)):
            if self.released.wait(every_s):
                return False
            connection.sendall(whole[n : n + 1])
        return True

    def count(self, method: str, member: str) -> int:
        """How many such requests have come whole."""
        return self.requests.count((method, member))

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            while (request := self._read(connection)) is not None:
                self.requests.append((request.split(" ")[0], member_of(request)))
                if self.act(connection, request) is False:
                    return

    def _read(self, connection: socket.socket) -> str | None:
        got = b""
        while b"\r\n\r\n" not in got:
            more = connection.recv(65_536)
            if not more:
                return None
            got += more
        length = re.search(rb"Content-Length: (\d+)", got)
        end = got.index(b"\r\n\r\n") + 4 + (int(length[1]) if length else 0)
        while len(got) < end:
            got += connection.recv(65_536)
        return got.decode()

    def __enter__(self) -> HostileServer:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.released.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
