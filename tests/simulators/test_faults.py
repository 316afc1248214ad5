"""Each kind of fault, as a client without any cleverness sees it; where, when and how long it strikes."""

from __future__ import annotations

import http.client
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest

from capture.clock import SystemClock, stopwatch
from simulators import Fault, Observatory, ObservatorySettings, Server, serve
from simulators.device import Command
from simulators.faults import KINDS, Kind, read_faults

BYTES = {"Accept": "application/imagebytes"}


class Client:
    """A new connection for each call; whatever happens on it is the caller's to see."""

    def __init__(self, server: Server, timeout_s: float = 10.0) -> None:
        self.port = server.port
        self.timeout_s = timeout_s

    def ask(
        self, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None
    ) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout_s)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()

    def get(
        self, member: str, headers: dict[str, str] | None = None
    ) -> tuple[http.client.HTTPResponse, bytes]:
        return self.ask("GET", f"/api/v1/{member}?ClientTransactionID=5", None, headers)

    def read(self, member: str) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.get(member)[1])
        return answer

    def put(self, member: str, **form: object) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.ask("PUT", f"/api/v1/{member}", urlencode(form))[1])
        return answer


@pytest.fixture
def client(server: Server) -> Client:
    return Client(server)


@pytest.fixture
def real(settings: ObservatorySettings) -> Iterator[Server]:
    """The observatory on the machine's clock, where a delay is a delay."""
    observatory = Observatory(SystemClock(), settings)
    for device in observatory.devices.values():
        device.connected = True
    with serve(observatory) as server:
        yield server


@pytest.fixture
def exposed(client: Client, advance: Callable[[float], None]) -> Client:
    client.put("camera/0/startexposure", Duration=1, Light="true")
    advance(10)
    return client


# Where, when and how long.


def test_a_fault_strikes_only_its_device_and_member(observatory: Observatory, client: Client) -> None:
    observatory.faults.add(Fault("camera/0", "imageready", "http_500"))
    assert client.get("camera/0/imageready")[0].status == 500
    assert client.get("camera/0/camerastate")[0].status == 200
    assert client.get("camera/1/imageready")[0].status == 200
    assert client.ask("GET", "/management/v1/description")[0].status == 200


@pytest.mark.parametrize("device", ["camera/*", "*"])
def test_a_star_stands_for_all(observatory: Observatory, client: Client, device: str) -> None:
    observatory.faults.add(Fault(device, "*", "http_500"))
    assert client.get("camera/1/camerastate")[0].status == 500
    assert client.get("dome/0/slewing")[0].status == (500 if device == "*" else 200)


def test_it_strikes_from_the_nth_call_on_and_as_often_as_it_is_told(
    observatory: Observatory, client: Client
) -> None:
    fault = Fault("dome/0", "slewing", "http_500", after=3, times=2)
    observatory.faults.add(fault)
    assert [client.get("dome/0/slewing")[0].status for _ in range(6)] == [200, 200, 500, 500, 200, 200]
    assert observatory.faults.struck(fault) == 2
    assert observatory.faults.list() == [fault]


def test_it_may_strike_only_commands(observatory: Observatory, client: Client) -> None:
    observatory.faults.add(Fault("filterwheel/0", "position", "http_500", method="PUT"))
    assert client.get("filterwheel/0/position")[0].status == 200
    assert client.ask("PUT", "/api/v1/filterwheel/0/position", "Position=1")[0].status == 500


def test_faults_can_be_taken_back(observatory: Observatory, client: Client) -> None:
    sick, other = Fault("dome/0", "slewing", "http_500"), Fault("dome/0", "atpark", "http_500")
    observatory.faults.add(sick, other)
    observatory.faults.remove(sick)
    assert client.get("dome/0/slewing")[0].status == 200
    observatory.faults.clear()
    assert client.get("dome/0/atpark")[0].status == 200


def test_faults_may_be_there_from_the_settings(clock: Any, settings: ObservatorySettings) -> None:
    sick = Observatory(clock, replace(settings, faults=(Fault("dome/0", "connected", "http_400"),)))
    with serve(sick) as server:
        assert Client(server).get("dome/0/connected")[0].status == 400


# What the logs keep.


def _last(observatory: Observatory) -> Command:
    return observatory.command_log[-1]


def test_the_command_log_keeps_a_command_whose_answer_was_spoilt(
    observatory: Observatory, client: Client, advance: Callable[[float], None]
) -> None:
    observatory.faults.add(Fault("filterwheel/0", "position", "wrong_json", method="PUT"))
    client.ask("PUT", "/api/v1/filterwheel/0/position", "Position=2")
    assert (_last(observatory).member, _last(observatory).fault) == ("position", "wrong_json")
    assert _last(observatory).error == ""
    advance(10)
    assert client.read("filterwheel/0/position")["Value"] == 2


@pytest.mark.parametrize("kind", ["refuse", "http_400", "error", "redirect", "ignore"])
def test_the_command_log_tells_of_a_command_that_a_fault_kept_from_the_device(
    observatory: Observatory, client: Client, kind: Kind, advance: Callable[[float], None]
) -> None:
    observatory.faults.add(Fault("filterwheel/0", "position", kind, method="PUT"))
    try:
        client.ask("PUT", "/api/v1/filterwheel/0/position", "Position=2")
    except http.client.RemoteDisconnected:
        assert kind == "refuse"
    assert _last(observatory).parameters == {"Position": "2"}
    assert (_last(observatory).fault, _last(observatory).error) == (kind, f"not carried out: {kind}")
    advance(10)
    assert client.read("filterwheel/0/position")["Value"] == 0


def test_whether_a_spoilt_command_is_carried_out_can_be_chosen(
    observatory: Observatory, client: Client, advance: Callable[[float], None]
) -> None:
    observatory.faults.add(Fault("filterwheel/0", "position", "http_500", "PUT", carried_out=False))
    client.ask("PUT", "/api/v1/filterwheel/0/position", "Position=2")
    advance(10)
    assert client.read("filterwheel/0/position")["Value"] == 0


def test_the_request_log_holds_reads_too_once_it_is_switched_on(
    observatory: Observatory, client: Client
) -> None:
    client.get("dome/0/slewing")
    assert observatory.request_log is None
    observatory.request_log = []
    observatory.faults.add(Fault("dome/0", "slewing", "http_500", after=2))
    client.get("dome/0/slewing")
    client.get("dome/0/slewing")
    logged = [(r.method, r.device, r.member, r.status, r.fault) for r in observatory.request_log]
    assert logged == [("GET", "dome/0", "slewing", 200, ""), ("GET", "dome/0", "slewing", 500, "http_500")]


# In simulated time a delay is a header.


@pytest.mark.parametrize(
    ("fault", "delay_s"),
    [
        (Fault("dome/0", "slewing", "hang"), 1e9),
        (Fault("dome/0", "slewing", "slow", seconds=25.5), 25.5),
        (Fault("dome/0", "slewing", "drip", seconds=2.0), None),
    ],
)
def test_a_simulated_delay_is_answered_at_once_with_its_length(
    observatory: Observatory, client: Client, fault: Fault, delay_s: float | None
) -> None:
    observatory.faults.add(fault)
    response, body = client.get("dome/0/slewing")
    delay = float(response.headers["X-Simulated-Delay"])
    if fault.kind == "hang":
        assert (delay, body) == (delay_s, b"")
    else:
        assert json.loads(body)["Value"] is False
        assert delay == delay_s or delay > 2 * len(body)


# On the machine's clock it takes its time.


def test_a_hang_says_nothing_until_the_client_gives_up_and_disturbs_nobody_else(real: Server) -> None:
    real.observatory.faults.add(Fault("dome/0", "slewing", "hang"))
    with pytest.raises(TimeoutError):
        Client(real, 0.2).get("dome/0/slewing")
    assert Client(real).get("dome/0/atpark")[0].status == 200


def test_a_server_with_a_hanging_call_closes_at_once(real: Server) -> None:
    real.observatory.faults.add(Fault("dome/0", "slewing", "hang"))
    broken: list[BaseException] = []

    def wait_for_it() -> None:
        try:
            Client(real, 30).get("dome/0/slewing")
        except (OSError, http.client.HTTPException) as error:
            broken.append(error)

    waiting = threading.Thread(target=wait_for_it)
    waiting.start()
    while not any(armed.struck for armed in real.observatory.faults.armed):
        pass
    elapsed = stopwatch()
    real.close()
    waiting.join(10)
    assert elapsed() < 3
    assert broken


def test_a_slow_answer_comes_late_but_whole(real: Server) -> None:
    real.observatory.faults.add(Fault("dome/0", "slewing", "slow", seconds=0.2))
    elapsed = stopwatch()
    assert Client(real).read("dome/0/slewing")["Value"] is False
    assert 0.2 <= elapsed() < 5


def test_a_drip_comes_byte_by_byte(real: Server) -> None:
    real.observatory.faults.add(Fault("dome/0", "slewing", "drip", seconds=0.001))
    elapsed = stopwatch()
    assert Client(real).read("dome/0/slewing")["Value"] is False
    assert elapsed() > 0.1


def test_a_client_with_a_time_out_for_each_read_never_gives_up_on_a_drip(real: Server) -> None:
    real.observatory.faults.add(Fault("dome/0", "slewing", "drip", seconds=0.05))
    with socket.create_connection(("127.0.0.1", real.port), timeout=5) as raw:
        raw.sendall(b"GET /api/v1/dome/0/slewing HTTP/1.1\r\n\r\n")
        assert [raw.recv(100) for _ in range(5)] == [b"H", b"T", b"T", b"P", b"/"]


# The connection.


def test_a_refused_call_gets_no_answer(observatory: Observatory, client: Client) -> None:
    observatory.faults.add(Fault("dome/0", "slewing", "refuse"))
    with pytest.raises(http.client.RemoteDisconnected):
        client.get("dome/0/slewing")


def _read_all(raw: socket.socket) -> None:
    while raw.recv(100):
        pass


@pytest.mark.parametrize("size", [None, 20])
def test_a_reset_is_a_reset(observatory: Observatory, client: Client, size: int | None) -> None:
    observatory.faults.add(Fault("dome/0", "slewing", "reset", size=size))
    with socket.create_connection(("127.0.0.1", client.port), timeout=5) as raw:
        raw.sendall(b"GET /api/v1/dome/0/slewing HTTP/1.1\r\n\r\n")
        # What was sent before the reset may get lost with it.
        with pytest.raises(ConnectionResetError):
            _read_all(raw)


def test_a_cut_answer_ends_before_its_announced_end(observatory: Observatory, exposed: Client) -> None:
    observatory.faults.add(Fault("camera/0", "imagearray", "cut"))
    with pytest.raises(http.client.IncompleteRead):
        exposed.get("camera/0/imagearray", BYTES)


def test_a_chunked_answer_is_whole(observatory: Observatory, exposed: Client) -> None:
    _, plain = exposed.get("camera/0/imagearray", BYTES)
    observatory.faults.add(Fault("camera/0", "imagearray", "chunked"))
    response, body = exposed.get("camera/0/imagearray", BYTES)
    assert response.headers["Content-Length"] is None
    assert body[44:] == plain[44:]


def test_a_deaf_server_refuses_everybody_until_it_hears_again(
    observatory: Observatory, server: Server, client: Client
) -> None:
    for _ in range(2):
        observatory.faults.add(Fault(kind="deaf"))
        with pytest.raises(ConnectionRefusedError):
            client.get("dome/0/slewing")
        observatory.faults.clear()
        assert client.get("dome/0/slewing")[0].status == 200


def test_a_server_may_go_deaf_in_the_middle_of_a_night(observatory: Observatory, client: Client) -> None:
    observatory.faults.add(Fault("dome/0", "openshutter", "deaf", after=2))
    client.put("dome/0/openshutter")
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        client.put("dome/0/openshutter")
    with pytest.raises(ConnectionRefusedError):
        client.get("dome/0/slewing")


# Another answer.


def test_a_status_comes_with_a_text(observatory: Observatory, client: Client) -> None:
    observatory.faults.add(Fault("dome/0", "slewing", "http_500"), Fault("dome/0", "atpark", "http_400"))
    for member, status in (("slewing", 500), ("atpark", 400)):
        response, body = client.get(f"dome/0/{member}")
        assert (response.status, response.headers["Content-Type"][:10]) == (status, "text/plain")
        assert body


def test_a_redirect_leads_elsewhere(observatory: Observatory, client: Client) -> None:
    observatory.faults.add(Fault("dome/0", "slewing", "redirect", location="http://192.0.2.1/"))
    response, _ = client.get("dome/0/slewing")
    assert (response.status, response.headers["Location"]) == (302, "http://192.0.2.1/")


def test_wrong_json_is_none(observatory: Observatory, client: Client) -> None:
    observatory.faults.add(Fault("dome/0", "slewing", "wrong_json"))
    with pytest.raises(json.JSONDecodeError):
        client.read("dome/0/slewing")


@pytest.mark.parametrize("kind", ["truncated", "oversized"])
def test_an_answer_of_another_length_than_its_own_is_no_json(
    observatory: Observatory, client: Client, kind: Kind
) -> None:
    observatory.faults.add(Fault("dome/0", "slewing", kind))
    with pytest.raises(json.JSONDecodeError):
        client.read("dome/0/slewing")


def test_an_error_has_the_number_and_no_value(observatory: Observatory, client: Client) -> None:
    observatory.faults.add(Fault("dome/0", "slewing", "error", number=0x4FF))
    answer = client.read("dome/0/slewing")
    assert (answer["ErrorNumber"], "Value" in answer) == (0x4FF, False)
    assert answer["ErrorMessage"]


@pytest.mark.parametrize(
    ("member", "right"),
    [("dome/0/slewing", bool), ("camera/0/ccdtemperature", float), ("camera/0/name", str),
     ("filterwheel/0/names", list)],
)  # fmt: skip
def test_a_value_comes_with_a_wrong_type(
    observatory: Observatory, client: Client, member: str, right: type
) -> None:
    device, _, name = member.rpartition("/")
    observatory.faults.add(Fault(device, name, "wrong_type"))
    assert not isinstance(client.read(member)["Value"], right)


def test_a_key_is_missing(observatory: Observatory, client: Client) -> None:
    observatory.faults.add(
        Fault("dome/0", "slewing", "missing_key"), Fault("dome/0", "atpark", "missing_key", key="ErrorNumber")
    )
    assert "Value" not in client.read("dome/0/slewing")
    assert "ErrorNumber" not in client.read("dome/0/atpark")


def test_the_ids_are_those_of_another(observatory: Observatory, client: Client) -> None:
    observatory.faults.add(Fault("dome/0", "slewing", "wrong_ids"))
    answer = client.read("dome/0/slewing")
    assert (answer["ClientTransactionID"], answer["ServerTransactionID"]) == (1005, 0)


def test_a_stuck_member_says_the_same_for_ever(
    observatory: Observatory, client: Client, advance: Callable[[float], None]
) -> None:
    observatory.faults.add(
        Fault("dome/0", "shutterstatus", "stuck"), Fault("filterwheel/0", "position", "stuck", value=-1)
    )
    assert client.read("dome/0/shutterstatus")["Value"] == 1
    client.put("dome/0/openshutter")
    client.put("filterwheel/0/position", Position=2)
    advance(100)
    assert client.read("dome/0/shutterstatus")["Value"] == 1
    assert client.read("filterwheel/0/position")["Value"] == -1
    state = {item["Name"]: item["Value"] for item in client.read("dome/0/devicestate")["Value"]}
    assert (state["ShutterStatus"], state["Slewing"]) == (1, False)
    observatory.faults.clear()
    assert client.read("dome/0/shutterstatus")["Value"] == 0
    assert client.read("filterwheel/0/position")["Value"] == 2


def test_an_ignored_command_is_answered_well_but_not_carried_out(
    observatory: Observatory, client: Client, advance: Callable[[float], None]
) -> None:
    observatory.faults.add(Fault("dome/0", "openshutter", "ignore"))
    assert client.put("dome/0/openshutter")["ErrorNumber"] == 0
    advance(100)
    assert client.read("dome/0/shutterstatus")["Value"] == 1


# Images.


def _header(body: bytes) -> tuple[int, ...]:
    return struct.unpack("<11i", body[:44])


@pytest.mark.parametrize(("kind", "wrong"), [("truncated", -1), ("oversized", 1)])
def test_an_image_has_too_few_bytes_or_too_many(
    observatory: Observatory, exposed: Client, kind: Kind, wrong: int
) -> None:
    observatory.faults.add(Fault("camera/0", "imagearray", kind))
    response, body = exposed.get("camera/0/imagearray", BYTES)
    assert int(response.headers["Content-Length"]) == len(body)
    assert np.sign(len(body) - 44 - 96 * 64 * 2) == wrong


def test_an_image_claims_other_dimensions(observatory: Observatory, exposed: Client) -> None:
    observatory.faults.add(Fault("camera/0", "imagearray", "wrong_dimensions", times=1))
    assert _header(exposed.get("camera/0/imagearray", BYTES)[1])[8:10] == (97, 64)
    observatory.faults.add(Fault("camera/0", "imagearray", "wrong_dimensions", columns=64, rows=96))
    assert _header(exposed.get("camera/0/imagearray", BYTES)[1])[8:10] == (64, 96)
    assert len(exposed.read("camera/0/imagearray")["Value"]) == 97


def test_an_image_claims_two_thousand_million_rows(observatory: Observatory, exposed: Client) -> None:
    observatory.faults.add(Fault("camera/0", "imagearray", "huge_image"))
    _, body = exposed.get("camera/0/imagearray", BYTES)
    assert struct.unpack_from("<I", body, 36) == (2**31,)
    assert len(body) == 44 + 96 * 64 * 2


def test_the_same_image_comes_twice(
    observatory: Observatory, exposed: Client, advance: Callable[[float], None]
) -> None:
    observatory.faults.add(Fault("camera/0", "imagearray", "stuck"))
    first = exposed.get("camera/0/imagearray", BYTES)[1]
    exposed.put("camera/0/startexposure", Duration=1, Light="true")
    advance(10)
    second = exposed.get("camera/0/imagearray", BYTES)[1]
    assert second[44:] == first[44:]
    assert _header(second)[3] > _header(first)[3]
    observatory.faults.clear()
    assert exposed.get("camera/0/imagearray", BYTES)[1][44:] != first[44:]


@pytest.mark.parametrize(
    ("kind", "word", "value"),
    [("error", 1, 0x500), ("wrong_ids", 2, 1005), ("wrong_ids", 3, 0), ("wrong_type", 6, 99)],
)
def test_an_images_header_can_be_wrong(
    observatory: Observatory, exposed: Client, kind: Kind, word: int, value: int
) -> None:
    observatory.faults.add(Fault("camera/0", "imagearray", kind))
    assert _header(exposed.get("camera/0/imagearray", BYTES)[1])[word] == value


def test_an_image_can_be_no_more_than_a_part_of_a_header(observatory: Observatory, exposed: Client) -> None:
    observatory.faults.add(Fault("camera/0", "imagearray", "missing_key"))
    assert len(exposed.get("camera/0/imagearray", BYTES)[1]) < 44


# Every kind, on everything: the server itself must never fall over.


@pytest.mark.parametrize("kind", KINDS)
def test_no_kind_harms_the_server(observatory: Observatory, exposed: Client, kind: Kind) -> None:
    observatory.faults.add(Fault("*", "*", kind))
    for path in (
        "/api/v1/camera/0/imagearray",
        "/api/v1/dome/0/nonsense",
        "/setup",
        "/management/apiversions",
    ):
        try:
            exposed.ask("GET", path, None, BYTES)
        except (OSError, http.client.HTTPException):
            assert kind in ("refuse", "deaf", "reset", "cut")
    observatory.faults.clear()
    assert exposed.read("dome/0/slewing")["Value"] is False


# Telling the simulators.


def test_the_side_door_takes_lists_and_forgets_faults(observatory: Observatory, client: Client) -> None:
    wanted = [{"device": "dome/0", "member": "slewing", "kind": "http_500", "after": 2}]
    door = "/simulator/faults"
    response, body = client.ask("PUT", door, json.dumps(wanted))
    assert (response.status, json.loads(body)) == (200, wanted)
    assert observatory.faults.list() == [Fault("dome/0", "slewing", "http_500", after=2)]
    assert json.loads(client.ask("GET", door)[1]) == wanted
    assert json.loads(client.ask("DELETE", door)[1]) == []
    assert not observatory.faults.list()
    assert client.ask("POST", door, "[]")[0].status == 405


def test_no_fault_shuts_the_side_door(observatory: Observatory, client: Client) -> None:
    observatory.faults.add(Fault(kind="refuse"))
    assert client.ask("DELETE", "/simulator/faults")[0].status == 200
    assert client.get("dome/0/slewing")[0].status == 200


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("{", "JSON"),
        ("{}", "array"),
        ('[{"kind": "sulk"}]', "kind"),
        ('[{"kind": "hang", "devcie": "dome/0"}]', "devcie"),
        ('[{"kind": "hang", "after": "2"}]', "after"),
        ('[{"kind": "hang", "after": 0}]', "count from 1"),
        ('[{"kind": "hang", "device": "Dome/0"}]', "lower case"),
        ('[{"kind": "huge_image", "member": "slewing"}]', "imagearray"),
        ('[{"kind": "deaf"}]', "deaf"),
    ],
)
def test_the_side_door_says_what_is_wrong_with_a_fault(client: Client, text: str, word: str) -> None:
    response, body = client.ask("PUT", "/simulator/faults", text)
    assert response.status == 400
    assert word in body.decode()


@pytest.mark.parametrize(("peer", "status"), [("127.0.0.1", 200), ("::1", 200), ("::ffff:127.0.0.1", 200),
                                              ("192.0.2.7", 403), ("fe80::1%eth0", 403)])  # fmt: skip
def test_the_side_door_is_open_to_this_machine_only(observatory: Observatory, peer: str, status: int) -> None:
    from simulators.server import Call  # noqa: PLC0415
    from simulators.side_door import enter  # noqa: PLC0415

    assert enter(observatory.faults, Call("GET", "/simulator/faults", {}), peer).status == status


def test_faults_read_from_json_are_those_that_were_meant() -> None:
    text = '[{"kind": "stuck", "device": "camera/0", "member": "ccdtemperature", "value": -3.5, "times": 4}]'
    assert read_faults(text) == [Fault("camera/0", "ccdtemperature", "stuck", value=-3.5, times=4)]
