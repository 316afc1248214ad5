"""The Alpaca HTTP server: all protocol rules, and one place through which each reply passes.

HTTP/1.1 over plain sockets with a thread for each connection: the standard library's server parses headers as
e-mail, which costs more than all the rest. The threads are no workers of the clock; they only read its time.
"""

from __future__ import annotations

import itertools
import json
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl

import numpy as np

from simulators.camera import Camera
from simulators.device import DRIVER_ERROR, AlpacaError, BadRequest, Device
from simulators.observatory import Observatory

_TEXT = "text/plain; charset=utf-8"
_JSON = "application/json; charset=utf-8"
_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 500: "Internal Server Error"}
_MAX_HEAD = 65_536
_MAX_BODY = 1 << 20
_INT32, _UINT16 = 2, 8
_HEADER_BYTES = 44


@dataclass(frozen=True)
class Call:
    """One request as it came: the path's parts in lower case as sent, its parameters, what it accepts."""

    method: str
    path: str
    parameters: dict[str, str]
    accept: str = ""
    device: str = ""
    member: str = ""


@dataclass
class Reply:
    """One reply before it goes out; a fault may change any of it."""

    status: int
    content_type: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    def wire(self) -> bytes:
        """Return the whole reply as it goes over the wire."""
        extra = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        head = (
            f"HTTP/1.1 {self.status} {_REASONS.get(self.status, 'Status')}\r\n"
            f"Content-Type: {self.content_type}\r\nContent-Length: {len(self.body)}\r\n{extra}\r\n"
        )
        return head.encode() + self.body


Deliver = Callable[[socket.socket, Call, Reply], bool]


def deliver_whole(connection: socket.socket, _call: Call, reply: Reply) -> bool:
    """Send a reply in one piece; return whether the connection stays open.

    This is the seam for faults: put another function in `Server.deliver` that delays, drips, truncates,
    replaces or drops the reply for the devices and members it wants, and calls this one for the rest.
    """
    connection.sendall(reply.wire())
    return True


class Server:
    """An Alpaca server of one observatory; a context manager that serves while it is entered."""

    def __init__(self, observatory: Observatory, host: str = "127.0.0.1", port: int = 0) -> None:
        self.observatory = observatory
        self.deliver: Deliver = deliver_whole
        self.host = host
        self._transactions = itertools.count(1)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._listener.bind((host, port))
            self._listener.listen(128)
        except OSError:
            self._listener.close()
            raise
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: set[threading.Thread] = set()
        self._closing = False
        self._acceptor = threading.Thread(target=self._accept, name=f"alpaca server {self.port}", daemon=True)
        self._acceptor.start()

    @property
    def address(self) -> str:
        """The address as clients want it: host and port."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving: close the listener and every connection, and wait for their threads."""
        with self._lock:
            if self._closing:
                return
            self._closing = True
        with suppress(OSError):
            # A plain close would leave the thread in accept() for ever.
            self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join(5)
        self._listener.close()
        with self._lock:
            connections, threads = list(self._open), list(self._threads)
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            with self._lock:
                if self._closing:
                    connection.close()
                    return
                self._open.add(connection)
                self._threads.add(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        pending = b""
        try:
            while True:
                read = _read_request(connection, pending)
                if read is None:
                    return
                call, keep, pending = read
                reply = self.answer(call) if call.method else Reply(400, _TEXT, call.path.encode())
                if not self.deliver(connection, call, reply) or not keep:
                    return
        except OSError:
            return
        finally:
            connection.close()
            with self._lock:
                self._open.discard(connection)
                self._threads.discard(threading.current_thread())

    def answer(self, call: Call) -> Reply:
        """Return the reply to a call, without sending anything."""
        parts = call.path.split("/")
        try:
            if len(parts) == 6 and parts[1] == "api":
                return self._device_call(call, parts)
            return self._other(call, parts)
        except BadRequest as error:
            return Reply(400, _TEXT, str(error).encode())

    def _device_call(self, call: Call, parts: list[str]) -> Reply:
        _, _, version, kind, number, member = parts
        if version != "v1":
            raise BadRequest(f"API version {version!r} is not known: use v1")
        if not number.isdecimal():
            raise BadRequest(f"device number {number!r} is not a number")
        device = self.observatory.devices.get((kind, int(number)))
        if device is None:
            raise BadRequest(f"there is no device {kind}/{number}")
        if call.method not in ("GET", "PUT"):
            raise BadRequest(f"method {call.method} is not allowed")
        method = call.method.lower()
        parameters = (
            {k.lower(): v for k, v in call.parameters.items()} if method == "get" else call.parameters
        )
        client = _transaction(parameters, "clienttransactionid" if method == "get" else "ClientTransactionID")
        _transaction(parameters, "clientid" if method == "get" else "ClientID")
        if member.startswith("imagearray") and method == "get" and isinstance(device, Camera):
            if (method, member) in device.members and "application/imagebytes" in call.accept.lower():
                return self._image_bytes(device, client)
            return self._run(device, method, member, parameters, client, '"Type":2,"Rank":2,')
        return self._run(device, method, member, parameters, client, "")

    def _run(
        self, device: Device, method: str, member: str, parameters: dict[str, str], client: int, extra: str
    ) -> Reply:
        number, text, value = 0, "", None
        try:
            value = device.call(method, member, parameters)
        except AlpacaError as error:
            number, text, extra = error.number, str(error), ""
        except BadRequest:
            raise
        except Exception as error:
            number, text, extra = DRIVER_ERROR, f"{type(error).__name__}: {error}", ""
        if number == 0 and method == "get":
            extra = f'{extra}"Value":{json.dumps(value)},'
        tail = f'"ErrorNumber":{number},"ErrorMessage":{json.dumps(text)}}}'
        mine = next(self._transactions)
        body = f'{{{extra}"ClientTransactionID":{client},"ServerTransactionID":{mine},{tail}'
        return Reply(200, _JSON, body.encode())

    def _image_bytes(self, camera: Camera, client: int) -> Reply:
        number, rank, width, height = 0, 0, 0, 0
        types = (0, 0)
        try:
            pixels = camera.image()
            # The wire has [x, y] with y running fastest: the transpose of the rows of a picture.
            data = np.ascontiguousarray(pixels.T).astype("<u2", copy=False).tobytes()
            height, width = pixels.shape
            rank, types = 2, (_INT32, _UINT16)
        except AlpacaError as error:
            number, data = error.number, str(error).encode()
        shape = (*types, rank, width, height, 0)
        mine = next(self._transactions)
        head = struct.pack("<iiIIiiiiiii", 1, number, client, mine, _HEADER_BYTES, *shape)
        return Reply(200, "application/imagebytes", head + data)

    def _other(self, call: Call, parts: list[str]) -> Reply:
        if call.path.startswith("/management/"):
            return self._management(call)
        if parts[1:2] == ["setup"]:
            return self._setup(parts)
        if call.path.startswith("/api"):
            raise BadRequest(f"{call.path} is no device call: /api/v1/type/number/member")
        return Reply(404, _TEXT, b"there is nothing here: see /setup")

    def _management(self, call: Call) -> Reply:
        if call.method != "GET":
            raise BadRequest(f"method {call.method} is not allowed")
        value: Any
        if call.path == "/management/apiversions":
            value = [1]
        elif call.path == "/management/v1/description":
            settings = self.observatory.settings
            site = f"{settings.site.latitude_deg:.4f}, {settings.site.longitude_deg:.4f}"
            value = {
                "ServerName": settings.name,
                "Manufacturer": "nightcal",
                "ManufacturerVersion": "1.0",
                "Location": site,
            }
        elif call.path == "/management/v1/configureddevices":
            value = [
                {
                    "DeviceName": d.name, "DeviceType": _TYPE_NAMES[d.kind], "DeviceNumber": d.number,
                    "UniqueID": d.unique_id,
                }
                for d in self.observatory.devices.values()
            ]  # fmt: skip
        else:
            raise BadRequest(f"{call.path} is no management call")
        parameters = {k.lower(): v for k, v in call.parameters.items()}
        client = _transaction(parameters, "clienttransactionid")
        body = {
            "Value": value,
            "ClientTransactionID": client,
            "ServerTransactionID": next(self._transactions),
        }
        body |= {"ErrorNumber": 0, "ErrorMessage": ""}
        return Reply(200, _JSON, json.dumps(body).encode())

    def _setup(self, parts: list[str]) -> Reply:
        if len(parts) == 6 and parts[2] == "v1" and parts[5] == "setup":
            number = int(parts[4]) if parts[4].isdecimal() else -1
            device = self.observatory.devices.get((parts[3], number))
            if device is None:
                raise BadRequest(f"there is no device {parts[3]}/{parts[4]}")
            text = f"<h1>{device.name}</h1><p>{device.description}. There is nothing to set up.</p>"
        else:
            rows = (
                f'<li><a href="/setup/v1/{d.kind}/{d.number}/setup">{d.kind} {d.number}: {d.name}</a></li>'
                for d in self.observatory.devices.values()
            )
            text = f"<h1>{self.observatory.settings.name}</h1><ul>{''.join(rows)}</ul>"
        page = f'<!doctype html><html lang="en"><title>Alpaca</title><body>{text}</body></html>'
        return Reply(200, "text/html; charset=utf-8", page.encode())


_TYPE_NAMES = {
    "camera": "Camera",
    "covercalibrator": "CoverCalibrator",
    "dome": "Dome",
    "filterwheel": "FilterWheel",
    "observingconditions": "ObservingConditions",
    "safetymonitor": "SafetyMonitor",
    "telescope": "Telescope",
}


def _transaction(parameters: dict[str, str], name: str) -> int:
    text = parameters.get(name)
    if text is None:
        return 0
    if not text.isascii() or not text.isdigit() or int(text) >= 2**32:
        raise BadRequest(f"{name} must be a number from 0 to 4294967295, not {text!r}")
    return int(text)


def _read_request(connection: socket.socket, pending: bytes) -> tuple[Call, bool, bytes] | None:
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
    length_text = headers.get("content-length", "0")
    if "transfer-encoding" in headers or not length_text.isdigit() or int(length_text) > _MAX_BODY:
        return Call("", "a body must have a Content-Length of at most 1 MiB", {}), False, b""
    length = int(length_text)
    if length > len(pending) and headers.get("expect", "").lower() == "100-continue":
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    while len(pending) < length:
        more = connection.recv(65_536)
        if not more:
            # A body that was cut short must never be carried out.
            return None
        pending += more
    body, pending = pending[:length], pending[length:]
    path, _, query = words[1].partition("?")
    text = query if words[0] == "GET" else body.decode("utf-8", "replace")
    parameters = dict(parse_qsl(text, keep_blank_values=True)) if text else {}
    device, _, member = path.removeprefix("/api/v1/").rpartition("/")
    return Call(words[0], path, parameters, headers.get("accept", ""), device, member), keep, pending


def serve(observatory: Observatory, host: str = "127.0.0.1", port: int = 0) -> Server:
    """Serve an observatory over Alpaca; port 0 takes a free one. Raises OSError when the port is taken."""
    return Server(observatory, host, port)
