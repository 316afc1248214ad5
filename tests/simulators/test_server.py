"""The Alpaca server keeps the protocol's rules."""

from __future__ import annotations

import http.client
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest

from simulators import Observatory, Server
from simulators.server import Call, Reply, deliver_whole


class Wire:
    """One keep-alive connection to the server."""

    def __init__(self, server: Server) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)

    def send(self, method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, str, bytes]:
        self.connection.request(method, path, body, headers)
        reply = self.connection.getresponse()
        return reply.status, reply.headers["Content-Type"], reply.read()

    def get(self, path: str) -> dict[str, Any]:
        status, _, body = self.send("GET", "/api/v1/" + path)
        assert status == 200, body
        answer: dict[str, Any] = json.loads(body)
        return answer

    def put(self, path: str, **form: object) -> dict[str, Any]:
        status, _, body = self.send("PUT", "/api/v1/" + path, urlencode(form))
        assert status == 200, body
        answer: dict[str, Any] = json.loads(body)
        return answer


@pytest.fixture
def wire(server: Server) -> Iterator[Wire]:
    made = Wire(server)
    yield made
    made.connection.close()


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/toaster/0/connected",
        "/api/v1/camera/7/connected",
        "/api/v1/camera/-1/connected",
        "/api/v1/camera/x/connected",
        "/api/v1/camera/0/nonsense",
        "/api/v1/Camera/0/connected",
        "/api/v1/camera/0/Connected",
        "/api/v2/camera/0/connected",
        "/API/v1/camera/0/connected",
        "/api/v1/camera/0",
        "/api/v1/camera/0/connected?ClientTransactionID=abc",
        "/api/v1/camera/0/connected?clientid=-3",
    ],
)
def test_a_wrong_path_or_id_is_400_or_404_in_plain_text(wire: Wire, path: str) -> None:
    status, kind, body = wire.send("GET", path)
    assert status in (400, 404)
    assert kind.startswith("text/plain")
    assert body


def test_a_wrong_method_is_400(wire: Wire) -> None:
    assert wire.send("POST", "/api/v1/camera/0/connected")[0] == 400
    assert wire.send("PUT", "/api/v1/camera/0/camerastate")[0] == 400
    assert wire.send("DELETE", "/management/apiversions")[0] == 400


def test_every_reply_carries_the_transaction_ids(wire: Wire) -> None:
    first = wire.get("camera/0/connected?ClientID=5&ClientTransactionID=4294967295")
    second = wire.get("camera/0/connected")
    assert first["ClientTransactionID"] == 4_294_967_295
    assert second["ClientTransactionID"] == 0
    assert second["ServerTransactionID"] > first["ServerTransactionID"] >= 1
    assert (second["ErrorNumber"], second["ErrorMessage"]) == (0, "")


def test_query_names_may_have_any_case_but_form_names_may_not(wire: Wire) -> None:
    assert wire.get("telescope/0/canmoveaxis?AXIS=0&cLiEnTtRaNsAcTiOnId=9")["ClientTransactionID"] == 9
    assert wire.send("PUT", "/api/v1/filterwheel/0/position", "position=1")[0] == 400
    answer = wire.put("filterwheel/0/position", Position=1, clienttransactionid=9, Extra="x")
    assert answer["ClientTransactionID"] == 0


@pytest.mark.parametrize("form", ["", "Position=", "Position=one", "Position=1.5", "Position=1_0"])
def test_a_missing_or_unreadable_parameter_is_400(wire: Wire, form: str) -> None:
    assert wire.send("PUT", "/api/v1/filterwheel/0/position", form)[0] == 400


def test_errors_of_a_device_come_as_200_with_their_number(wire: Wire) -> None:
    assert wire.put("filterwheel/0/position", Position=99)["ErrorNumber"] == 0x401
    assert wire.get("dome/0/altitude")["ErrorNumber"] == 0x400
    assert wire.put("camera/0/action", Action="x", Parameters="")["ErrorNumber"] == 0x40C
    assert wire.get("telescope/0/targetdeclination")["ErrorNumber"] == 0x402
    wire.put("camera/0/connected", Connected="False")
    assert wire.get("camera/0/camerastate")["ErrorNumber"] == 0x407


def test_management_lists_every_device_with_a_lasting_id(wire: Wire, observatory: Observatory) -> None:
    assert json.loads(wire.send("GET", "/management/apiversions")[2])["Value"] == [1]
    listed = json.loads(wire.send("GET", "/management/v1/configureddevices?clienttransactionid=3")[2])
    again = json.loads(wire.send("GET", "/management/v1/configureddevices")[2])
    assert listed["ClientTransactionID"] == 3
    assert listed["Value"] == again["Value"]
    assert len({d["UniqueID"] for d in listed["Value"]}) == len(observatory.devices) == 15
    wheel = {"DeviceType": "FilterWheel", "DeviceNumber": 1}.items()
    assert any(wheel <= device.items() for device in listed["Value"])
    assert "ServerName" in json.loads(wire.send("GET", "/management/v1/description")[2])["Value"]


def test_there_are_setup_pages(wire: Wire) -> None:
    for path in ("/setup", "/setup/v1/camera/0/setup"):
        status, kind, body = wire.send("GET", path)
        assert (status, kind.split(";")[0]) == (200, "text/html")
        assert b"<h1>" in body


def test_device_state_has_operational_values_and_a_time_stamp(wire: Wire, observatory: Observatory) -> None:
    for kind, number in observatory.devices:
        names = [item["Name"] for item in wire.get(f"{kind}/{number}/devicestate")["Value"]]
        assert names[-1] == "TimeStamp"
        assert len(names) > 1


@pytest.fixture
def exposed(wire: Wire, advance: Callable[[float], None]) -> Wire:
    wire.put("camera/0/startx", StartX=10)
    wire.put("camera/0/numx", NumX=50)
    wire.put("camera/0/startexposure", Duration=1.5, Light="true")
    advance(10)
    return wire


def test_image_bytes_have_the_header_and_the_transpose_of_the_picture(
    exposed: Wire, observatory: Observatory
) -> None:
    status, kind, body = exposed.send(
        "GET", "/api/v1/camera/0/imagearray?ClientTransactionID=8", Accept="application/imagebytes, */*"
    )
    head = struct.unpack("<11i", body[:44])
    assert (status, kind) == (200, "application/imagebytes")
    assert head[:3] == (1, 0, 8)
    assert head[4:] == (44, 2, 8, 2, 50, 64, 0)
    pixels = np.frombuffer(body[44:], "<u2").reshape(50, 64)
    assert np.array_equal(pixels.T, observatory.camera(0).image())


def test_without_the_accept_header_the_image_is_equal_json(exposed: Wire, observatory: Observatory) -> None:
    for member in ("imagearray", "imagearrayvariant"):
        answer = exposed.get(f"camera/0/{member}")
        assert (answer["Type"], answer["Rank"]) == (2, 2)
        assert np.array_equal(np.array(answer["Value"]).T, observatory.camera(0).image())


def test_an_image_that_is_not_there_is_an_error_in_both_forms(wire: Wire) -> None:
    _, _, body = wire.send("GET", "/api/v1/camera/0/imagearray", Accept="application/imagebytes")
    assert struct.unpack("<11i", body[:44])[1] == 0x40B
    assert b"no image" in body[44:]
    assert wire.get("camera/0/imagearray")["ErrorNumber"] == 0x40B


def test_a_request_cut_short_is_never_carried_out(server: Server, observatory: Observatory) -> None:
    before = len(observatory.command_log)
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        raw.sendall(b"PUT /api/v1/filterwheel/0/position HTTP/1.1\r\nContent-Length: 10\r\n\r\nPosit")
        raw.shutdown(socket.SHUT_WR)
        assert raw.recv(100) == b""
    assert len(observatory.command_log) == before


@pytest.mark.parametrize(
    "request_", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"GET " + b"a" * 70_000]
)
def test_what_is_no_http_gets_400_and_the_line_is_closed(server: Server, request_: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
        raw.sendall(request_)
        assert raw.recv(100).startswith(b"HTTP/1.1 400")


def test_several_requests_in_one_packet_get_their_answers_in_order(server: Server) -> None:
    one = b"GET /api/v1/camera/0/connected?ClientTransactionID=%d HTTP/1.1\r\nHost: x\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
        raw.sendall(one % 1 + one % 2)
        got = b""
        while got.count(b"ErrorMessage") < 2:
            got += raw.recv(4096)
    assert got.index(b'"ClientTransactionID":1') < got.index(b'"ClientTransactionID":2')


def test_many_clients_are_served_at_once(server: Server) -> None:
    failures: list[BaseException] = []

    def client() -> None:
        wire = Wire(server)
        try:
            for _ in range(50):
                assert wire.get("dome/0/shutterstatus")["Value"] == 1
        except BaseException as failure:
            failures.append(failure)
        finally:
            wire.connection.close()

    threads = [threading.Thread(target=client) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_every_reply_passes_one_place_where_faults_can_be_put(server: Server, wire: Wire) -> None:
    def sick(connection: socket.socket, call: Call, reply: Reply) -> bool:
        if (call.device, call.member) == ("dome/0", "shutterstatus"):
            reply = Reply(500, "text/plain", b"out of order")
        return deliver_whole(connection, call, reply)

    server.deliver = sick
    assert wire.send("GET", "/api/v1/dome/0/shutterstatus")[0] == 500
    assert wire.send("GET", "/api/v1/dome/0/slewing")[0] == 200
