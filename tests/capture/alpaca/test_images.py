"""Images from the wire: every type arrives as it was, and no false claim costs memory."""

from __future__ import annotations

import json
import socket
import struct
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from capture.alpaca.images import fetch_image
from capture.alpaca.transport import Line
from capture.errors import DeviceError, DeviceRefused
from tests.capture.alpaca.fake_server import Answer, FakeServer
from tests.capture.alpaca.hostile import HostileServer

Dial = Callable[..., Line]

WIDTH, HEIGHT = 5, 3
WIRE_TYPES = {1: "<i2", 2: "<i4", 3: "<f8", 4: "<f4", 5: "<u8", 6: "u1", 7: "<i8", 8: "<u2", 9: "<u4"}


def picture(width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.int64]:
    """Rows of a picture in which every pixel differs."""
    return np.arange(width * height).reshape(height, width)


def image_bytes(
    rows: NDArray[np.generic],
    wire_type: int = 8,
    *,
    shape: tuple[int, int, int] | None = None,
    rank: int = 2,
    start: int = 44,
    version: int = 1,
    error: int = 0,
    data: bytes | None = None,
) -> bytes:
    """ImageBytes of a picture, [x, y] with y fastest; what is given replaces what would be right."""
    height, width = rows.shape
    header = (version, error, 0, 1, start, 2, wire_type, rank, *(shape or (width, height, 0)))
    if data is None:
        data = rows.T.astype(WIRE_TYPES.get(wire_type, "<u2")).tobytes()
    return struct.pack("<11i", *header) + bytes(start - 44) + data


def sends(fake: FakeServer, body: bytes, **more: int | bool) -> None:
    fake.always(Answer(body, content_type="application/imagebytes", **more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "hold",
    [
        lambda image: image,
        lambda image: image.T,
        lambda image: image[1:, ::2].T.view(np.int16),
        lambda image: image.T.ravel(order="F")[3:].data,
    ],
)
def test_an_image_keeps_its_pixels_as_long_as_any_view_of_it_is_held(
    fake: FakeServer, line: Line, hold: Callable[[NDArray[np.uint16]], object]
) -> None:
    sends(fake, image_bytes(picture()))
    held = hold(fetch_image(line, WIDTH, HEIGHT))
    expected = np.array(held)
    sends(fake, image_bytes(picture() + 1000))
    others = [fetch_image(line, WIDTH, HEIGHT) for _ in range(3)]
    np.testing.assert_array_equal(np.array(held), expected)
    assert not any(np.shares_memory(one, other) for one in others for other in others if one is not other)


def test_an_image_that_was_let_go_gives_its_memory_to_the_next(fake: FakeServer, line: Line) -> None:
    sends(fake, image_bytes(picture()))
    image = fetch_image(line, WIDTH, HEIGHT)
    place = image.ctypes.data
    del image
    assert fetch_image(line, WIDTH, HEIGHT).ctypes.data == place


@pytest.mark.parametrize("wire_type", WIRE_TYPES)
def test_every_wire_type_arrives_as_uint16_in_the_order_sent(
    fake: FakeServer, line: Line, wire_type: int
) -> None:
    rows = picture()
    sends(fake, image_bytes(rows, wire_type))
    image = fetch_image(line, WIDTH, HEIGHT)
    assert image.dtype == np.uint16
    assert image.flags.c_contiguous
    np.testing.assert_array_equal(image.T, rows)


def test_a_pixel_at_x_and_y_lies_there_in_the_order_sent(fake: FakeServer, line: Line) -> None:
    rows = np.zeros((700, 600), np.uint16)
    rows[650, 20] = 1000
    sends(fake, image_bytes(rows))
    image = fetch_image(line, 600, 700)
    assert np.argwhere(image).tolist() == [[20, 650]]


def test_json_is_taken_where_a_server_knows_no_image_bytes(fake: FakeServer, line: Line) -> None:
    fake.always(Answer(json.dumps({"Type": 2, "Rank": 2, "Value": picture().T.tolist()}).encode()))
    np.testing.assert_array_equal(fetch_image(line, WIDTH, HEIGHT), picture().T)


def test_a_content_type_with_parameters_is_understood(fake: FakeServer, line: Line) -> None:
    content_type = "application/ImageBytes; charset=utf-8"
    fake.always(Answer(image_bytes(picture()), content_type=content_type))
    np.testing.assert_array_equal(fetch_image(line, WIDTH, HEIGHT), picture().T)


def test_data_may_begin_later_than_the_header_ends(fake: FakeServer, line: Line) -> None:
    sends(fake, image_bytes(picture(), start=64))
    np.testing.assert_array_equal(fetch_image(line, WIDTH, HEIGHT), picture().T)


@pytest.mark.parametrize("highest", [65535, 65536])
def test_wide_integers_are_narrowed_only_when_they_fit(fake: FakeServer, line: Line, highest: int) -> None:
    rows = picture()
    rows[1, 2] = highest
    sends(fake, image_bytes(rows, 2))
    if highest <= 65535:
        assert fetch_image(line, WIDTH, HEIGHT)[2, 1] == highest
    else:
        with pytest.raises(DeviceError, match="from 0 to 65536, which do not fit 16 bits"):
            fetch_image(line, WIDTH, HEIGHT)


@pytest.mark.parametrize("wire_type", [1, 2, 3, 4, 7])
def test_negative_pixels_are_refused(fake: FakeServer, line: Line, wire_type: int) -> None:
    sends(fake, image_bytes(picture() - 1, wire_type))
    with pytest.raises(DeviceError, match="from -1 to 13"):
        fetch_image(line, WIDTH, HEIGHT)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_pixels_that_are_no_numbers_are_refused(fake: FakeServer, line: Line, bad: float) -> None:
    rows = picture().astype(np.float64)
    rows[0, 0] = bad
    sends(fake, image_bytes(rows, 3))
    with pytest.raises(DeviceError, match="do not fit 16 bits"):
        fetch_image(line, WIDTH, HEIGHT)


@pytest.mark.parametrize("kept", [0, 20, 43, 44, 50])
def test_a_body_that_breaks_off_is_refused_wherever_it_breaks(
    fake: FakeServer, line: Line, kept: int
) -> None:
    whole = image_bytes(picture())
    sends(fake, whole[:kept], length=len(whole), hang_up=True)
    with pytest.raises(DeviceError, match="camera 0"):
        fetch_image(line, WIDTH, HEIGHT)


@pytest.mark.parametrize("extra", [-2, 2])
def test_a_body_of_another_length_than_its_pixels_is_refused(
    fake: FakeServer, line: Line, extra: int
) -> None:
    data = bytes(WIDTH * HEIGHT * 2 + extra)
    sends(fake, image_bytes(picture(), data=data))
    with pytest.raises(DeviceError, match=f"announced {len(data)} bytes for an image that needs 30"):
        fetch_image(line, WIDTH, HEIGHT)


def test_a_claim_of_billions_of_rows_is_refused_before_memory_is_taken(fake: FakeServer, line: Line) -> None:
    sends(fake, image_bytes(picture(), shape=(2**31 - 1, 2**31 - 1, 0)))
    tracemalloc.start()
    try:
        with pytest.raises(DeviceError, match="where 5 x 3 was asked for"):
            fetch_image(line, WIDTH, HEIGHT)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("shape", "rank"),
    [((HEIGHT, WIDTH, 0), 2), ((WIDTH, HEIGHT + 1, 0), 2), ((WIDTH, HEIGHT, 3), 3), ((-1, 3, 0), 2)],
    ids=["transposed", "a row more", "colour planes", "negative"],
)
def test_an_image_of_another_shape_than_asked_for_is_refused(
    fake: FakeServer, line: Line, shape: tuple[int, int, int], rank: int
) -> None:
    sends(fake, image_bytes(picture(), shape=shape, rank=rank))
    with pytest.raises(DeviceError, match="where 5 x 3 was asked for"):
        fetch_image(line, WIDTH, HEIGHT)


@pytest.mark.parametrize("wire_type", [0, 10, -1])
def test_an_unknown_wire_type_is_refused(fake: FakeServer, line: Line, wire_type: int) -> None:
    sends(fake, image_bytes(picture(), wire_type))
    with pytest.raises(DeviceError, match=f"unknown type {wire_type}"):
        fetch_image(line, WIDTH, HEIGHT)


@pytest.mark.parametrize(("version", "start"), [(2, 44), (1, 70_000)])
def test_a_header_that_makes_no_sense_is_refused(
    fake: FakeServer, line: Line, version: int, start: int
) -> None:
    sends(fake, image_bytes(picture(), version=version, start=start))
    with pytest.raises(DeviceError, match=f"header of version {version}, data at {start}"):
        fetch_image(line, WIDTH, HEIGHT)


def test_an_error_in_image_bytes_is_a_refusal_with_its_text(fake: FakeServer, line: Line) -> None:
    sends(fake, image_bytes(picture(), error=0x40B, data="no image is ready, é".encode()))
    with pytest.raises(DeviceRefused, match="no image is ready, é") as caught:
        fetch_image(line, WIDTH, HEIGHT)
    assert caught.value.number == 0x40B


def test_an_error_in_json_is_a_refusal_too(fake: FakeServer, line: Line) -> None:
    fake.always(Answer(b'{"ErrorNumber": 1035, "ErrorMessage": "not yet"}'))
    with pytest.raises(DeviceRefused, match="not yet"):
        fetch_image(line, WIDTH, HEIGHT)


@pytest.mark.parametrize(
    "value",
    [[[1, 2], [3]], [["a"] * HEIGHT] * WIDTH, [[None] * HEIGHT] * WIDTH, 5, None, picture().tolist()],
    ids=["ragged", "text", "nulls", "a number", "null", "transposed"],
)
def test_json_that_is_no_such_image_is_refused(fake: FakeServer, line: Line, value: object) -> None:
    fake.always(Answer(json.dumps({"Value": value}).encode()))
    with pytest.raises(DeviceError, match="camera 0"):
        fetch_image(line, WIDTH, HEIGHT)


def test_the_line_works_on_after_a_bad_image(fake: FakeServer, line: Line) -> None:
    sends(fake, image_bytes(picture(), 99))
    with pytest.raises(DeviceError):
        fetch_image(line, WIDTH, HEIGHT)
    sends(fake, image_bytes(picture()))
    np.testing.assert_array_equal(fetch_image(line, WIDTH, HEIGHT), picture().T)


def test_a_wide_image_of_many_pieces_is_narrowed_and_checked_to_its_last_pixel(
    fake: FakeServer, line: Line
) -> None:
    rows = np.random.default_rng(1).integers(0, 65536, (900, 1111)).astype(np.int64)
    sends(fake, image_bytes(rows, 2))
    np.testing.assert_array_equal(fetch_image(line, 1111, 900), rows.T)
    rows[-1, -1] = 65536
    sends(fake, image_bytes(rows, 2))
    with pytest.raises(DeviceError, match="65536, which do not fit 16 bits"):
        fetch_image(line, 1111, 900)


@pytest.mark.parametrize("wire_type", [2, 8])
def test_an_image_costs_no_more_memory_than_its_own(fake: FakeServer, line: Line, wire_type: int) -> None:
    rows = np.zeros((2000, 4000), np.uint16)
    sends(fake, image_bytes(rows, wire_type))
    fetch_image(line, 4000, 2000)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        image = fetch_image(line, 4000, 2000)
        assert tracemalloc.get_traced_memory()[1] - before < 1.2 * image.nbytes
    finally:
        tracemalloc.stop()


def test_an_image_in_json_costs_no_more_memory_than_its_own(fake: FakeServer, line: Line) -> None:
    columns = np.arange(1000 * 800).reshape(1000, 800) % 65536
    fake.always(Answer(json.dumps({"ErrorNumber": 0, "Value": columns.tolist(), "Rank": 2}).encode()))
    np.testing.assert_array_equal(fetch_image(line, 1000, 800), columns)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        image = fetch_image(line, 1000, 800)
        assert tracemalloc.get_traced_memory()[1] - before < image.nbytes + (1 << 20)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("wire_type", [3, 4])
def test_fractions_of_a_pixels_level_are_refused(fake: FakeServer, line: Line, wire_type: int) -> None:
    sends(fake, image_bytes(picture() + 0.5, wire_type))
    with pytest.raises(DeviceError, match="fractions of ADU"):
        fetch_image(line, WIDTH, HEIGHT)


def chunks(body: bytes, size: int) -> bytes:
    pieces = [body[n : n + size] for n in range(0, len(body), size)]
    return (
        b"".join(b"%x;ext=1\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\nTrailer: 1\r\n\r\n"
    )


CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/imagebytes\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("size", [1, 7, 44, 1000])
def test_chunks_of_any_size_are_put_together_and_the_connection_is_kept(
    hostile: HostileServer, dial: Dial, size: int
) -> None:
    whole = CHUNKED + chunks(image_bytes(picture(), 2), size)
    hostile.act = lambda connection, _request: connection.sendall(whole)
    line = dial(server=hostile.address)
    for _ in range(3):
        np.testing.assert_array_equal(fetch_image(line, WIDTH, HEIGHT), picture().T)
    assert hostile.connections == 1


@pytest.mark.parametrize(
    ("kept", "text"), [(-3, "cut off the image after 27 of 30"), (None, "more bytes than")]
)
def test_chunks_that_end_too_early_or_too_late_are_refused(
    hostile: HostileServer, dial: Dial, kept: int | None, text: str
) -> None:
    body = image_bytes(picture())[:kept] if kept else image_bytes(picture()) + b"more"
    hostile.act = lambda connection, _request: connection.sendall(CHUNKED + chunks(body, 20))
    with pytest.raises(DeviceError, match=text):
        fetch_image(dial(server=hostile.address), WIDTH, HEIGHT)


def test_an_image_that_ends_with_the_connection_is_taken_when_it_is_whole(
    hostile: HostileServer, dial: Dial
) -> None:
    body = image_bytes(picture())

    def act(connection: socket.socket, _request: str) -> bool:
        connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: application/imagebytes\r\n\r\n" + body)
        return False

    hostile.act = act
    line = dial(server=hostile.address)
    np.testing.assert_array_equal(fetch_image(line, WIDTH, HEIGHT), picture().T)
    body = body[:-1]
    with pytest.raises(DeviceError, match="cut off the image after 29 of 30"):
        fetch_image(line, WIDTH, HEIGHT)


def test_an_image_that_broke_off_is_fetched_once_more(hostile: HostileServer, dial: Dial) -> None:
    body = image_bytes(picture())
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/imagebytes\r\nContent-Length: {len(body)}\r\n\r\n"
    left = [len(body) // 2, len(body)]

    def act(connection: socket.socket, _request: str) -> bool:
        connection.sendall(head.encode() + body[: left.pop(0)])
        return bool(left) is False

    hostile.act = act
    np.testing.assert_array_equal(fetch_image(dial(server=hostile.address), WIDTH, HEIGHT), picture().T)
    assert hostile.requests == [("GET", "imagearray")] * 2
