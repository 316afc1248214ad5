"""Discovery answers with the port, and only when asked."""

from __future__ import annotations

import json
import socket

from simulators.discovery import Responder


def test_the_question_is_answered_with_the_port() -> None:
    with Responder(4567, port=0) as responder, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(10)
        asker.sendto(b"hello", ("127.0.0.1", responder.port))
        asker.sendto(b"alpacadiscovery1", ("127.0.0.1", responder.port))
        answer, _ = asker.recvfrom(1024)
    assert json.loads(answer) == {"AlpacaPort": 4567}
