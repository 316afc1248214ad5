"""One HTTP exchange with an Alpaca device: the narrow seam to the hardware.

A keep-alive connection and a lock per device, no proxies, no redirects, ids on every request. A GET is
repeated once on a dropped connection, a PUT never. What crosses this file is checked: a reply is either
its value or a typed error that names device, call, cause and remedy.
"""

from __future__ import annotations

import http.client
import itertools
import json
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

from capture.clock import stopwatch
from capture.errors import DeviceError, DeviceRefused, DeviceTimeout, DeviceUnreachable

T = TypeVar("T")
Reader = Callable[[http.client.HTTPResponse], T]

NOT_IMPLEMENTED = 0x400
_ERROR_NAMES = {
    0x400: "not implemented by this device",
    0x401: "invalid value",
    0x402: "value not set",
    0x407: "not connected",
    0x408: "parked",
    0x409: "slaved",
    0x40B: "invalid operation",
    0x40C: "action not implemented",
    0x40E: "cancelled",
}
_CLIENT_ID = (os.getpid() % 65535) + 1
_transaction_ids = itertools.count(1)


@dataclass(frozen=True)
class Timeouts:
    """Real seconds on the wire, per kind of call."""

    connect_s: float = 5.0
    read_s: float = 10.0
    write_s: float = 30.0
    image_s: float = 120.0


class _NoDelayConnection(http.client.HTTPConnection):
    """A connection that sends small requests at once (Nagle costs 44 ms a call)."""

    def connect(self) -> None:
        super().connect()
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def is_usable(self) -> bool:
        """Whether the server has kept it open, and nothing lies in it that belongs to an earlier call."""
        if self.sock is None:
            return False
        self.sock.settimeout(0)
        try:
            self.sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False


class Line:
    """The connection to one device at `server` (host:port). Thread-safe: one exchange at a time."""

    def __init__(self, server: str, device_type: str, number: int, timeouts: Timeouts | None = None) -> None:
        self.device = f"{device_type} {number} at {server}"
        self.timeouts = timeouts if timeouts is not None else Timeouts()
        self._server = server
        self._path = f"/api/v1/{device_type}/{number}/"
        self._lock = threading.Lock()
        self._connection: _NoDelayConnection | None = None

    def get(self, member: str, **parameters: object) -> Any:
        """The member's Value. Raises DeviceError or one of its kinds."""
        query = urlencode(self._ids() | {name: str(value) for name, value in parameters.items()})
        path = f"{self._path}{member}?{query}"
        reply = self._exchange("GET", member, path, None, {}, self.timeouts.read_s, self._json)
        if "Value" not in reply:
            raise DeviceError(f"{self.device} answered {member} without a value")
        return reply["Value"]

    def put(self, member: str, **parameters: object) -> Any:
        """Call or set the member; the reply's Value, None where it has none. Never sent twice."""
        body = urlencode(self._ids() | {name: str(value) for name, value in parameters.items()}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        path = self._path + member
        return self._exchange("PUT", member, path, body, headers, self.timeouts.write_s, self._json).get(
            "Value"
        )

    def fetch(self, member: str, accept: str, read: Reader[T]) -> T:
        """GET a large body: `read` consumes the response while it streams."""
        path = f"{self._path}{member}?{urlencode(self._ids())}"
        return self._exchange("GET", member, path, None, {"Accept": accept}, self.timeouts.image_s, read)

    def close(self) -> None:
        """Drop the connection; the next call makes a new one."""
        with self._lock:
            self._drop()

    def _ids(self) -> dict[str, str]:
        return {"ClientID": str(_CLIENT_ID), "ClientTransactionID": str(next(_transaction_ids) % 2**31)}

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> _NoDelayConnection:
        host, _, port = self._server.rpartition(":")
        connection = _NoDelayConnection(host.strip("[]"), int(port), timeout=self.timeouts.connect_s)
        try:
            connection.connect()
        except OSError as error:
            connection.close()
            raise DeviceUnreachable(
                f"{self.device} cannot be reached ({_cause(error)}); check that its server runs and that "
                f"the address in the config is right"
            ) from error
        return connection

    def _exchange(
        self,
        method: str,
        member: str,
        path: str,
        body: bytes | None,
        headers: dict[str, str],
        timeout_s: float,
        read: Reader[T],
    ) -> T:
        elapsed_s = stopwatch()
        with self._lock:
            for attempt in (1, 2):
                if self._connection is not None and not self._connection.is_usable():
                    self._drop()
                connection = self._connection = self._connection or self._open()
                try:
                    connection.sock.settimeout(max(0.01, timeout_s - elapsed_s()))
                    connection.request(method, path, body, headers)
                    response = connection.getresponse()
                    self._check_status(member, response)
                    value = read(response)
                    if not response.isclosed():
                        response.read()
                    return value
                except TimeoutError as error:
                    self._drop()
                    raise DeviceTimeout(
                        f"{self.device} did not answer {method} {member} within {timeout_s:g} s"
                    ) from error
                except (OSError, http.client.HTTPException) as error:
                    self._drop()
                    # The server may have carried out a PUT before it broke off; a GET does no harm twice.
                    if attempt == 1 and method == "GET":
                        continue
                    raise DeviceUnreachable(
                        f"{self.device} broke off during {method} {member} ({_cause(error)})"
                    ) from error
                except DeviceError:
                    # A refusal that was read to its end leaves the connection as good as before.
                    if not response.isclosed():
                        self._drop()
                    raise
                except BaseException:
                    self._drop()
                    raise
        raise AssertionError("the second attempt returns or raises")

    def _check_status(self, member: str, response: http.client.HTTPResponse) -> None:
        if response.status == 200:
            return
        text = response.read(300).decode("utf-8", "replace").strip()
        raise DeviceError(f"{self.device} answered {member} with HTTP {response.status}: {text or 'no text'}")

    def _json(self, response: http.client.HTTPResponse) -> dict[str, Any]:
        raw = response.read()
        try:
            reply = json.loads(raw)
        except ValueError as error:
            raise DeviceError(f"{self.device} sent no valid JSON: {raw[:80]!r}") from error
        if not isinstance(reply, dict):
            raise DeviceError(f"{self.device} sent JSON that is no Alpaca reply: {raw[:80]!r}")
        number = reply.get("ErrorNumber", 0)
        self.check_error(number if isinstance(number, int) else -1, str(reply.get("ErrorMessage", "")))
        return reply

    def check_error(self, number: int, message: str) -> None:
        """Raise DeviceRefused unless the Alpaca error `number` is 0."""
        if number:
            meaning = _ERROR_NAMES.get(number, "driver error")
            raise DeviceRefused(
                f"{self.device} refused: {message or meaning} (0x{number:X}, {meaning})", number
            )


def _cause(error: BaseException) -> str:
    text = str(error) or type(error).__name__
    return text.removeprefix("[Errno 111] ").lower() if isinstance(error, ConnectionRefusedError) else text
