"""Whatever bytes a server sends: an answer or a typed error, in time, and in bounded memory."""

from __future__ import annotations

import json
import socket
import struct
import tracemalloc
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from capture.alpaca.images import fetch_image
from capture.alpaca.transport import Line
from capture.config import Timeouts
from capture.errors import DeviceError, DeviceTimeout
from tests.capture.alpaca.hostile import HostileServer

WIDTH, HEIGHT = 4, 3
PICTURE = np.arange(WIDTH * HEIGHT).reshape(WIDTH, HEIGHT)
TYPES = {1: "<i2", 2: "<i4", 3: "<f8", 4: "<f4", 5: "<u8", 6: "u1", 7: "<i8", 8: "<u2", 9: "<u4"}
PATIENCE_S = 60.0
BOUND = 6 << 20

fuzz = settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
edits = st.lists(
    st.tuples(st.integers(0, 400), st.integers(0, 12), st.binary(max_size=24)), min_size=1, max_size=4
)


@pytest.fixture
def line(hostile: HostileServer) -> Iterator[Line]:
    quick = Timeouts(
        connect_s=PATIENCE_S,
        read_s=PATIENCE_S,
        write_s=PATIENCE_S,
        slow_write_s=PATIENCE_S,
        image_s=PATIENCE_S,
    )
    line = Line(hostile.address, "camera", 0, quick)
    yield line
    line.close()


@st.composite
def mutated(draw: st.DrawFn, whole: st.SearchStrategy[bytes]) -> bytes:
    """A good answer with some of its bytes replaced, taken out, or more put in."""
    data = bytearray(draw(whole))
    for place, length, new in draw(edits):
        at = place % (len(data) + 1)
        data[at : at + length] = new
    return bytes(data)


def answer(body: bytes, content_type: str) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def in_chunks(body: bytes, content_type: str) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head.encode() + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


def image_bytes(wire_type: int) -> bytes:
    header = struct.pack("<11i", 1, 0, 0, 1, 44, 2, wire_type, 2, WIDTH, HEIGHT, 0)
    return header + PICTURE.astype(TYPES[wire_type]).tobytes()


def json_image(more: dict[str, object], rank_3: bool) -> bytes:
    value = (PICTURE[:, :, None] if rank_3 else PICTURE).tolist()
    return json.dumps({"Rank": 2, "Value": value, "ErrorNumber": 0} | more).encode()


framed = st.sampled_from([answer, in_chunks])
plain = st.builds(
    lambda frame, value: frame(json.dumps({"Value": value, "ErrorNumber": 0}).encode(), "application/json"),
    framed,
    st.one_of(st.booleans(), st.floats(), st.text(max_size=5), st.lists(st.integers(), max_size=3)),
)
images = st.builds(
    lambda frame, wire_type: frame(image_bytes(wire_type), "application/imagebytes"),
    framed,
    st.sampled_from(sorted(TYPES)),
)
json_images = st.builds(
    lambda frame, more, rank_3: frame(json_image(more, rank_3), "application/json"),
    framed,
    st.sampled_from([{}, {"ErrorNumber": 1e400}, {"ClientTransactionID": [[1]]}, {"ErrorNumber": 0x500}]),
    st.booleans(),
)


def is_survived(hostile: HostileServer, data: bytes, call: Callable[[], object]) -> None:
    """Send `data` and hang up: what `call` raises, if anything, is ours, and it keeps within the bounds."""

    def act(connection: socket.socket, _request: str) -> bool:
        connection.sendall(data)
        return False

    hostile.act = act
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    try:
        call()
    except DeviceTimeout:
        # The server has hung up: whoever still waits has missed it.
        raise
    except DeviceError:
        pass
    assert tracemalloc.get_traced_memory()[1] - before < BOUND


@pytest.fixture(autouse=True)
def _traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@fuzz
@given(data=st.one_of(st.binary(max_size=300), mutated(plain)))
def test_an_answer_of_any_bytes_is_a_value_or_a_typed_error(
    hostile: HostileServer, line: Line, data: bytes
) -> None:
    is_survived(hostile, data, lambda: line.get("connected"))


@fuzz
@given(data=st.one_of(mutated(images), mutated(json_images)))
def test_an_image_of_any_bytes_is_a_picture_or_a_typed_error(
    hostile: HostileServer, line: Line, data: bytes
) -> None:
    def fetch() -> None:
        image = fetch_image(line, WIDTH, HEIGHT)
        assert (image.shape, image.dtype) == ((WIDTH, HEIGHT), np.uint16)

    is_survived(hostile, data, fetch)


@fuzz
@given(
    header=st.lists(st.integers(-(2**31), 2**31 - 1), min_size=11, max_size=11), rest=st.binary(max_size=64)
)
def test_an_image_header_of_any_numbers_costs_no_memory(
    hostile: HostileServer, line: Line, header: list[int], rest: bytes
) -> None:
    plausible = [1, 0, 0, 1, 44, 2, 8, 2, WIDTH, HEIGHT, 0]
    mixed = [good if odd % 3 else odd for good, odd in zip(plausible, header, strict=True)]
    body = struct.pack("<11i", *mixed) + rest
    is_survived(hostile, answer(body, "application/imagebytes"), lambda: fetch_image(line, WIDTH, HEIGHT))


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 " + b"1" * 5000 + b" OK\r\n\r\n",
        answer(b"[" * 100_000, "application/json"),
        answer(b'{"Value": ' + b"[" * 100_000, "application/json"),
        answer(b'{"Value": [[' + b"[" * 100_000 + b"]" * 100_000, "application/json"),
        answer(b'{"Value": [[' + b" " * 12_000_000, "application/json"),
        answer(b'{"Value": [[1,2,3]' + b" " * 12_000_000, "application/json"),
        answer(b'{"Value": [[1,2,3]' + b",[1,2,3]" * 1_500_000 + b"]}", "application/json"),
        answer(b'{"Value": 1, "ErrorMessage": "' + b"x" * 12_000_000 + b'"}', "application/json"),
        answer(b'{"Value": [[' + b"1," * 6_000_000 + b"1]]}", "application/json"),
        b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 1_500_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 1_000_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"T: 1\r\n" * 10_000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 2_000,
    ],
    ids=lambda data: data[:60].decode().replace("\r\n", "|"),
)
def test_what_is_far_too_long_or_too_deep_is_refused(hostile: HostileServer, line: Line, data: bytes) -> None:
    is_survived(hostile, data, lambda: fetch_image(line, WIDTH, HEIGHT))
    is_survived(hostile, data, lambda: line.get("connected"))
