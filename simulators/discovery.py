"""Discovery: answers `alpacadiscovery1` on UDP with the port of the Alpaca server."""

from __future__ import annotations

import json
import socket
import struct
import threading
from contextlib import suppress
from types import TracebackType

DISCOVERY_PORT = 32_227
IPV6_GROUP = "ff12::a1:9aca"
_QUESTION = b"alpacadiscovery1"


class Responder:
    """Answers discovery while it is entered; `port` 0 takes a free one, for tests.

    `host` is the Alpaca server's own: whoever gets an answer finds the server where the answer came from. On
    127.0.0.1 and ::1 it stays on the machine: it hears questions to that address and to the loopback's
    broadcast address or IPv6 group, where clients such as alpyca ask. On 0.0.0.0 it hears the whole network
    by IPv4, on :: by IPv4 and IPv6.
    """

    def __init__(self, alpaca_port: int, host: str = "127.0.0.1", port: int = DISCOVERY_PORT) -> None:
        self._answer = json.dumps({"AlpacaPort": alpaca_port}).encode()
        self._closing = False
        self._heard: list[tuple[socket.socket, socket.socket]] = []
        try:
            self.port = self._hear(host, port)
        except OSError:
            for heard, _ in self._heard:
                heard.close()
            raise
        self._threads = [
            threading.Thread(target=self._serve, args=pair, name="alpaca discovery", daemon=True)
            for pair in self._heard
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Responder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop to answer."""
        self._closing = True
        for heard, _ in self._heard:
            with suppress(OSError):
                # This ends the wait in recvfrom; a close would not.
                heard.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        for heard, _ in self._heard:
            heard.close()

    def _hear(self, host: str, port: int) -> int:
        """Fill `_heard` with sockets to hear on, each with the one to answer from; return the port."""
        first = _bound(host, port)
        self._heard.append((first, first))
        port = int(first.getsockname()[1])
        if host == "::":
            plain = _bound("0.0.0.0", port)
            self._heard.append((plain, plain))
            for index, _ in socket.if_nameindex():
                with suppress(OSError):
                    _join_group(first, index)
        # Not every system lets a socket have the address of many. Answers come from the plain one, since
        # clients take their sender for the server.
        with suppress(OSError):
            if host.startswith("127."):
                self._heard.append((_bound("127.255.255.255", port), first))
            if host == "::1":
                loopback = socket.if_nametoindex("lo")
                many = _bound(IPV6_GROUP, port, loopback)
                self._heard.append((many, first))
                _join_group(many, loopback)
        return port

    def _serve(self, heard: socket.socket, speaker: socket.socket) -> None:
        while not self._closing:
            try:
                question, sender = heard.recvfrom(1024)
            except OSError:
                return
            if question.startswith(_QUESTION):
                with suppress(OSError):
                    speaker.sendto(self._answer, sender)


def _bound(host: str, port: int, scope: int = 0) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        # Several servers of one machine share the port.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if made.family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            made.bind((host, port, 0, scope))
        else:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            made.bind((host, port))
    except OSError:
        made.close()
        raise
    return made


def _join_group(heard: socket.socket, interface: int) -> None:
    group = socket.inet_pton(socket.AF_INET6, IPV6_GROUP) + struct.pack("@I", interface)
    heard.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)
