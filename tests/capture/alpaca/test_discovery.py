"""Servers are found by broadcast and by name; one that misbehaves hides no other."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import ifaddr
import pytest
from alpaca import discovery as alpyca

from capture.alpaca.discovery import find_servers
from capture.alpaca.management import FoundServer, ask_server, server_address
from capture.clock import SimulatedClock
from capture.errors import BadInput, DeviceError, DeviceTimeout, DeviceUnreachable
from simulators import Observatory, Server, demo_settings, serve
from simulators.discovery import Responder
from tests.capture.alpaca.fake_server import Answer, FakeServer, Request, value

NOBODY = "127.0.0.1:1"


@pytest.fixture
def on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine has no network but loopback."""
    adapter = ifaddr.Adapter("lo", "lo", [ifaddr.IP("127.0.0.1", 8, "lo")])
    monkeypatch.setattr(ifaddr, "get_adapters", lambda: [adapter])


@pytest.fixture
def server(observatory: Observatory) -> Iterator[Server]:
    with serve(observatory) as running:
        yield running


def managed(request: Request, devices: object, about: object = None) -> Answer:
    """What a small well-formed server answers to management."""
    if request.path == "/management/apiversions":
        return value([1])
    return value(devices if request.path.endswith("configureddevices") else about)


def test_a_search_finds_the_server_that_answers_the_broadcast(
    on_loopback: None, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Responder(server.port, port=0) as responder:
        monkeypatch.setattr(alpyca, "port", responder.port)
        search = find_servers(seconds=0.3)
    (found,) = search.servers
    assert search.faults == ()
    assert (found.address, found.name) == (server.address, "nightcal demo observatory")
    assert (found.manufacturer, found.version, found.location) == ("nightcal", "1.0", "32.9000, -105.5000")
    told = {(device.type, device.number): device for device in found.devices}
    assert set(told) == set(server.observatory.devices)
    camera = server.observatory.devices["camera", 1]
    assert (told["camera", 1].name, told["camera", 1].unique_id) == (camera.name, camera.unique_id)


def test_nobody_is_found_where_nobody_is(on_loopback: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alpyca, "port", 1)
    search = find_servers(seconds=0.2)
    assert (search.servers, search.faults) == ((), ())


def test_a_server_that_answers_at_several_addresses_is_told_once(
    on_loopback: None, observatory: Observatory, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(observatory) as one, serve(observatory, "127.0.0.2", one.port) as again:
        monkeypatch.setattr(alpyca, "search_ipv4", lambda **_: [again.address, one.address])
        (found,) = find_servers([one.address]).servers
        assert (found.address, found.also_at) == (one.address, (again.address,))


def test_two_servers_on_two_ports_are_two_though_they_share_their_ids(observatory: Observatory) -> None:
    with serve(observatory) as one, serve(observatory) as two:
        search = find_servers([one.address, two.address, one.address], broadcast=False)
        assert [found.address for found in search.servers] == [one.address, two.address]


def test_a_server_on_ipv6_is_found(
    on_loopback: None, observatory: Observatory, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(observatory, "::1") as server:
        monkeypatch.setattr(alpyca, "search_ipv4", lambda **_: [])
        monkeypatch.setattr(alpyca, "search_ipv6", lambda **_: [server.address])
        assert [found.address for found in find_servers().servers] == [f"[::1]:{server.port}"]
        assert find_servers(ipv6=False).servers == ()


def test_a_search_that_the_system_refuses_hides_nothing(
    on_loopback: None, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(**_: object) -> list[str]:
        raise OSError(101, "Network is unreachable")

    def not_on_this_system(**_: object) -> list[str]:
        raise NotImplementedError("MacOS IPv6 discovery not yet supported")

    monkeypatch.setattr(alpyca, "search_ipv4", refused)
    monkeypatch.setattr(alpyca, "search_ipv6", not_on_this_system)
    search = find_servers([server.address])
    assert [found.address for found in search.servers] == [server.address]
    (fault,) = search.faults
    assert "the search by IPv4 failed" in fault
    assert "Network is unreachable" in fault


def test_servers_that_hang_drip_or_refuse_cost_their_time_out_only(
    server: Server, trickling: str, silent: str
) -> None:
    began = time.monotonic()
    search = find_servers([trickling, silent, NOBODY, server.address], broadcast=False, timeout_s=0.5)
    # To drip the whole answer takes nine.
    assert time.monotonic() - began < 7
    assert [found.address for found in search.servers] == [server.address]
    dripped, hung, refused = search.faults
    assert trickling in dripped
    assert "did not answer within 0.5 s" in dripped
    assert f"{silent} did not answer within 0.5 s" in hung
    assert f"{NOBODY} cannot be reached (connection refused)" in refused


def test_management_is_asked_without_ids(fake: FakeServer) -> None:
    fake.answer = lambda request: managed(request, [])
    assert ask_server(fake.address).devices == ()
    assert [request.parameters for request in fake.requests] == [{}] * 3


def test_a_server_without_management_is_asked_for_each_device(fake: FakeServer) -> None:
    names = {"/api/v1/camera/0/name": "Cam", "/api/v1/camera/2/name": "Guider", "/api/v1/dome/3/name": "Roof"}

    def answer(request: Request) -> Answer:
        if request.path in names:
            return value(names[request.path])
        if request.path.startswith("/api/v1/telescope/1/"):
            return Answer(b'{"ErrorNumber": 1031, "ErrorMessage": "not connected"}')
        if request.path.startswith("/api/v1/camera"):
            return Answer(b'{"ErrorNumber": 1024, "ErrorMessage": "no such device"}')
        return Answer(b'{"detail": "Not Found"}', status=404)

    fake.answer = answer
    found = ask_server(fake.address)
    assert not found.managed
    told = [(device.type, device.number, device.name) for device in found.devices]
    assert told == [
        ("camera", 0, "Cam"), ("camera", 2, "Guider"), ("dome", 3, "Roof"), ("telescope", 1, "telescope 1"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(b"nothing here", status=404), "is no Alpaca server"),
        (Answer(b"<html>a router</html>", content_type="text/html"), "is no Alpaca server"),
        (Answer(status=302, headers=(("Location", "http://127.0.0.1:9/"),)), "is no Alpaca server"),
        (Answer(b"[" * 100_000), "is no Alpaca server"),
        (value([2]), "speaks the Alpaca versions [2]"),
        (Answer(b" " * (2 << 20)), "is no Alpaca server"),
        (Answer(b"{}", length=10, hang_up=True), "bytes too early"),
        (None, "cannot be reached"),
    ],
)
def test_what_is_no_alpaca_server_is_a_typed_error(
    fake: FakeServer, answer: Answer | None, words: str
) -> None:
    fake.always(answer)
    with pytest.raises(DeviceError, match=rf"{fake.address}.*") as raised:
        ask_server(fake.address, 2.0)
    assert words in str(raised.value)


def test_a_list_of_devices_is_believed_only_where_it_makes_sense(fake: FakeServer) -> None:
    listed: object = [
        "a camera",
        {"DeviceType": "Camera"},
        {"DeviceType": 3, "DeviceNumber": 0},
        {"DeviceType": "Dome", "DeviceNumber": -1},
        {
            "DeviceType": "Camera",
            "DeviceNumber": 0,
            "DeviceName": "evil\n\x1b[31m" + "x" * 500,
            "UniqueID": 7,
        },
    ]
    fake.answer = lambda request: managed(request, listed, {"ServerName": None})
    found = ask_server(fake.address)
    (camera,) = found.devices
    assert found.name == fake.address
    assert camera.name.startswith("evil  [31mxxx")
    assert len(camera.name) == 80
    assert camera.unique_id == ""
    fake.answer = lambda request: managed(request, {"Camera": 0})
    with pytest.raises(DeviceError, match="which is no list"):
        ask_server(fake.address)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("observatory", "observatory:11111"),
        ("192.168.1.20:4567", "192.168.1.20:4567"),
        ("http://192.168.1.20:4567/", "192.168.1.20:4567"),
        ("[::1]:80", "[::1]:80"),
        ("fe80::1%eth0", "[fe80::1%eth0]:11111"),
        ("[::1]", "[::1]:11111"),
    ],
)
def test_a_host_is_read_with_or_without_its_port(text: str, address: str) -> None:
    assert server_address(text) == address


@pytest.mark.parametrize(
    "text",
    ["", ":80", "host:port", "host:0", "host:70000", "a b", "host/0", "user@host", "[::1", "::1]", "[]:80"],
)
def test_a_host_that_is_none_is_told(text: str) -> None:
    with pytest.raises(BadInput, match=r"is no address|does not exist"):
        find_servers([text])


def test_a_name_that_nobody_knows_is_unreachable() -> None:
    with pytest.raises(DeviceUnreachable, match="cannot be reached"):
        ask_server("." + "x" * 80 + ":11111", 1.0)


def test_a_server_that_accepts_and_says_nothing_times_out(silent: str) -> None:
    with pytest.raises(DeviceTimeout):
        ask_server(silent, 0.2)


@pytest.fixture
def observatory(clock: SimulatedClock) -> Observatory:
    return Observatory(clock, replace(demo_settings(width_px=64, height_px=64), seed=3))


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def trickling() -> Iterator[str]:
    """A server that sends its answer byte by byte, for ever in time for the next byte."""
    over = threading.Event()

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            body = json.dumps({"Value": [1]}).encode()
            for byte in b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body):
                if over.wait(0.1):
                    return
                connection.sendall(bytes([byte]))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=lambda: _quietly(drip, listener))
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        over.set()
        thread.join()


def _quietly(drip: object, listener: socket.socket) -> None:
    try:
        drip(listener)  # type: ignore[operator]
    except OSError:
        return


def test_a_found_server_cannot_be_changed(server: Server) -> None:
    found = ask_server(server.address)
    assert isinstance(found, FoundServer)
    with pytest.raises(AttributeError):
        found.name = "another"  # type: ignore[misc]
