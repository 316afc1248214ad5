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
    """Answers discovery while it is entered; `port` 0 takes a free one, for tests."""

    def __init__(self, alpaca_port: int, host: str = "127.0.0.1", port: int = DISCOVERY_PORT) -> None:
        self._answer = json.dumps({"AlpacaPort": alpaca_port}).encode()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            # Several servers of one machine share the port.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind((host, port))
        except OSError:
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[1]
        self._host = host
        self._closing = False
        self._thread = threading.Thread(target=self._serve, name="alpaca discovery", daemon=True)
        self._thread.start()

    def __enter__(self) -> Responder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop to answer."""
        self._closing = True
        with suppress(OSError):
            # A datagram to ourselves ends the wait in recvfrom; shutdown would not for every system.
            target = "127.0.0.1" if self._host == "0.0.0.0" else self._host
            self._socket.sendto(b"", (target, self.port))
        self._thread.join(5)
        self._socket.close()

    def _serve(self) -> None:
        while not self._closing:
            try:
                question, sender = self._socket.recvfrom(1024)
            except OSError:
                return
            if question.startswith(_QUESTION):
                with suppress(OSError):
                    self._socket.sendto(self._answer, sender)
