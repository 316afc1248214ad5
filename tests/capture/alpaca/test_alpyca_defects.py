"""What is wrong with alpyca's own transport, by its number in the notes, is not wrong with ours."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from alpaca.exceptions import DriverException

from capture.alpaca.devices import Camera, FilterWheel, SafetyMonitor
from capture.clock import SimulatedClock
from capture.config import DeviceAddress, Timeouts
from capture.errors import DeviceError, DeviceRefused, DeviceTimeout, DeviceUnreachable, NightcalError
from tests.capture.alpaca.fake_server import DROP, Answer, FakeServer, Request, value
from tests.capture.alpaca.hostile import HostileServer, reply
from tests.capture.alpaca.test_deadlines import in_vain, within

AnyDevice = Camera | FilterWheel | SafetyMonitor
Make = Callable[..., AnyDevice]
SHORT = Timeouts(read_s=1.5, image_s=1.5)


@pytest.fixture
def make() -> Iterator[Make]:
    """Make a device at a server's address."""
    made: list[AnyDevice] = []

    def device(kind: type[AnyDevice], server: str, timeouts: Timeouts | None = None) -> AnyDevice:
        host, _, port = server.rpartition(":")
        made.append(kind(DeviceAddress(host=host, port=int(port), number=0), timeouts))
        return made[-1]

    yield device
    for device_made in made:
        device_made.close()


def image_answer(header: tuple[int, ...], data: bytes = b"", **more: int | bool) -> Answer:
    body = struct.pack("<8i3I", *header) + data
    return Answer(body, content_type="application/imagebytes", **more)  # type: ignore[arg-type]


class TestDefect1:
    """A lock of the whole class, held during the exchange."""

    def test_a_dripping_wheel_holds_up_no_safety_monitor(self, hostile: HostileServer, make: Make) -> None:
        def act(connection: socket.socket, request: str) -> object:
            if "filterwheel" in request:
                return hostile.drip(connection, reply("x" * 1000), 0.05)
            return connection.sendall(reply(True))

        hostile.act = act
        wheel, monitor = make(FilterWheel, hostile.address, SHORT), make(SafetyMonitor, hostile.address)
        dripping = in_vain(hostile, lambda: wheel.Names)  # type: ignore[union-attr]
        with within(0, 1.2):
            assert monitor.IsSafe is True  # type: ignore[union-attr]
        assert dripping.is_alive()
        dripping.join()

    def test_an_image_on_its_way_holds_up_no_safety_monitor(self, hostile: HostileServer, make: Make) -> None:
        hostile.hang_on("imagearray")
        camera, monitor = make(Camera, hostile.address, SHORT), make(SafetyMonitor, hostile.address)
        download = in_vain(hostile, lambda: camera.image(9, 9))  # type: ignore[union-attr]
        with within(0, 1.2):
            assert monitor.IsSafe is True  # type: ignore[union-attr]
        assert download.is_alive()
        download.join()


class TestDefect2:
    """An image without a time-out and without keep-alive, and a fixed one for everything else."""

    def test_an_image_that_never_comes_is_given_up(self, hostile: HostileServer, make: Make) -> None:
        hostile.hang_on("imagearray")
        with within(1.4, 3), pytest.raises(DeviceTimeout, match="GET imagearray"):
            make(Camera, hostile.address, SHORT).image(9, 9)  # type: ignore[union-attr]

    def test_images_share_one_connection(self, fake: FakeServer, make: Make) -> None:
        fake.always(image_answer((1, 0, 0, 1, 44, 2, 8, 2, 2, 3, 0), bytes(12)))
        camera = make(Camera, fake.address)
        for _ in range(4):
            camera.image(2, 3)  # type: ignore[union-attr]
        assert fake.connections == 1


class TestDefect3:
    """Images that are short, huge, unsigned or refused."""

    @pytest.fixture
    def camera(self, fake: FakeServer, make: Make) -> Camera:
        camera = make(Camera, fake.address)
        assert isinstance(camera, Camera)
        return camera

    @pytest.mark.parametrize("announced", ["the whole length", "what came"])
    def test_a_truncated_image_is_refused(self, fake: FakeServer, camera: Camera, announced: str) -> None:
        header, data = (1, 0, 0, 1, 44, 2, 8, 2, 2, 3, 0), bytes(7)
        more = {"length": 56, "hang_up": True} if announced == "the whole length" else {}
        fake.always(image_answer(header, data, **more))
        with pytest.raises(DeviceError, match=r"ended 5 bytes too early|announced 7 bytes .* needs 12"):
            camera.image(2, 3)

    def test_a_claim_of_two_billion_rows_takes_no_memory(self, fake: FakeServer, camera: Camera) -> None:
        fake.always(image_answer((1, 0, 0, 1, 44, 2, 8, 2, 2, 2**31, 0)))
        tracemalloc.start()
        try:
            with pytest.raises(DeviceError, match="where 2 x 3 was asked for"):
                camera.image(2, 3)
            assert tracemalloc.get_traced_memory()[1] < 1_000_000
        finally:
            tracemalloc.stop()

    def test_pixels_of_uint32_are_understood(self, fake: FakeServer, camera: Camera) -> None:
        pixels = np.arange(6, dtype="<u4").reshape(2, 3)
        fake.always(image_answer((1, 0, 0, 1, 44, 2, 9, 2, 2, 3, 0), pixels.tobytes()))
        np.testing.assert_array_equal(camera.image(2, 3), pixels.T)

    def test_an_error_in_place_of_an_image_is_its_error(self, fake: FakeServer, camera: Camera) -> None:
        fake.always(image_answer((1, 0x40B, 0, 1, 44, 0, 0, 0, 0, 0, 0), b"not yet"))
        with pytest.raises(DeviceRefused, match="imagearray: not yet") as caught:
            camera.image(2, 3)
        assert caught.value.number == 0x40B

    def test_a_missing_error_number_is_success(self, fake: FakeServer, camera: Camera) -> None:
        fake.always(Answer(b'{"Value": 5}'))
        assert camera.Gain == 5

    @pytest.mark.parametrize("form", ["ImageBytes", "JSON"])
    def test_a_missing_content_type_is_no_mystery(
        self, hostile: HostileServer, make: Make, form: str
    ) -> None:
        body = struct.pack("<11i", 1, 0, 0, 1, 44, 2, 8, 2, 1, 2, 0) + b"\1\0\2\0"
        if form == "JSON":
            body = json.dumps({"Value": [[1, 2]]}).encode()
        whole = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        hostile.act = lambda connection, _request: connection.sendall(whole)
        image = make(Camera, hostile.address).image(1, 2)  # type: ignore[union-attr]
        assert image.tolist() == [[1], [2]]

    def test_a_colour_image_is_refused_with_a_remedy_and_one_plane_is_a_picture(
        self, fake: FakeServer, camera: Camera
    ) -> None:
        fake.always(image_answer((1, 0, 0, 1, 44, 2, 8, 3, 2, 3, 3), bytes(36)))
        with pytest.raises(DeviceError, match=r"colour image of 2 x 3 x 3.*choose RAW or mono"):
            camera.image(2, 3)
        data = np.arange(6, dtype="<u2")
        fake.always(image_answer((1, 0, 0, 1, 44, 2, 8, 3, 2, 3, 1), data.tobytes()))
        np.testing.assert_array_equal(camera.image(2, 3), data.reshape(2, 3).T)


class OldCamera:
    """Answers of a camera before Platform 7; `fails`: how many attempts to connect it refuses."""

    def __init__(self, fails: int = 0, broken_version: bool = False) -> None:
        self.connected = False
        self.fails = fails
        self.broken_version = broken_version

    def __call__(self, request: Request) -> Answer:
        member = request.path.rpartition("/")[2]
        if member == "interfaceversion":
            return Answer(b"oops", 500, "text/plain") if self.broken_version else value(3)
        if member in ("connect", "connecting", "disconnect"):
            return Answer(b"no such member", 404, "text/plain")
        if member == "connected" and request.method == "PUT":
            if self.fails:
                self.fails -= 1
                return Answer(b'{"ErrorNumber": 1279, "ErrorMessage": "no USB"}')
            self.connected = request.parameters["Connected"] == "True"
        return value(self.connected)


class TestDefect4:
    """Connecting that does nothing, an error that sticks, a version that is remembered wrongly."""

    def test_an_older_device_connects_disconnects_and_connects(self, fake: FakeServer, make: Make) -> None:
        camera, old = make(Camera, fake.address), OldCamera()
        fake.answer = old
        for connect, state in ((camera.Connect, True), (camera.Disconnect, False), (camera.Connect, True)):
            connect()
            assert camera.Connecting is False
            assert old.connected is state

    def test_a_failed_connect_is_a_refusal_with_its_number_and_does_not_stick(
        self, fake: FakeServer, make: Make, clock: SimulatedClock
    ) -> None:
        camera, old = make(Camera, fake.address), OldCamera(fails=2)
        fake.answer = old
        with pytest.raises(DeviceRefused, match="no USB") as caught:
            clock.run(lambda: camera.open(clock))
        assert caught.value.number == 1279
        clock.run(lambda: camera.open(clock))
        assert old.connected

    def test_a_broken_version_is_an_error_and_not_remembered(self, fake: FakeServer, make: Make) -> None:
        camera, old = make(Camera, fake.address), OldCamera(broken_version=True)
        fake.answer = old
        with pytest.raises(DeviceError, match="HTTP 500"):
            _ = camera.InterfaceVersion
        old.broken_version = False
        assert camera.InterfaceVersion == 3


class TestDefect5:
    """Proxies, ids that race, exceptions of many families."""

    def test_no_proxy_is_used(self, fake: FakeServer, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        fake.always(value(True))
        assert make(Camera, fake.address).Connected is True

    def test_ids_of_many_threads_are_all_different(self, fake: FakeServer, make: Make) -> None:
        cameras = [make(Camera, fake.address) for _ in range(8)]
        threads = [
            threading.Thread(target=lambda c=camera: [c.line.get("gain") for _ in range(10)])
            for camera in cameras
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({request.parameters["ClientTransactionID"] for request in fake.requests}) == 80

    @pytest.mark.parametrize(
        "answer",
        [
            DROP,
            Answer(b"<html>", 200),
            Answer(b"broken", 500),
            Answer(b"", 302, headers=(("Location", "/"),)),
            Answer(b'{"ErrorNumber": 1280, "ErrorMessage": "no"}'),
            Answer(b'{"ErrorNumber": "text"}'),
            Answer(b"{}"),
            value({"a": 1}),
            value("text"),
        ],
        ids=["dropped", "html", "500", "redirect", "error", "no number", "nothing", "object", "text"],
    )
    def test_whatever_goes_wrong_is_one_of_our_errors_and_names_the_device(
        self, fake: FakeServer, make: Make, answer: Answer | None
    ) -> None:
        fake.always(answer)
        with pytest.raises(NightcalError, match="camera 0 at") as caught:
            _ = make(Camera, fake.address).Gain  # type: ignore[union-attr]
        assert isinstance(caught.value, DeviceError)
        assert not isinstance(caught.value, DriverException)

    def test_a_server_that_is_gone_is_unreachable(self, make: Make) -> None:
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            camera = make(Camera, f"127.0.0.1:{nobody.getsockname()[1]}")
            began = time.monotonic()
            with pytest.raises(DeviceUnreachable, match="cannot be reached"):
                _ = camera.Connected
            assert time.monotonic() - began < 8
