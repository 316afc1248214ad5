"""What a fault does to a reply: to its words, or to the way in which it is sent.

On the machine's clock a hang, a slow or a dripping answer takes its real time. In simulated time it goes out
at once with the header X-Simulated-Delay, in seconds, for the client to charge to its clock.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable
from functools import partial
from typing import Any

from capture.clock import stopwatch
from simulators.faults import Armed, Fault
from simulators.images import Header, header_of, with_header
from simulators.wire import IMAGE_BYTES, JSON, TEXT, Call, Reply

DELAY_HEADER = "X-Simulated-Delay"
FOR_EVER_S = 1e9
_LONGEST_HANG_S = 3600.0


def spoil(armed: Armed, call: Call, reply: Reply, simulated: bool) -> None:
    """Do to a reply what the fault says. `deaf` is the server's business: here the connection just closes."""
    fault = armed.fault
    if fault.kind in _ON_THE_WAY:
        _ON_THE_WAY[fault.kind](fault, reply, simulated)
    elif fault.kind in _OTHERWISE:
        _OTHERWISE[fault.kind](fault, reply)
    elif reply.status == 200 and reply.content_type in (JSON, IMAGE_BYTES):
        _spoil_words(armed, call, reply)


def delay(reply: Reply, seconds: float, simulated: bool) -> None:
    """Let a reply that is as it should be take its time."""
    if simulated:
        reply.headers[DELAY_HEADER] = _text(seconds)
    else:
        reply.send = partial(_send_parts, [reply.wire()], seconds)


# How it is sent.


def _hang(fault: Fault, reply: Reply, simulated: bool) -> None:
    seconds = fault.seconds
    if simulated:
        reply.body = b""
        reply.headers[DELAY_HEADER] = _text(FOR_EVER_S if seconds is None else seconds)
    else:
        reply.send = partial(_say_nothing, _LONGEST_HANG_S if seconds is None else seconds)


def _slow(fault: Fault, reply: Reply, simulated: bool) -> None:
    delay(reply, 10.0 if fault.seconds is None else fault.seconds, simulated)


def _drip(fault: Fault, reply: Reply, simulated: bool) -> None:
    seconds, wire = 1.0 if fault.seconds is None else fault.seconds, reply.wire()
    if simulated:
        reply.headers[DELAY_HEADER] = _text(seconds * len(wire))
    else:
        reply.send = partial(_send_parts, [wire[n : n + 1] for n in range(len(wire))], seconds)


def _refuse(_fault: Fault, reply: Reply, _simulated: bool) -> None:
    reply.send = lambda _connection: False


def _reset(fault: Fault, reply: Reply, _simulated: bool) -> None:
    reply.send = partial(_send_and_reset, reply.wire()[: fault.size or 0])


def _cut(fault: Fault, reply: Reply, _simulated: bool) -> None:
    head, body = reply.head(len(reply.body)), reply.body
    part = head + body[: _size(fault, body)]

    def send(connection: socket.socket) -> bool:
        connection.sendall(part)
        return False

    reply.send = send


def _chunked(_fault: Fault, reply: Reply, _simulated: bool) -> None:
    body, step = reply.body, max(1, len(reply.body) // 3)
    chunks = (body[n : n + step] for n in range(0, len(body), step))
    framed = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    whole = reply.head(None) + framed + b"0\r\n\r\n"

    def send(connection: socket.socket) -> bool:
        connection.sendall(whole)
        return True

    reply.send = send


def _text(seconds: float) -> str:
    return f"{seconds:.6f}".rstrip("0").rstrip(".")


def _size(fault: Fault, body: bytes) -> int:
    return len(body) // 2 if fault.size is None else fault.size


def _gone_within(connection: socket.socket, seconds: float) -> bool:
    """Wait; return at once, and true, when the client goes away or our server closes."""
    elapsed = stopwatch()
    try:
        while (left := seconds - elapsed()) > 0:
            connection.settimeout(left)
            if not connection.recv(4096):
                return True
    except TimeoutError:
        pass
    finally:
        connection.settimeout(None)
    return False


def _say_nothing(seconds: float, connection: socket.socket) -> bool:
    _gone_within(connection, seconds)
    return False


def _send_parts(parts: list[bytes], seconds: float, connection: socket.socket) -> bool:
    for part in parts:
        if _gone_within(connection, seconds):
            return False
        connection.sendall(part)
    return True


def _send_and_reset(part: bytes, connection: socket.socket) -> bool:
    if part:
        connection.sendall(part)
    # To linger for no time makes the close an RST.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


_ON_THE_WAY: dict[str, Callable[[Fault, Reply, bool], None]] = {
    "hang": _hang, "slow": _slow, "drip": _drip, "refuse": _refuse, "deaf": _refuse, "reset": _reset,
    "cut": _cut, "chunked": _chunked,
}  # fmt: skip


# Another reply altogether.


def _status(status: int, text: bytes, _fault: Fault, reply: Reply) -> None:
    reply.status, reply.content_type, reply.body = status, TEXT, text


def _redirect(fault: Fault, reply: Reply) -> None:
    _status(302, b"", fault, reply)
    reply.headers["Location"] = fault.location


def _truncated(fault: Fault, reply: Reply) -> None:
    reply.body = reply.body[: _size(fault, reply.body)]


def _oversized(fault: Fault, reply: Reply) -> None:
    reply.body += bytes(1000 if fault.size is None else fault.size)


def _wrong_json(_fault: Fault, reply: Reply) -> None:
    # Of ImageBytes too: a client must not take text for pixels.
    reply.body = b'{"Value": tru, "ErrorNumber" 0'
    reply.content_type = "application/json"


_OTHERWISE: dict[str, Callable[[Fault, Reply], None]] = {
    "http_500": partial(_status, 500, b"the driver has crashed"),
    "http_400": partial(_status, 400, b"this is not understood"),
    "redirect": _redirect, "truncated": _truncated, "oversized": _oversized, "wrong_json": _wrong_json,
    "ignore": lambda _fault, _reply: None,
}  # fmt: skip


# The words of an Alpaca answer.


def _spoil_words(armed: Armed, call: Call, reply: Reply) -> None:
    if reply.content_type == IMAGE_BYTES:
        reply.body = _spoil_image(armed, call, reply.body)
        return
    answer = json.loads(reply.body)
    _spoil_answer(armed, call, answer)
    reply.body = json.dumps(answer).encode()


def _spoil_image(armed: Armed, call: Call, body: bytes) -> bytes:
    fault, header = armed.fault, header_of(body)
    match fault.kind:
        case "stuck":
            # Kept apart from what the same member says in JSON, and from what DeviceState has.
            kept = armed.kept.setdefault((IMAGE_BYTES, call.path), body) if header.error == 0 else body
            return with_header(kept, header_of(kept)._replace(client=header.client, server=header.server))
        case "error":
            gone = Header(1, fault.number, header.client, header.server, len(header) * 4, 0, 0, 0, 0, 0, 0)
            return with_header(body[: len(header) * 4], gone) + b"the driver has failed"
        case "missing_key":
            return body[:20]
        case "wrong_type":
            return with_header(body, header._replace(wire_type=99))
        case "wrong_ids":
            return with_header(body, header._replace(client=(header.client + 1000) % 2**32, server=0))
        case "wrong_dimensions":
            columns = header.columns + 1 if fault.columns is None else fault.columns
            rows = header.rows if fault.rows is None else fault.rows
            return with_header(body, header._replace(columns=columns, rows=rows))
        case "huge_image":
            return with_header(body, header._replace(rows=2**31))
        case _:
            return body


def _spoil_answer(armed: Armed, call: Call, answer: dict[str, Any]) -> None:
    fault = armed.fault
    match fault.kind:
        case "stuck" if call.method == "GET":
            said = answer.get("Value") if fault.value is None else fault.value
            if said is not None:
                answer["Value"] = armed.kept.setdefault((call.device, call.member), said)
                answer["ErrorNumber"], answer["ErrorMessage"] = 0, ""
        case "error":
            answer.pop("Value", None)
            answer["ErrorNumber"], answer["ErrorMessage"] = fault.number, "the driver has failed"
        case "missing_key":
            answer.pop(fault.key if fault.key in answer else "ErrorNumber", None)
        case "wrong_type":
            name = "Value" if "Value" in answer else "ErrorNumber"
            answer[name] = _other_type(answer[name]) if fault.value is None else fault.value
        case "wrong_ids":
            answer["ClientTransactionID"] = (answer["ClientTransactionID"] + 1000) % 2**32
            answer["ServerTransactionID"] = 0
        case "wrong_dimensions" if isinstance(answer.get("Value"), list):
            answer["Value"].append(answer["Value"][-1])
        case "huge_image" if isinstance(answer.get("Value"), list):
            answer["Value"] *= 64
        case _:
            pass


def _other_type(value: object) -> object:
    if isinstance(value, str):
        return {"text": value}
    return "a text" if isinstance(value, bool | int | float) else 7
