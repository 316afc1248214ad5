"""Images from the wire: every type arrives as it was, and no false claim costs memory."""

from __future__ import annotations

import json
import struct
import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray

from capture.alpaca.images import fetch_image
from capture.alpaca.transport import Line
from capture.errors import DeviceError, DeviceRefused
from tests.capture.alpaca.fake_server import Answer, FakeServer

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
