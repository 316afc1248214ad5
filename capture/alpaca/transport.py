"""One HTTP exchange with an Alpaca device: the narrow seam to the hardware.

No proxies, no redirects, ids on every request. A GET is repeated once on a dropped connection; a PUT only
where it provably did not go out. What crosses this file is checked: a reply is either its value or a typed
error that names device, call, cause and remedy.

Each device has a kept connection for ordinary calls and one for images. What must never wait behind another
call (abort, park, close), and the state that is read after it, takes a third, or a new one.
"""

from __future__ import annotations

import itertools
import json
import os
import threading
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlencode

from capture.alpaca.connection import Connection, Deadline, NoHttp, Response
from capture.clock import Clock
from capture.config import Timeouts
from capture.errors import ClockError, DeviceError, DeviceRefused, DeviceTimeout, DeviceUnreachable

T = TypeVar("T")
Reader = Callable[[Response], T]

NOT_IMPLEMENTED = 0x400
VALUE_NOT_SET = 0x402
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
# These never wait behind another call of the same device ...
_URGENT = frozenset({"abortexposure", "stopexposure", "park", "abortslew", "closeshutter", "haltcover"})
# ... and neither do the looks at what has become of them.
_STATES = frozenset({"camerastate", "atpark", "slewing", "shutterstatus", "coverstate", "imageready"})
# Drivers that move something before they answer, although they should not.
_SLOW = frozenset(
    {
        "abortslew", "closecover", "closeshutter", "connect", "connected", "disconnect", "findhome",
        "move", "moveabsolute", "movemechanical", "opencover", "openshutter", "park", "position",
        "slewtoaltaz", "slewtoaltazasync", "slewtoazimuth", "slewtocoordinates", "slewtocoordinatesasync",
        "tracking", "unpark",
    }
)  # fmt: skip
_CLIENT_ID = (os.getpid() % 65535) + 1
_transaction_ids = itertools.count(1)
_DELAY = "x-simulated-delay"


class HttpRefusal(DeviceError):
    """Raised for an HTTP status other than 200: the server does not know the call, or broke over it."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class _Lane:
    """A connection that is kept between calls, for one call at a time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.connection: Connection | None = None

    def drop(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class Line:
    """The connections to one device at `server` (host:port). Thread-safe.

    `clock`: pays for the delays that simulators announce instead of sleeping; none are paid without one.
    """

    def __init__(
        self,
        server: str,
        device_type: str,
        number: int,
        timeouts: Timeouts | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.device = f"{device_type} {number} at {server}"
        self.timeouts = timeouts if timeouts is not None else Timeouts()
        self.clock = clock
        self._server = server
        self._host, _, port = server.rpartition(":")
        self._host = self._host.strip("[]")
        if not self._host or not port.isdecimal() or not server.isprintable() or " " in server:
            raise DeviceError(f"{self.device} has no usable address; write host:port", sent=False)
        self._port = int(port)
        self._ordinary, self._urgent, self._images = _Lane(), _Lane(), _Lane()
        self._urgent_lanes = {"PUT": (self._urgent,), "GET": (self._ordinary, self._urgent)}
        self._path = f"/api/v1/{device_type}/{number}/"
        self._ids = f"ClientID={_CLIENT_ID}&ClientTransactionID="
        # A zone means something on this machine only.
        host = server.encode("ascii", "replace").decode().partition("%")
        shown = f"{host[0]}]:{port}" if host[1] else host[0]
        common = f" HTTP/1.1\r\nHost: {shown}\r\n"
        self._tail = common + "Accept: application/json\r\n\r\n"
        self._put_head = common + "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: "
        self._image_tail = common + "Accept: "

    def get(self, member: str, **parameters: object) -> Any:
        """The member's Value. Raises DeviceError or one of its kinds."""
        number, query = self._query(parameters)
        request = f"GET {self._path}{member}?{query}{self._tail}".encode()
        reply = self._json_call("GET", member, number, request)
        if "Value" not in reply:
            raise DeviceError(f"{self.device} answered {member} without a value")
        return reply["Value"]

    def put(self, member: str, **parameters: object) -> Any:
        """Call or set the member; the reply's Value, None where it has none.

        Never sent twice. After a DeviceTimeout or DeviceUnreachable with `sent` the device may have done it:
        read its state.
        """
        number, body = self._query(parameters)
        request = f"PUT {self._path}{member}{self._put_head}{len(body)}\r\n\r\n{body}".encode()
        return self._json_call("PUT", member, number, request).get("Value")

    def fetch(self, member: str, accept: str, read: Reader[T]) -> T:
        """GET a large body: `read` consumes the response while it streams. Other calls go on meanwhile."""
        number, query = self._query({})
        request = f"GET {self._path}{member}?{query}{self._image_tail}{accept}\r\n\r\n".encode()

        def checked(response: Response) -> T:
            response.transaction = number
            return read(response)

        return self._exchange("GET", member, (self._images,), request, self.timeouts.image_s, checked)

    def close(self) -> None:
        """Drop the connections; the next call makes a new one."""
        for lane in (self._ordinary, self._urgent, self._images):
            with lane.lock:
                lane.drop()

    def _timeout_s(self, method: str, member: str) -> float:
        """The deadline of such a call, images apart."""
        if method == "GET":
            return self.timeouts.read_s
        return self.timeouts.slow_write_s if member in _SLOW else self.timeouts.write_s

    def _query(self, parameters: dict[str, object]) -> tuple[int, str]:
        """A new transaction's number, and the parameters with the ids as a query."""
        number = next(_transaction_ids) % 2**31
        query = f"{self._ids}{number}"
        if parameters:
            query += "&" + urlencode({name: str(value) for name, value in parameters.items()})
        return number, query

    def _json_call(self, method: str, member: str, number: int, request: bytes) -> dict[str, Any]:
        lanes: tuple[_Lane, ...] = (self._ordinary,)
        never_waits = False
        if member in (_URGENT if method == "PUT" else _STATES):
            lanes, never_waits = self._urgent_lanes[method], True
        timeout_s = self._timeout_s(method, member)
        raw = self._exchange(
            method, member, lanes, request, timeout_s, Response.read, never_waits=never_waits
        )
        try:
            reply = json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise DeviceError(f"{self.device} answered {member} with no valid JSON: {raw[:80]!r}") from error
        if not isinstance(reply, dict):
            raise DeviceError(f"{self.device} answered {member} with no Alpaca reply: {raw[:80]!r}")
        echo = reply.get("ClientTransactionID", 0)
        if echo not in (0, number):
            self.check_echo(member, echo, number)
        if error_number := reply.get("ErrorNumber", 0):
            if not isinstance(error_number, int):
                raise DeviceError(f"{self.device} answered {member} with the error number {error_number!r}")
            self.check_error(member, error_number, str(reply.get("ErrorMessage", "")))
        return reply

    def check_echo(self, member: str, echo: object, number: int) -> None:
        """Raise DeviceError when a reply names another transaction than the one asked; 0 names none."""
        if echo in (0, number, str(number), None, "", "0"):
            return
        for lane in (self._ordinary, self._urgent, self._images):
            if lane.lock.acquire(blocking=False):
                lane.drop()
                lane.lock.release()
        raise DeviceError(
            f"{self.device} answered {member} with the reply to another call (transaction {echo!r} "
            f"instead of {number}); its server, or what stands between, mixes up its clients"
        )

    def check_error(self, member: str, number: int, message: str) -> None:
        """Raise DeviceRefused unless the Alpaca error `number` is 0."""
        if number:
            meaning = _ERROR_NAMES.get(number, "driver error")
            raise DeviceRefused(
                f"{self.device} refused {member}: {message or meaning} (0x{number:X}, {meaning})", number
            )

    def _exchange(
        self,
        method: str,
        member: str,
        lanes: tuple[_Lane, ...],
        request: bytes,
        timeout_s: float,
        read: Reader[T],
        *,
        never_waits: bool = False,
    ) -> T:
        deadline = Deadline(timeout_s)
        charge_s = 0.0

        def handle(response: Response) -> T:
            nonlocal charge_s
            if _DELAY in response.headers:
                delay_s = self._delay_s(response.headers[_DELAY])
                charge_s = min(delay_s, timeout_s)
                if delay_s >= timeout_s:
                    raise TimeoutError
            self._check_status(member, response)
            return read(response)

        lane = self._take(method, member, lanes, deadline, never_waits)
        try:
            return self._on(lane, method, member, request, deadline, handle)
        finally:
            if lane not in (self._ordinary, self._urgent, self._images):
                lane.drop()
            lane.lock.release()
            # Only now: whoever sleeps in simulated time with a lock in his hand may stop it for ever.
            if charge_s and self.clock is not None:
                self.clock.sleep(charge_s)

    def _take(
        self, method: str, member: str, lanes: tuple[_Lane, ...], deadline: Deadline, never_waits: bool
    ) -> _Lane:
        """The first lane that is free, or else a new one where it must not wait, or the last one in time."""
        for lane in lanes:
            if lane.lock.acquire(blocking=False):
                return lane
        lane = _Lane() if never_waits else lanes[-1]
        if not lane.lock.acquire(timeout=deadline.seconds):
            raise DeviceTimeout(
                f"{self.device} was busy with another call for {deadline.seconds:g} s, so {method} {member} "
                f"was not sent",
                sent=False,
            )
        return lane

    def _delay_s(self, text: str) -> float:
        """What a simulator says that its reply would have taken, where the clock keeps this thread's time."""
        if self.clock is None or not self.clock.jumps:
            return 0.0
        try:
            self.clock.me()
            return max(0.0, float(text))
        except (ClockError, ValueError):
            return 0.0

    def _on(
        self, lane: _Lane, method: str, member: str, request: bytes, deadline: Deadline, read: Reader[T]
    ) -> T:
        for last_attempt in (False, True):
            if lane.connection is not None and not lane.connection.is_usable():
                lane.drop()
            fresh = lane.connection is None
            connection = lane.connection = lane.connection or self._open(method, member, deadline)
            done = False
            try:
                connection.send(request, deadline)
                response = connection.receive(deadline)
                value = read(response)
                done = response.drain()
                return value
            except TimeoutError as error:
                raise self._timeout(method, member, deadline.seconds, sent=connection.sent_any) from error
            except OSError as error:
                # The server may have carried out a PUT before it broke off; a GET does no harm twice.
                harmless = method == "GET" or (not fresh and not connection.sent_any)
                if harmless and not last_attempt:
                    continue
                raise DeviceUnreachable(
                    f"{self.device} broke off during {method} {member} ({_cause(error)}); look whether its "
                    f"server is still running",
                    sent=connection.sent_any,
                ) from error
            except NoHttp as error:
                raise DeviceError(
                    f"{self.device} answered {member} with {error}: it may be no Alpaca server"
                ) from error
            except DeviceError:
                # A refusal that was read to its end leaves the connection as good as before.
                done = response.ended and response.stays
                raise
            finally:
                if not done:
                    lane.drop()
        raise AssertionError("the second attempt returns or raises")

    def _timeout(self, method: str, member: str, timeout_s: float, *, sent: bool) -> DeviceTimeout:
        return DeviceTimeout(
            f"{self.device} did not answer {method} {member} within {timeout_s:g} s; look whether its server "
            f"or its driver hangs",
            sent=sent,
        )

    def _open(self, method: str, member: str, deadline: Deadline) -> Connection:
        try:
            seconds = min(self.timeouts.connect_s, deadline.left_s())
            return Connection(self._host, self._port, Deadline(seconds))
        except OSError as error:
            raise DeviceUnreachable(
                f"{self.device} cannot be reached ({_cause(error)}) for {method} {member}; check that its "
                f"server runs and that the address in the config is right",
                sent=False,
            ) from error

    def _check_status(self, member: str, response: Response) -> None:
        if response.status == 200:
            return
        text = ""
        if response.length is None or response.length <= 1 << 16:
            text = " ".join(response.read().decode("utf-8", "replace").split())[:300]
        raise HttpRefusal(
            f"{self.device} answered {member} with HTTP {response.status}: {text or 'no text'}",
            response.status,
        )


def _cause(error: BaseException) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    return str(error) or ("timed out" if isinstance(error, TimeoutError) else type(error).__name__)
