"""`nightcal discover` tells what is there, in text and in JSON, and what to do when nothing is."""

from __future__ import annotations

import json

import ifaddr
import pytest
from alpaca import discovery as alpyca

from simulators import Server
from simulators.discovery import Responder
from tests.capture.cli.command import NOBODY, Nightcal


@pytest.fixture(autouse=True)
def on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine has no network but loopback, and nobody answers there."""
    adapter = ifaddr.Adapter("lo", "lo", [ifaddr.IP("127.0.0.1", 8, "lo")])
    monkeypatch.setattr(ifaddr, "get_adapters", lambda: [adapter])
    monkeypatch.setattr(alpyca, "port", 1)


QUICK = ("discover", "--seconds", "0.3")


def test_a_server_of_the_network_is_told_with_its_devices(
    nightcal: Nightcal, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Responder(server.port, port=0) as responder:
        monkeypatch.setattr(alpyca, "port", responder.port)
        ended = nightcal(*QUICK)
    assert (ended.status, ended.err) == (0, "")
    for word in (server.address, "nightcal demo observatory", "T1 CMOS camera", "Weather station"):
        assert word in ended.out


def test_json_holds_every_device_and_what_did_not_answer(nightcal: Nightcal, server: Server) -> None:
    ended = nightcal(*QUICK, server.address, NOBODY, "--no-ipv6", "--json")
    assert (ended.status, ended.err) == (0, "")
    told = json.loads(ended.out)
    (found,) = told["servers"]
    assert (found["address"], found["managed"], found["also_at"]) == (server.address, True, [])
    assert {"type", "number", "name", "unique_id"} == set(found["devices"][0])
    assert len(found["devices"]) == len(server.observatory.devices)
    (fault,) = told["faults"]
    assert NOBODY in fault


def test_a_host_that_does_not_answer_is_told_beside_what_was_found(
    nightcal: Nightcal, server: Server
) -> None:
    ended = nightcal(*QUICK, NOBODY, server.address)
    assert ended.status == 0
    assert f"{NOBODY} cannot be reached" in ended.sentence()
    assert server.address in ended.out


def test_where_nothing_is_found_one_sentence_says_what_to_do(nightcal: Nightcal) -> None:
    ended = nightcal(*QUICK)
    assert (ended.status, ended.out) == (1, "")
    assert ended.sentence().startswith("no Alpaca server was found: check that one runs")
    assert "host:port" in ended.sentence()


def test_a_host_that_is_none_is_bad_input(nightcal: Nightcal) -> None:
    ended = nightcal(*QUICK, "observatory:port")
    assert ended.status == 2
    assert ended.sentence().startswith("'observatory:port' is no address of a server; write host")
