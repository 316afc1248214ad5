"""Discovery answers with the port, and only when asked."""

from __future__ import annotations

import json
import socket
from pathlib import Path

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


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as made:
            made.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not _has_ipv6(), reason="this machine has no IPv6 loopback")
def test_the_question_is_answered_by_ipv6_too() -> None:
    with Responder(4567, "::1", 0) as responder, socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as asker:
        asker.settimeout(10)
        asker.sendto(b"alpacadiscovery1", ("::1", responder.port))
        answer, sender = asker.recvfrom(1024)
    assert json.loads(answer) == {"AlpacaPort": 4567}
    assert sender[0] == "::1"


@pytest.mark.skipif(not _has_ipv6() or not Path("/proc/net/igmp6").exists(), reason="no IPv6, or no Linux")
def test_it_is_a_member_of_alpacas_ipv6_group_on_the_loopback() -> None:
    group = socket.inet_pton(socket.AF_INET6, "ff12::a1:9aca").hex()
    with Responder(4567, "::1", 0):
        members = Path("/proc/net/igmp6").read_text("ascii").splitlines()
    assert any(line.split()[1] == "lo" and group in line for line in members)
