"""What real devices and servers do, each met once as the notes list it."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from capture.alpaca.devices import Camera, Dome, FilterWheel, Telescope, optional
from capture.alpaca.transport import HttpRefusal
from capture.clock import SimulatedClock
from capture.config import DeviceAddress, Timeouts
from capture.errors import DeviceError, DeviceRefused, DeviceTimeout, DeviceUnreachable
from tests.capture.alpaca.fake_server import Answer, FakeServer, Request, value
from tests.capture.alpaca.hostile import HostileServer, member_of, reply

AnyDevice = Camera | Dome | FilterWheel | Telescope
Make = Callable[..., AnyDevice]


@pytest.fixture
def make(hostile: HostileServer) -> Iterator[Make]:
    """Make a device on the hostile server, or at a host of the caller's."""
    made: list[AnyDevice] = []

    def device(
        kind: type[AnyDevice], timeouts: Timeouts | None = None, host: str = "127.0.0.1", port: int = 0
    ) -> AnyDevice:
        made.append(kind(DeviceAddress(host=host, port=port or hostile.port, number=0), timeouts))
        return made[-1]

    yield device
    for device_made in made:
        device_made.close()


def answers(hostile: HostileServer, *, errors: dict[str, int] | None = None, **values: object) -> None:
    """Answer these members with these values, refuse those with `errors`, and say true to the rest."""

    def act(connection: socket.socket, request: str) -> object:
        member = member_of(request)
        number = (errors or {}).get(member, 0)
        if number:
            body = json.dumps({"ErrorNumber": number, "ErrorMessage": "no"}).encode()
            return connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        return connection.sendall(reply(values.get(member, True)))

    hostile.act = act


@pytest.mark.parametrize(("kind", "member"), [(FilterWheel, "position"), (Telescope, "park")])
def test_a_move_that_blocks_longer_than_a_write_may_is_waited_for(
    hostile: HostileServer, make: Make, kind: type[AnyDevice], member: str
) -> None:
    def act(connection: socket.socket, _request: str) -> object:
        time.sleep(0.4)
        return connection.sendall(reply(None))

    hostile.act = act
    device = make(kind, Timeouts(read_s=0.1, write_s=0.1, slow_write_s=20.0))
    device.line.put(member)
    assert hostile.requests == [("PUT", member)]


def test_a_move_that_blocks_even_longer_is_asked_about_and_not_told_again(
    hostile: HostileServer, make: Make
) -> None:
    wheel = make(FilterWheel, Timeouts(slow_write_s=0.2))
    hostile.hang_on("nothing")

    def act(connection: socket.socket, request: str) -> object:
        if request.startswith("PUT"):
            return hostile.hang(connection, request)
        return connection.sendall(reply(3))

    hostile.act = act
    with pytest.raises(DeviceTimeout) as caught:
        wheel.Position = 3  # type: ignore[union-attr]
    assert caught.value.sent
    assert wheel.Position == 3  # type: ignore[union-attr]
    assert hostile.count("PUT", "position") == 1


@pytest.mark.parametrize(
    "content_type", ["application/imagebytes; charset=utf-8", "Application/ImageBytes;charset=UTF-8"]
)
def test_imagebytes_with_a_charset_are_imagebytes(fake: FakeServer, make: Make, content_type: str) -> None:
    body = struct.pack("<11i", 1, 0, 0, 1, 44, 2, 8, 2, 1, 2, 0) + b"\1\0\2\0"
    fake.always(Answer(body, content_type=content_type))
    camera = make(Camera, port=int(fake.address.rpartition(":")[2]))
    assert camera.image(1, 2).tolist() == [[1], [2]]  # type: ignore[union-attr]


@pytest.mark.parametrize("family", ["127.0.0.1", "::1"])
def test_localhost_is_found_on_whichever_family_it_listens(make: Make, family: str) -> None:
    with HostileServer(family) as server:
        camera = make(Camera, host="localhost", port=server.port)
        assert camera.Connected is True
        camera.close()


def test_a_missing_error_number_is_no_error(hostile: HostileServer, make: Make) -> None:
    body = b'{"Value": 4, "ClientTransactionID": 0, "ServerTransactionID": 1}'
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    hostile.act = lambda connection, _request: connection.sendall(whole)
    assert make(Camera).Gain == 4  # type: ignore[union-attr]


def test_no_value_on_an_error_is_the_error(hostile: HostileServer, make: Make) -> None:
    answers(hostile, errors={"gain": 0x400})
    with pytest.raises(DeviceRefused) as caught:
        _ = make(Camera).Gain  # type: ignore[union-attr]
    assert caught.value.number == 0x400


@pytest.mark.parametrize("status", [400, 404])
@pytest.mark.parametrize("unknown", [("connecting",), ("connect", "connecting")])
def test_platform_7_that_is_only_claimed_is_connected_the_old_way(
    fake: FakeServer, make: Make, clock: SimulatedClock, status: int, unknown: tuple[str, ...]
) -> None:
    connected = False

    def answer(request: Request) -> Answer:
        nonlocal connected
        member = request.path.rpartition("/")[2]
        if member in unknown:
            return Answer(b"no such member", status, "text/plain")
        if request.method == "PUT":
            connected = True
        return value(4 if member == "interfaceversion" else connected)

    fake.answer = answer
    camera = make(Camera, port=int(fake.address.rpartition(":")[2]))
    clock.run(lambda: camera.open(clock))
    assert connected
    assert camera.Connecting is False


def test_a_server_that_breaks_over_connecting_is_not_taken_for_an_old_one(
    fake: FakeServer, make: Make
) -> None:
    fake.always(Answer(b"crashed", 500, "text/plain"))
    with pytest.raises(HttpRefusal, match="HTTP 500"):
        _ = make(Camera, port=int(fake.address.rpartition(":")[2])).Connecting


@pytest.mark.parametrize("fails", [1, 2])
def test_a_first_connect_that_fails_is_tried_once_more(
    fake: FakeServer, make: Make, clock: SimulatedClock, fails: int
) -> None:
    left, connected = fails, False

    def answer(request: Request) -> Answer:
        nonlocal left, connected
        member = request.path.rpartition("/")[2]
        if request.method == "PUT":
            left -= 1
            if left >= 0:
                return Answer(b'{"ErrorNumber": 1026, "ErrorMessage": "not set"}')
            connected = True
        return value(4 if member == "interfaceversion" else connected if member == "connected" else False)

    fake.answer = answer
    camera = make(Camera, port=int(fake.address.rpartition(":")[2]))
    if fails == 1:
        clock.run(lambda: camera.open(clock))
        assert connected
    else:
        with pytest.raises(DeviceRefused, match="0x402"):
            clock.run(lambda: camera.open(clock))


def test_a_device_left_connected_by_a_vanished_client_is_taken_as_it_is(
    hostile: HostileServer, make: Make, clock: SimulatedClock
) -> None:
    camera = make(Camera)
    clock.run(lambda: camera.open(clock))
    clock.run(lambda: camera.open(clock))
    assert [method for method, _ in hostile.requests] == ["GET", "GET"]


def test_a_camera_that_blocks_while_it_connects_is_asked_until_it_has(
    fake: FakeServer, make: Make, clock: SimulatedClock
) -> None:
    """The older call: three minutes of USB and firmware, and no answer before."""
    camera = make(
        Camera, Timeouts(slow_write_s=0.2, device_connects_s=240), port=int(fake.address.rpartition(":")[2])
    )
    told: list[float] = []

    def answer(request: Request) -> Answer:
        if request.method == "PUT":
            told.append(clock.monotonic())
            time.sleep(0.5)
        member = request.path.rpartition("/")[2]
        return value(1 if member == "interfaceversion" else bool(told) and clock.monotonic() > 180)

    fake.answer = answer
    clock.run(lambda: camera.open(clock))
    assert 180 < clock.monotonic() < 182
    assert len(told) == 1


def test_how_long_a_camera_may_take_to_connect_is_configured(
    hostile: HostileServer, make: Make, clock: SimulatedClock
) -> None:
    answers(hostile, interfaceversion=4, connected=False, connecting=True)
    with pytest.raises(DeviceTimeout, match="still connecting after 45 s; look at the device's power"):
        clock.run(lambda: make(Camera, Timeouts(device_connects_s=45)).open(clock))
    assert 45 <= clock.monotonic() <= 46


def test_a_device_that_acts_although_it_is_not_connected_is_not_believed(
    hostile: HostileServer, make: Make, clock: SimulatedClock
) -> None:
    answers(hostile, interfaceversion=4, connected=False, connecting=False)
    with pytest.raises(DeviceError, match="says that it is not connected"):
        clock.run(lambda: make(Camera).open(clock))


def test_a_download_may_take_longer_than_any_other_call(hostile: HostileServer, make: Make) -> None:
    whole = b"HTTP/1.1 200 OK\r\nContent-Type: application/imagebytes\r\nContent-Length: 48\r\n\r\n"
    whole += struct.pack("<11i", 1, 0, 0, 1, 44, 2, 8, 2, 1, 2, 0) + b"\1\0\2\0"

    def act(connection: socket.socket, _request: str) -> object:
        time.sleep(0.5)
        return connection.sendall(whole)

    hostile.act = act
    camera = make(Camera, Timeouts(read_s=0.1, write_s=0.1, image_s=30.0))
    assert camera.image(1, 2).tolist() == [[1], [2]]  # type: ignore[union-attr]


def test_a_server_that_dies_on_an_image_is_found_again_after_its_restart(make: Make) -> None:
    with HostileServer() as first:
        port = first.port
        first.act = first.hang_up
        camera = make(Camera, port=port)
        with pytest.raises(DeviceUnreachable, match="GET imagearray"):
            camera.image(1, 2)  # type: ignore[union-attr]
        assert first.requests == [("GET", "imagearray")] * 2, "a read is repeated once"
    with pytest.raises(DeviceUnreachable):
        _ = camera.Connected
    with HostileServer(port=port):
        assert camera.Connected is True
        camera.close()


def test_ids_go_with_every_request_even_for_an_image(fake: FakeServer, make: Make) -> None:
    fake.always(Answer(json.dumps({"Value": [[1]]}).encode()))
    make(Camera, port=int(fake.address.rpartition(":")[2])).image(1, 1)  # type: ignore[union-attr]
    assert fake.requests[0].parameters.keys() == {"ClientID", "ClientTransactionID"}


def test_a_property_that_throws_takes_no_other_with_it(hostile: HostileServer, make: Make) -> None:
    answers(hostile, errors={"azimuth": 0x400, "shutterstatus": 0x400}, altitude=30.5, connected=True)
    dome = make(Dome)
    assert isinstance(dome, Dome)
    assert optional(lambda: dome.Azimuth) is None
    assert optional(lambda: dome.ShutterStatus) is None
    assert optional(lambda: dome.Altitude) == 30.5


@pytest.mark.parametrize("number", [0x401, 0x402, 0x407, 0x40B, 0x500, 0x80040400])
def test_a_driver_that_fails_is_not_a_device_without_the_property(
    number: int, hostile: HostileServer, make: Make
) -> None:
    answers(hostile, errors={"azimuth": number}, connected=True)
    dome = make(Dome)
    with pytest.raises(DeviceRefused, match="refused azimuth") as caught:
        optional(lambda: dome.Azimuth)  # type: ignore[union-attr]
    assert caught.value.number == number


@pytest.mark.parametrize(
    "told", ["2026-11-22T00:20:00", "2026-11-22T00:20:00Z", "2026-11-22T00:20:00.0000000Z",
             "2026-11-21T17:20:00-07:00"],
)  # fmt: skip
def test_a_time_without_a_zone_is_utc(hostile: HostileServer, make: Make, told: str) -> None:
    answers(hostile, utcdate=told)
    assert make(Telescope).UTCDate == datetime(2026, 11, 22, 0, 20, tzinfo=UTC)  # type: ignore[union-attr]


def test_a_time_that_is_none_is_an_error_of_ours(hostile: HostileServer, make: Make) -> None:
    answers(hostile, utcdate="soon")
    with pytest.raises(DeviceError, match="utcdate with 'soon'"):
        _ = make(Telescope).UTCDate  # type: ignore[union-attr]


@pytest.mark.parametrize("echo", [0, None, "", "0"])
def test_an_echo_of_nothing_is_no_error(hostile: HostileServer, make: Make, echo: object) -> None:
    hostile.act = lambda connection, _request: connection.sendall(reply(4, ClientTransactionID=echo))
    assert make(Camera).Gain == 4  # type: ignore[union-attr]


@pytest.mark.parametrize("form", ["JSON", "ImageBytes"])
def test_the_echo_of_another_call_is_anothers_reply(hostile: HostileServer, make: Make, form: str) -> None:
    if form == "JSON":
        whole = reply(4, ClientTransactionID=2**30)
    else:
        whole = b"HTTP/1.1 200 OK\r\nContent-Type: application/imagebytes\r\nContent-Length: 48\r\n\r\n"
        whole += struct.pack("<11i", 1, 0, 2**30, 1, 44, 2, 8, 2, 1, 2, 0) + b"\1\0\2\0"
    hostile.act = lambda connection, _request: connection.sendall(whole)
    camera = make(Camera)
    assert isinstance(camera, Camera)
    with pytest.raises(DeviceError, match=r"the reply to another call \(transaction 1073741824 instead"):
        _ = camera.Gain if form == "JSON" else camera.image(1, 2)


@pytest.mark.parametrize(
    ("member", "said"),
    [("Connected", 1), ("Gain", "5"), ("Gain", 2.5), ("Gain", True), ("CCDTemperature", "cold"),
     ("CameraState", 17), ("CameraState", None), ("ReadoutModes", "fast"), ("LastExposureStartTime", 5)],
)  # fmt: skip
def test_a_value_of_the_wrong_kind_is_an_error_that_names_it(
    hostile: HostileServer, make: Make, member: str, said: object
) -> None:
    answers(hostile, **{member.lower(): said})
    with pytest.raises(DeviceError, match=f"answered {member.lower()} with .*which makes no sense"):
        getattr(make(Camera), member)
