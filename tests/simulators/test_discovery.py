"""Discovery answers with the port, and only when asked."""

from __future__ import annotations

import json
import socket

import ifaddr
import pytest
from alpaca import discovery

from simulators.discovery import Responder


def test_the_question_is_answered_with_the_port() -> None:
    with Responder(4567, port=0) as responder, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(10)
        asker.sendto(b"hello", ("127.0.0.1", responder.port))
        asker.sendto(b"alpacadiscovery1", ("127.0.0.1", responder.port))
        answer, _ = asker.recvfrom(1024)
    assert json.loads(answer) == {"AlpacaPort": 4567}


def test_alpycas_own_search_finds_the_server_on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = ifaddr.Adapter("lo", "lo", [ifaddr.IP("127.0.0.1", 8, "lo")])
    monkeypatch.setattr(ifaddr, "get_adapters", lambda: [adapter])
    with Responder(4567, port=0) as responder:
        monkeypatch.setattr(discovery, "port", responder.port)
        assert discovery.search_ipv4(numquery=1, timeout=1) == ["127.0.0.1:4567"]
