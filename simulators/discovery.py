"""Discovery: answers `alpacadiscovery1` on UDP with the port of the Alpaca server."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import suppress
from types import TracebackType

DISCOVERY_PORT = 32_227
_QUESTION = b"alpacadiscovery1"


class Responder:
    """Answers discovery while it is entered; `port` 0 takes a free one, for tests.

    On 127.0.0.1 it stays on the machine: it hears questions to that address and to the loopback's broadcast
    address, where clients such as alpyca ask. On 0.0.0.0 it hears the whole network.
    """

    def __init__(self, alpaca_port: int, host: str = "127.0.0.1", port: int = DISCOVERY_PORT) -> None:
        self._answer = json.dumps({"AlpacaPort": alpaca_port}).encode()
        self._closing = False
        self._socket = _bound(host, port)
        self.port: int = self._socket.getsockname()[1]
        self._heard = [self._socket]
        if host.startswith("127."):
            # Not every system lets a socket have a broadcast address.
            with suppress(OSError):
                self._heard.append(_bound("127.255.255.255", self.port))
        self._threads = [
            threading.Thread(target=self._serve, args=(s,), name="alpaca discovery", daemon=True)
            for s in self._heard
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
        for heard in self._heard:
            address = heard.getsockname()[0]
            with suppress(OSError):
                # A datagram to ourselves ends the wait in recvfrom; a close would not.
                self._socket.sendto(b"", ("127.0.0.1" if address == "0.0.0.0" else address, self.port))
        for thread in self._threads:
            thread.join(5)
        for heard in self._heard:
            heard.close()

    def _serve(self, heard: socket.socket) -> None:
        while not self._closing:
            try:
                question, sender = heard.recvfrom(1024)
            except OSError:
                return
            if question.startswith(_QUESTION):
                with suppress(OSError):
                    # From the plain address: clients take the sender of the answer for the server.
                    self._socket.sendto(self._answer, sender)


def _bound(host: str, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        # Several servers of one machine share the port.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        made.bind((host, port))
    except OSError:
        made.close()
        raise
    return made
