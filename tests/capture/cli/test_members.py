"""`nightcal users`, `requests` and `points`, as who keeps the machine meets them."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from capture.clock import SystemClock
from capture.config import load_config
from capture.members import accounts
from capture.members.roles import Action
from capture.store.accounts import CredentialKind
from capture.store.archive import Archive
from tests.capture.cli.command import Nightcal, write_config


@pytest.fixture(autouse=True)
def config(tmp_path: Path) -> Path:
    return write_config(tmp_path)


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A password on standard input."""
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse battery\n"))


@pytest.mark.usefixtures("typed")
def test_an_account_is_made_changed_and_let_in_no_more(nightcal: Nightcal) -> None:
    assert nightcal("users", "add", "ada").out == "ada is member\n"
    made = nightcal("users", "add", "olga", "--role", "admin", "--generate")
    assert re.match(r"password: (\w{5}-){3}\w{5}\n", made.out)
    assert nightcal("users", "set-role", "ada", "operator").status == 0
    assert nightcal("users", "disable", "ada").status == 0
    listed = nightcal("users", "list").out
    assert re.search(r"ada\W+operator\W.*disabled", listed)
    assert "is the only admin" in nightcal("users", "disable", "olga").sentence()
    assert nightcal("users", "enable", "ada").status == 0
    assert "disabled" not in nightcal("users", "list").out
    assert "already" in nightcal("users", "add", "ada", "--generate").sentence()
    assert "there is no role 'root'" in nightcal("users", "set-role", "ada", "root").sentence()


def test_a_token_is_shown_once_listed_without_its_secret_and_revoked(
    nightcal: Nightcal, config: Path
) -> None:
    nightcal("users", "add", "ada", "--generate")
    secret = nightcal("users", "token", "ada", "--label", "script", "--scopes", "ask").out.strip()
    archive = Archive.of(load_config(config), SystemClock())
    try:
        kept, kind = archive.catalogue.accounts, CredentialKind.TOKEN
        actor = accounts.actor_of(kept, secret, archive.clock.now(), kind)
        assert actor is not None
        assert actor.may(Action.SEND_REQUEST)
        listed = nightcal("users", "tokens", "ada").out
        assert "script" in listed
        assert secret not in listed
        assert "ada has no token 99" in nightcal("users", "tokens", "ada", "--revoke", "99").sentence()
        assert "revoked" in nightcal("users", "tokens", "ada", "--revoke", "1").out
        assert accounts.actor_of(kept, secret, archive.clock.now(), kind) is None
    finally:
        archive.close()


def test_a_request_is_quoted_sent_listed_refused_and_cancelled(nightcal: Nightcal) -> None:
    nightcal("users", "add", "ada", "--generate")
    dark = ("T1", "dark", "--exposure", "60", "--count", "5")
    assert "5 x dark 60 s" in nightcal("requests", "quote", *dark).out
    for number in (1, 2):
        sent = nightcal("requests", "send", "ada", *dark)
        assert sent.out.startswith(f"request {number} of ada: 5 x dark 60 s")
    assert "ask for 1 to 100" in nightcal("requests", "send", "ada", "T1", "bias", "--count", "0").sentence()
    assert "no account 'eve'" in nightcal("requests", "send", "eve", *dark).sentence()
    assert nightcal("requests", "list").out.count("0/5 dark 60 s") == 2
    assert "say why" in nightcal("requests", "refuse", "1", "--why", " ").sentence()
    assert nightcal("requests", "refuse", "1", "--why", "too many").status == 0
    assert nightcal("requests", "cancel", "2").status == 0
    assert "request 2 is cancelled already" in nightcal("requests", "cancel", "2").sentence()
    assert "dark 60 s" not in nightcal("requests", "list").out


def test_points_are_granted_with_a_reason_and_stated(nightcal: Nightcal) -> None:
    nightcal("users", "add", "ada", "--generate")
    assert nightcal("points", "grant", "ada", "12.5", "--why", "dues").out == "ada has 12.5 points\n"
    assert nightcal("points", "refund", "ada", "2", "--why", "clouds").out == "ada has 14.5 points\n"
    assert nightcal("points", "show", "ada").out.endswith("ada has 14.5 points\n")
    assert nightcal("points", "show", "ada", "--csv").out.count("\n") == 3
    assert (
        "0 points of request 7"
        in nightcal("points", "refund", "ada", "1", "--request", "7", "--why", "x").err
    )
    assert "there is no account 'eve'" in nightcal("points", "show", "eve").sentence()
