"""The wire: one exchange is a value or a typed error, and nothing is commanded twice."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable

import pytest

from capture.alpaca.transport import Line
from capture.config import Timeouts
from capture.errors import DeviceError, DeviceRefused, DeviceTimeout, DeviceUnreachable
from tests.capture.alpaca.fake_server import DROP, Answer, FakeServer, Request, value

Dial = Callable[..., Line]


def refusal(number: int, message: str = "no") -> Answer:
    return Answer(json.dumps({"ErrorNumber": number, "ErrorMessage": message}).encode())


# Nobody listens there: binding below 1024 needs rights, and 1 is tcpmux, which nobody runs.
CLOSED_PORT = 1


def test_a_get_returns_the_value_and_names_the_device_by_its_path(fake: FakeServer, line: Line) -> None:
    fake.always(value([1, 2.5, "three", None, True]))
    assert line.get("gains") == [1, 2.5, "three", None, True]
    assert fake.requests[0].method == "GET"
    assert fake.requests[0].path == "/api/v1/camera/0/gains"


def test_all_calls_share_one_connection_refused_ones_too(fake: FakeServer, line: Line) -> None:
    fake.answer = lambda request: refusal(0x400) if request.path.endswith("bayeroffsetx") else value(1)
    for _ in range(5):
        line.get("gain")
        line.put("gain", Gain=1)
        with pytest.raises(DeviceRefused):
            line.get("bayeroffsetx")
    assert fake.connections == 1


def test_every_call_carries_a_client_id_and_a_transaction_id_of_its_own(fake: FakeServer, line: Line) -> None:
    line.get("gain")
    line.put("gain", Gain=1)
    line.fetch("imagearray", "application/json", lambda response: response.read())
    assert len({request.parameters["ClientTransactionID"] for request in fake.requests}) == 3
    assert all(1 <= int(request.parameters["ClientID"]) <= 65535 for request in fake.requests)
    assert all(1 <= int(request.parameters["ClientTransactionID"]) < 2**32 for request in fake.requests)


def test_transaction_ids_stay_distinct_across_devices_and_threads(fake: FakeServer, dial: Dial) -> None:
    lines = [dial() for _ in range(4)]
    threads = [
        threading.Thread(target=lambda line=line: [line.get("gain") for _ in range(10)]) for line in lines
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({request.parameters["ClientTransactionID"] for request in fake.requests}) == 40


def test_parameters_go_out_under_the_names_that_they_were_given(fake: FakeServer, line: Line) -> None:
    line.put("startexposure", Duration=1.5, Light=True)
    sent = fake.requests[0].parameters
    assert (sent["Duration"], sent["Light"]) == ("1.5", "True")


def test_a_get_on_a_dropped_connection_is_repeated_once(fake: FakeServer, line: Line) -> None:
    fake.answer_in_turn(DROP, value(7))
    assert line.get("gain") == 7
    assert len(fake.requests) == 2


def test_a_get_that_is_dropped_twice_is_unreachable(fake: FakeServer, line: Line) -> None:
    fake.always(DROP)
    with pytest.raises(DeviceUnreachable, match=r"camera 0 at .* GET gain"):
        line.get("gain")
    assert len(fake.requests) == 2


@pytest.mark.parametrize("kept", [False, True], ids=["fresh connection", "kept connection"])
def test_a_put_that_the_server_may_have_carried_out_is_never_sent_twice(
    fake: FakeServer, line: Line, kept: bool
) -> None:
    if kept:
        line.get("gain")
    fake.requests.clear()
    fake.always(DROP)
    with pytest.raises(DeviceUnreachable, match=r"camera 0 at .* PUT startexposure"):
        line.put("startexposure", Duration=1, Light=True)
    assert len(fake.requests) == 1


def test_a_connection_that_the_server_closed_while_it_was_idle_is_replaced_unnoticed(
    fake: FakeServer, line: Line
) -> None:
    fake.always(Answer(value(1).body, hang_up=True))
    line.get("gain")
    assert fake.closed.acquire(timeout=60)
    line.put("gain", Gain=1)
    assert [request.method for request in fake.requests] == ["GET", "PUT"]
    assert fake.connections == 2


def test_a_server_that_closes_after_every_reply_can_be_used(fake: FakeServer, line: Line) -> None:
    fake.always(Answer(value(3).body, headers=(("Connection", "close"),)))
    assert [line.get("gain"), line.put("gain", Gain=1), line.get("gain")] == [3, 3, 3]


def test_a_server_that_comes_back_on_its_port_is_found_again(dial: Dial) -> None:
    with FakeServer() as first:
        line = dial(server=first.address)
        line.get("gain")
        line.close()
    with pytest.raises(DeviceUnreachable):
        line.get("gain")


def test_a_device_that_does_not_answer_in_time_is_named_with_its_call(fake: FakeServer, dial: Dial) -> None:
    released = threading.Event()

    def answer(request: Request) -> Answer:
        return value(released.wait(10))

    fake.answer = answer
    line = dial(Timeouts(read_s=0.1, write_s=0.1))
    try:
        with pytest.raises(DeviceTimeout, match=r"camera 0 at .* did not answer GET gain within 0.1 s"):
            line.get("gain")
        with pytest.raises(DeviceTimeout, match="PUT gain"):
            line.put("gain", Gain=1)
        assert len(fake.requests) == 2, "a call that timed out is not repeated"
    finally:
        released.set()


def test_a_late_reply_is_not_taken_for_the_next_one(fake: FakeServer, dial: Dial) -> None:
    answered = threading.Event()

    def slow_first(request: Request) -> Answer:
        if request.path.endswith("slow"):
            answered.wait(10)
        return value(request.path.rpartition("/")[2])

    fake.answer = slow_first
    line = dial(Timeouts(read_s=0.1))
    with pytest.raises(DeviceTimeout):
        line.get("slow")
    answered.set()
    assert line.get("quick") == "quick"


def test_a_stalled_device_does_not_hold_up_another_one(fake: FakeServer, dial: Dial) -> None:
    stalled, released = threading.Event(), threading.Event()

    def answer(request: Request) -> Answer:
        if request.path.endswith("stall"):
            stalled.set()
            released.wait(10)
        return value(1)

    fake.answer = answer
    first, second = dial(), dial()
    thread = threading.Thread(target=lambda: first.get("stall"))
    thread.start()
    try:
        assert stalled.wait(10)
        assert second.get("gain") == 1
        assert thread.is_alive()
    finally:
        released.set()
        thread.join()


def test_a_refused_connection_says_what_to_look_at(dial: Dial) -> None:
    with pytest.raises(DeviceUnreachable, match=r"check that its server runs and that the address"):
        dial(server=f"127.0.0.1:{CLOSED_PORT}").get("gain")


@pytest.mark.parametrize("status", [400, 404, 500])
def test_an_http_error_is_reported_with_its_text_and_not_repeated(
    fake: FakeServer, line: Line, status: int
) -> None:
    fake.always(Answer(b"the dog ate it", status, "text/plain"))
    with pytest.raises(DeviceError, match=rf"camera 0 .* gain with HTTP {status}: the dog ate it") as caught:
        line.get("gain")
    assert not isinstance(caught.value, DeviceRefused)
    assert len(fake.requests) == 1


def test_a_redirect_is_an_error_and_not_followed(fake: FakeServer, line: Line) -> None:
    elsewhere = (("Location", f"http://{fake.address}/api/v1/camera/1/gain"),)
    fake.always(Answer(b"", 302, headers=elsewhere))
    with pytest.raises(DeviceError, match="HTTP 302"):
        line.get("gain")
    assert [request.path for request in fake.requests] == ["/api/v1/camera/0/gain"]


def test_no_proxy_is_used(fake: FakeServer, line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{CLOSED_PORT}")
    assert line.get("gain") == 0


@pytest.mark.parametrize("number", [0x400, 0x407, 0x40B, 0x501])
def test_an_alpaca_error_is_a_refusal_with_its_number_and_message(
    fake: FakeServer, line: Line, number: int
) -> None:
    fake.always(refusal(number, "the mirror is cracked"))
    for call in (line.get, line.put):
        with pytest.raises(DeviceRefused, match="the mirror is cracked") as caught:
            call("gain")
        assert caught.value.number == number


def test_a_refusal_without_a_message_still_says_what_it_means(fake: FakeServer, line: Line) -> None:
    fake.always(refusal(0x408, ""))
    with pytest.raises(DeviceRefused, match="parked"):
        line.get("gain")


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>hello</html>", b'{"Value": 1', b"[1, 2]", b'"1"', b"null", b"\xff\xfe"],
    ids=["empty", "html", "cut off", "a list", "a string", "null", "no utf-8"],
)
def test_what_is_no_alpaca_reply_is_rejected(fake: FakeServer, line: Line, body: bytes) -> None:
    fake.always(Answer(body))
    with pytest.raises(DeviceError, match="camera 0"):
        line.get("gain")


@pytest.mark.parametrize("body", [b"{}", b'{"ErrorNumber": 0, "ErrorMessage": ""}'])
def test_a_read_without_a_value_is_rejected(fake: FakeServer, line: Line, body: bytes) -> None:
    fake.always(Answer(body))
    with pytest.raises(DeviceError, match="gain without a value"):
        line.get("gain")


def test_a_missing_error_number_means_success(fake: FakeServer, line: Line) -> None:
    fake.always(Answer(b'{"Value": 4}'))
    assert line.get("gain") == 4
    fake.always(Answer(b"{}"))
    assert line.put("gain", Gain=4) is None


def test_a_reply_shorter_than_announced_is_not_believed(fake: FakeServer, line: Line) -> None:
    whole = value(1).body
    fake.always(Answer(whole, length=len(whole) + 10, hang_up=True))
    with pytest.raises(DeviceUnreachable, match="broke off"):
        line.get("gain")


def test_an_address_may_be_ipv6(fake: FakeServer, dial: Dial) -> None:
    with pytest.raises(DeviceUnreachable, match=r"\[::1\]"):
        dial(server=f"[::1]:{CLOSED_PORT}").get("gain")
