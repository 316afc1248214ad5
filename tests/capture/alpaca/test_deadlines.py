"""Nothing waits longer than it was told to, whatever a device does, and no device waits for another."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from capture.alpaca.images import fetch_image
from capture.alpaca.transport import Line
from capture.clock import SimulatedClock, SystemClock
from capture.config import Timeouts
from capture.errors import DeviceError, DeviceTimeout, DeviceUnreachable
from tests.capture.alpaca.hostile import HostileServer, reply

Dial = Callable[..., Line]
# For a machine with much else to do; whoever waited too long would wait at least two seconds longer.
SOON_S = 8.0
SHORT = Timeouts(connect_s=0.3, read_s=0.3, write_s=0.3, slow_write_s=0.3, image_s=0.3)


@contextmanager
def within(low_s: float, high_s: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert low_s <= time.monotonic() - began <= high_s


def in_vain(hostile: HostileServer, call: Callable[[], object]) -> threading.Thread:
    """Make a call that will fail on a thread of its own; return when the server has heard it."""

    def work() -> None:
        with pytest.raises(DeviceError):
            call()

    thread = threading.Thread(target=work)
    heard = len(hostile.requests)
    thread.start()
    while len(hostile.requests) == heard:
        time.sleep(0.005)
    return thread


@pytest.fixture
def short(hostile: HostileServer, dial: Dial) -> Line:
    return dial(SHORT, hostile.address)


IMAGE_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/imagebytes\r\nContent-Length: 1000044\r\n\r\n"
DRIPS = {
    "the head": reply(),
    "the body": reply("x" * 500),
    "a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100\r\n" + b" " * 256,
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 100,
    "headers without end": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100,
    "continues": b"HTTP/1.1 100 Continue\r\n\r\n" * 100,
    "a body without a length": b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 500,
    "an error's text": b"HTTP/1.1 500 Broken\r\nContent-Length: 500\r\n\r\n" + b"x" * 500,
}


@pytest.mark.parametrize("what", DRIPS)
def test_a_server_that_drips_bytes_does_not_stretch_the_deadline(
    hostile: HostileServer, short: Line, what: str
) -> None:
    whole = DRIPS[what]
    hostile.act = lambda connection, _request: (
        hostile.drip(connection, whole[40:], 0.05) if not (connection.sendall(whole[:40])) else None
    )
    for call in (lambda: short.get("gain"), lambda: short.put("gain", Gain=1)):
        with within(0.25, SOON_S), pytest.raises(DeviceTimeout, match=r"gain within 0\.3 s"):
            call()


def test_an_image_that_drips_ends_at_its_own_deadline(hostile: HostileServer, short: Line) -> None:
    start = IMAGE_HEAD + struct.pack("<11i", 1, 0, 0, 1, 44, 2, 8, 2, 1000, 500, 0)

    def act(connection: socket.socket, _request: str) -> bool:
        connection.sendall(start)
        return hostile.drip(connection, bytes(1_000_000), 0.05)

    hostile.act = act
    with within(0.25, SOON_S), pytest.raises(DeviceTimeout, match=r"GET imagearray within 0\.3 s"):
        fetch_image(short, 1000, 500)


def test_a_server_that_takes_no_connection_ends_at_the_connect_deadline(dial: Dial) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        taken = [socket.socket() for _ in range(4)]
        for taker in taken:
            taker.setblocking(False)
            taker.connect_ex(("127.0.0.1", port))
        line = dial(SHORT, f"127.0.0.1:{port}")
        with within(0.25, SOON_S), pytest.raises(DeviceUnreachable, match="cannot be reached") as caught:
            line.put("park")
        assert not caught.value.sent
        for taker in taken:
            taker.close()


def test_a_name_that_cannot_be_looked_up_ends_in_time_too(
    dial: Dial, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()

    def slow(*_args: object, **_more: object) -> list[object]:
        released.wait(10)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    with within(0.25, SOON_S), pytest.raises(DeviceUnreachable, match="looked up"):
        dial(SHORT, "observatory.example:11111").get("gain")
    released.set()


def test_a_call_that_waits_behind_another_ends_at_its_own_deadline(
    hostile: HostileServer, dial: Dial
) -> None:
    hostile.act = hostile.hang
    line = dial(Timeouts(read_s=0.3, write_s=30.0), hostile.address)
    holder = in_vain(hostile, lambda: line.put("gain", Gain=1))
    with within(0.25, SOON_S), pytest.raises(DeviceTimeout, match="busy with another call") as caught:
        line.get("gain")
    assert not caught.value.sent
    hostile.released.set()
    holder.join()


@pytest.mark.parametrize("member", ["abortexposure", "stopexposure", "park", "abortslew", "closeshutter"])
@pytest.mark.parametrize("busy_with", ["get", "put", "image"])
def test_what_must_not_wait_passes_a_call_that_hangs(
    hostile: HostileServer, dial: Dial, member: str, busy_with: str
) -> None:
    line = dial(None, hostile.address)
    hostile.hang_on("gain", "imagearray")
    calls: dict[str, Callable[[], object]] = {
        "get": lambda: line.get("gain"),
        "put": lambda: line.put("gain", Gain=1),
        "image": lambda: fetch_image(line, 9, 9),
    }
    holder = in_vain(hostile, calls[busy_with])
    with within(0.0, SOON_S):
        line.put(member)
        assert line.get("camerastate") is True, "and so does the look at what has become of it"
    assert holder.is_alive()
    hostile.act = hostile.hang_up
    hostile.released.set()
    holder.join()


def test_what_must_not_wait_does_not_even_wait_for_its_own_kind(hostile: HostileServer, dial: Dial) -> None:
    line = dial(None, hostile.address)
    hostile.hang_on("park")
    holder = in_vain(hostile, lambda: line.put("park"))
    with within(0.0, SOON_S):
        line.put("abortslew")
        assert line.get("atpark") is True
    hostile.released.set()
    holder.join()


def test_an_image_on_its_way_holds_up_no_other_call(hostile: HostileServer, dial: Dial) -> None:
    line = dial(None, hostile.address)
    hostile.hang_on("imagearray")
    download = in_vain(hostile, lambda: fetch_image(line, 9, 9))
    with within(0.0, SOON_S):
        assert line.get("ccdtemperature") is True
    hostile.act = hostile.hang_up
    hostile.released.set()
    download.join()


def test_a_put_that_timed_out_is_not_sent_again_and_says_that_it_may_have_been_heard(
    hostile: HostileServer, short: Line
) -> None:
    hostile.act = hostile.hang
    with pytest.raises(DeviceTimeout) as caught:
        short.put("position", Position=1)
    assert caught.value.sent
    assert hostile.requests == [("PUT", "position")]


def test_each_kind_of_call_has_a_deadline_of_its_own(hostile: HostileServer, dial: Dial) -> None:
    hostile.act = hostile.hang
    line = dial(Timeouts(read_s=0.11, write_s=0.12, slow_write_s=0.13, image_s=0.14), hostile.address)
    calls: dict[str, Callable[[], object]] = {
        "0.11": lambda: line.get("gain"),
        "0.12": lambda: line.put("gain", Gain=1),
        "0.13": lambda: line.put("position", Position=1),
        "0.14": lambda: fetch_image(line, 9, 9),
    }
    for seconds, call in calls.items():
        with pytest.raises(DeviceTimeout, match=f"within {seconds} s"):
            call()


class TestASimulatedDelay:
    """A simulator answers at once and says how long it would have taken."""

    @pytest.fixture
    def clock(self) -> SimulatedClock:
        return SimulatedClock(datetime(2026, 1, 1, tzinfo=UTC))

    def says(self, hostile: HostileServer, delay_s: float, body: bytes | None = None) -> None:
        head = f"X-Simulated-Delay: {delay_s}\r\n"
        whole = reply(7, head=head)
        empty = f"HTTP/1.1 200 OK\r\n{head}Content-Length: 0\r\n\r\n".encode()
        hostile.act = lambda connection, _request: connection.sendall(whole if body is None else empty)

    def test_costs_simulated_time(self, hostile: HostileServer, dial: Dial, clock: SimulatedClock) -> None:
        self.says(hostile, 4.0)
        line = dial(None, hostile.address, clock)
        assert clock.run(lambda: line.get("gain")) == 7
        assert clock.monotonic() == 4

    @pytest.mark.parametrize(("method", "seconds"), [("get", 10), ("put", 15)])
    def test_beyond_the_deadline_is_a_time_out_after_just_that_long(
        self, hostile: HostileServer, dial: Dial, clock: SimulatedClock, method: str, seconds: float
    ) -> None:
        self.says(hostile, 1e9, body=b"")
        line = dial(None, hostile.address, clock)
        with within(0.0, SOON_S), pytest.raises(DeviceTimeout, match=f"within {seconds} s") as caught:
            clock.run(lambda: getattr(line, method)("gain"))
        assert caught.value.sent
        assert clock.monotonic() == seconds
        assert len(hostile.requests) == 1

    def test_of_an_image_is_charged_to_the_image(
        self, hostile: HostileServer, dial: Dial, clock: SimulatedClock
    ) -> None:
        self.says(hostile, 1e9, body=b"")
        line = dial(None, hostile.address, clock)
        with pytest.raises(DeviceTimeout, match="GET imagearray within 120 s"):
            clock.run(lambda: fetch_image(line, 9, 9))
        assert clock.monotonic() == 120

    def test_holds_no_lock_while_it_passes(
        self, hostile: HostileServer, dial: Dial, clock: SimulatedClock
    ) -> None:
        self.says(hostile, 9.9)
        line = dial(None, hostile.address, clock)

        def main() -> None:
            other = clock.spawn(lambda: line.get("gain"), "other")
            line.get("offset")
            other.join()

        with within(0.0, SOON_S):
            clock.run(main)
        assert clock.monotonic() == 9.9

    def test_is_ignored_on_the_machines_clock_and_by_threads_that_are_no_workers(
        self, hostile: HostileServer, dial: Dial, clock: SimulatedClock
    ) -> None:
        self.says(hostile, 1e9)
        with within(0.0, SOON_S):
            assert dial(None, hostile.address, SystemClock()).get("gain") == 7
            assert dial(None, hostile.address, clock).get("gain") == 7
            assert dial(None, hostile.address).get("gain") == 7
        assert clock.monotonic() == 0
