"""What an Alpaca server says of itself and its devices, before any of them is connected.

Management is asked without ids, some servers reject them. One deadline holds for all that a server is asked;
nothing of what it says is believed unread.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from capture.alpaca.connection import Connection, Deadline, NoHttp
from capture.clock import stopwatch
from capture.errors import BadInput, DeviceError, DeviceTimeout, DeviceUnreachable

DEFAULT_PORT = 11111
# The types of device that nightcal uses, as they are written on the wire.
DEVICE_TYPES = (
    "camera", "covercalibrator", "dome", "filterwheel", "observingconditions", "safetymonitor", "telescope",
)  # fmt: skip
_PROBED_NUMBERS = range(4)
_PROBE_S = 2.0
_NOT_CONNECTED = 0x407
_LARGEST_REPLY = 1 << 20
_LONGEST_NAME = 80


@dataclass(frozen=True)
class FoundDevice:
    """One device of a server; `type` as on the wire, `unique_id` empty where the server gives none."""

    type: str
    number: int
    name: str
    unique_id: str = ""


@dataclass(frozen=True)
class FoundServer:
    """A server at `address` (host:port) that has answered.

    `managed`: False where it has no management API, and its devices were found by asking for each.
    `also_at`: other addresses of the same server.
    """

    address: str
    name: str
    manufacturer: str
    version: str
    location: str
    devices: tuple[FoundDevice, ...]
    managed: bool = True
    also_at: tuple[str, ...] = ()


def server_address(text: str) -> str:
    """`host`, `host:port` or `[::1]:port` as host:port, the port 11111 if left out. Raises BadInput."""
    plain = text.strip().removeprefix("http://").rstrip("/")
    if plain.count(":") > 1 and not plain.startswith("["):
        plain = f"[{plain}]"
    host, colon, port = plain.rpartition(":")
    if not colon or plain.endswith("]"):
        host, port = plain, str(DEFAULT_PORT)
    bracketed = (host.startswith("["), host.endswith("]"))
    name = host[1:-1] if all(bracketed) else host
    if not name or bracketed == (True, False) or any(c in name for c in "/@?# []") or not port.isdecimal():
        raise BadInput(f"{text!r} is no address of a server; write host or host:port, as 192.168.1.20:11111")
    if not 0 < int(port) < 65536:
        raise BadInput(f"{text!r} has a port that does not exist; ports run from 1 to 65535")
    return f"{host}:{port}"


def ask_server(address: str, timeout_s: float = 5.0) -> FoundServer:
    """Ask the server at `address` (host:port) what it is and which devices it has, within `timeout_s` in all.

    Raises DeviceUnreachable, DeviceTimeout; DeviceError when what answers there is no Alpaca server.
    """
    server = _Server(address, timeout_s)
    try:
        versions = server.value("/management/apiversions")
    except (DeviceUnreachable, DeviceTimeout):
        raise
    except DeviceError:
        return _probed(server)
    if not isinstance(versions, list) or 1 not in versions:
        raise DeviceError(f"{server} speaks the Alpaca versions {versions!r}; nightcal speaks version 1")
    listed = server.value("/management/v1/configureddevices")
    about = server.value("/management/v1/description")
    about = about if isinstance(about, dict) else {}
    return FoundServer(
        address,
        name=_text(about.get("ServerName")) or address,
        manufacturer=_text(about.get("Manufacturer")),
        version=_text(about.get("ManufacturerVersion")),
        location=_text(about.get("Location")),
        devices=tuple(_devices(server, listed)),
    )


def _devices(server: _Server, listed: object) -> Iterator[FoundDevice]:
    if not isinstance(listed, list):
        raise DeviceError(f"{server} lists its devices as {str(listed)[:80]!r}, which is no list")
    for item in listed:
        if not isinstance(item, dict):
            continue
        kind, number = item.get("DeviceType"), item.get("DeviceNumber")
        if not isinstance(kind, str) or not isinstance(number, int) or not 0 <= number < 2**32:
            continue
        kind = _text(kind).lower()
        name = _text(item.get("DeviceName")) or f"{kind} {number}"
        yield FoundDevice(kind, number, name, _text(item.get("UniqueID")))


def _probed(server: _Server) -> FoundServer:
    """A server without management: ask for the name of every device that may be there."""
    devices = []
    for kind in DEVICE_TYPES:
        for number in _PROBED_NUMBERS:
            try:
                reply = server.get(f"/api/v1/{kind}/{number}/name", _PROBE_S)
            except DeviceUnreachable:
                raise
            except DeviceError:
                continue
            name = _text(reply.get("Value")) if not reply.get("ErrorNumber") else ""
            if name or reply.get("ErrorNumber") == _NOT_CONNECTED:
                devices.append(FoundDevice(kind, number, name or f"{kind} {number}"))
    if not devices:
        raise DeviceError(f"{server} answers, but is no Alpaca server with devices that nightcal uses")
    return FoundServer(str(server.address), str(server.address), "", "", "", tuple(devices), managed=False)


class _Server:
    """One server, asked with one deadline for everything."""

    def __init__(self, address: str, timeout_s: float) -> None:
        self.address = address
        self._timeout_s = timeout_s
        self._elapsed_s = stopwatch()

    def __str__(self) -> str:
        return f"the server at {self.address}"

    def value(self, path: str) -> Any:
        """The reply's Value. Raises DeviceError."""
        reply = self.get(path)
        if reply.get("ErrorNumber") or "Value" not in reply:
            raise DeviceError(f"{self} answered {path} with no value")
        return reply["Value"]

    def get(self, path: str, at_most_s: float = float("inf")) -> dict[str, Any]:
        """The JSON object that a GET answers. Raises DeviceUnreachable, DeviceTimeout, DeviceError."""
        left_s = min(self._timeout_s - self._elapsed_s(), at_most_s)
        try:
            status, body = _exchange(self.address, path, Deadline(left_s))
        except TimeoutError as error:
            raise DeviceTimeout(f"{self} did not answer within {self._timeout_s:g} s") from error
        except OSError as error:
            cause = str(error.strerror or error) or type(error).__name__
            raise DeviceUnreachable(
                f"{self} cannot be reached ({cause[:1].lower()}{cause[1:]}); check that it runs and that no "
                f"firewall is in between"
            ) from error
        except NoHttp as error:
            raise DeviceError(f"{self} answered {path} with {error}") from error
        if status != 200:
            raise DeviceError(f"{self} answered {path} with HTTP {status}")
        try:
            reply = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise DeviceError(f"{self} answered {path} with what is no JSON") from error
        if not isinstance(reply, dict):
            raise DeviceError(f"{self} answered {path} with what is no Alpaca reply")
        return reply


def _exchange(address: str, path: str, deadline: Deadline) -> tuple[int, bytes]:
    """One GET on a connection of its own: no proxy, no redirect, at most 1 MB."""
    host, _, port = address.rpartition(":")
    plain = host.strip("[]")
    # A scope (fe80::1%eth0) means something to this machine only.
    name = f"[{plain.partition('%')[0]}]" if ":" in plain else plain
    lines = (f"GET {path} HTTP/1.1", f"Host: {name}:{port}", "Accept: application/json", "Connection: close")
    connection = Connection(plain, int(port), deadline)
    try:
        connection.send("".join(f"{line}\r\n" for line in (*lines, "")).encode("ascii", "replace"), deadline)
        reply = connection.receive(deadline)
        return reply.status, reply.read(_LARGEST_REPLY)
    finally:
        connection.close()


def _text(value: object) -> str:
    """What a server calls something, printable, on one line and not too long; empty for what is no text."""
    if not isinstance(value, str):
        return ""
    return "".join(c if c.isprintable() else " " for c in value).strip()[:_LONGEST_NAME]
