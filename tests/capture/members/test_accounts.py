"""Accounts: passwords of which argon2 is kept, sessions and tokens that expire and are revoked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from capture.errors import BadInput, NotAllowed
from capture.members import accounts
from capture.members.roles import Action, Role, Scope
from capture.store.accounts import Accounts, CredentialKind
from capture.store.catalogue import Catalogue

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
PASSWORD, OTHER = "correct horse battery", "another good staple"
SESSION, TOKEN = CredentialKind.SESSION, CredentialKind.TOKEN


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Accounts]:
    catalogue = Catalogue(tmp_path / "catalogue.sqlite")
    accounts.create(catalogue.accounts, "root", Role.ADMIN, NOW)
    accounts.create(catalogue.accounts, "ada", Role.MEMBER, NOW, PASSWORD)
    yield catalogue.accounts
    catalogue.close()


def test_of_a_password_argon2_is_kept_and_of_a_secret_its_digest(kept: Accounts, tmp_path: Path) -> None:
    assert (kept.password_of("ada") or "").startswith("$argon2id$")
    issued = accounts.issue_token(kept, "ada", "a script", [Scope.ASK], NOW)
    on_disk = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert PASSWORD.encode() not in on_disk
    assert issued.secret.encode() not in on_disk


def test_who_does_not_sign_in_is_not_told_why(kept: Accounts) -> None:
    accounts.create(kept, "ben", Role.MEMBER, NOW, PASSWORD)
    accounts.disable(kept, "ben", NOW)
    told = set()
    # A wrong one, none at all, a disabled account, one without a password, nobody, one that is too long.
    for name, password in (
        ("ada", "wrong"), ("ada", ""), ("ben", PASSWORD), ("root", ""), ("eve", PASSWORD),
        ("ada", "x" * 5000),
    ):  # fmt: skip
        with pytest.raises(NotAllowed) as refused:
            accounts.sign_in(kept, name, password, NOW)
        told.add(str(refused.value))
    assert told == {"this name and password do not belong together"}


def test_a_session_lasts_its_time_and_ends_when_one_signs_out(kept: Accounts) -> None:
    secret = accounts.sign_in(kept, "ada", PASSWORD, NOW, timedelta(hours=1)).secret
    actor = accounts.actor_of(kept, secret, NOW + timedelta(minutes=59), SESSION)
    assert actor is not None
    assert (actor.name, actor.role, actor.scopes) == ("ada", Role.MEMBER, None)
    assert accounts.actor_of(kept, secret, NOW + timedelta(hours=1), SESSION) is None
    assert accounts.actor_of(kept, secret, NOW, TOKEN) is None
    assert accounts.actor_of(kept, secret[:-1], NOW, SESSION) is None
    accounts.sign_out(kept, secret, NOW)
    assert accounts.actor_of(kept, secret, NOW, SESSION) is None


def test_another_password_ends_the_sessions_and_the_old_one(kept: Accounts) -> None:
    secret = accounts.sign_in(kept, "ada", PASSWORD, NOW).secret
    token = accounts.issue_token(kept, "ada", "a script", [Scope.ASK], NOW).secret
    accounts.set_password(kept, "ada", OTHER, NOW)
    assert accounts.actor_of(kept, secret, NOW, SESSION) is None
    assert accounts.actor_of(kept, token, NOW, TOKEN) is not None
    with pytest.raises(NotAllowed):
        accounts.sign_in(kept, "ada", PASSWORD, NOW)
    assert accounts.actor_of(kept, accounts.sign_in(kept, "ada", OTHER, NOW).secret, NOW, SESSION)


def test_a_token_is_kept_to_its_scopes_expires_and_can_be_revoked(kept: Accounts) -> None:
    issued = accounts.issue_token(kept, "ada", "a script", [Scope.ASK], NOW, timedelta(days=1))
    actor = accounts.actor_of(kept, issued.secret, NOW, TOKEN)
    assert actor is not None
    assert actor.may(Action.SEND_REQUEST)
    assert not actor.may(Action.SEE_LIBRARY)
    assert accounts.actor_of(kept, issued.secret, NOW + timedelta(days=1), TOKEN) is None
    other = accounts.issue_token(kept, "ada", "for good", [Scope.ASK], NOW)
    kept.revoke("ada", NOW, number=issued.row.id)
    assert accounts.actor_of(kept, issued.secret, NOW, TOKEN) is None
    assert accounts.actor_of(kept, other.secret, NOW + timedelta(days=9999), TOKEN) is not None


def test_who_is_disabled_is_out_at_once_and_comes_back_with_new_sessions(kept: Accounts) -> None:
    secret = accounts.sign_in(kept, "ada", PASSWORD, NOW).secret
    token = accounts.issue_token(kept, "ada", "a script", [Scope.ASK], NOW).secret
    accounts.disable(kept, "ada", NOW)
    accounts.disable(kept, "ada", NOW, disabled=False)
    assert accounts.actor_of(kept, secret, NOW, SESSION) is None
    assert accounts.actor_of(kept, token, NOW, TOKEN) is None
    assert accounts.sign_in(kept, "ada", PASSWORD, NOW).secret != secret


def test_a_new_role_is_in_force_in_sessions_that_are_open(kept: Accounts) -> None:
    secret = accounts.sign_in(kept, "ada", PASSWORD, NOW).secret
    accounts.set_role(kept, "ada", Role.OPERATOR)
    actor = accounts.actor_of(kept, secret, NOW, SESSION)
    assert actor is not None
    assert actor.may(Action.STOP_RIG)


def test_the_last_admin_stays_one(kept: Accounts) -> None:
    with pytest.raises(BadInput, match="root is the only admin"):
        accounts.set_role(kept, "root", Role.MEMBER)
    with pytest.raises(BadInput, match="root is the only admin"):
        accounts.disable(kept, "root", NOW)
    accounts.set_role(kept, "ada", Role.ADMIN)
    accounts.disable(kept, "root", NOW)
    # Who is disabled is no admin to lean on.
    with pytest.raises(BadInput, match="ada is the only admin"):
        accounts.set_role(kept, "ada", Role.MEMBER)


@pytest.mark.parametrize("name", ["", "Ada", "a b", "-ada", "../ada", "ada\n", "a" * 41, "public", "unknown"])
def test_a_name_that_would_be_mistaken_is_no_accounts(kept: Accounts, name: str) -> None:
    with pytest.raises(BadInput, match="is no account's name"):
        accounts.create(kept, name, Role.MEMBER, NOW)


@pytest.mark.parametrize("password", ["", "too short", "x" * 257], ids=len)
def test_a_password_has_a_length(kept: Accounts, password: str) -> None:
    with pytest.raises(BadInput, match="10 to 256 characters"):
        accounts.create(kept, "eve", Role.MEMBER, NOW, password)
    assert kept.get("eve") is None


@pytest.mark.parametrize(
    ("name", "label", "scopes", "told"),
    [
        ("eve", "a script", [Scope.ASK], "no account 'eve'"),
        ("ada", "a script", [], "a token needs scopes"),
        ("ada", "", [Scope.ASK], "a label of 1 to 60"),
        ("ada", "a\nb", [Scope.ASK], "a label of 1 to 60"),
    ],
)
def test_a_token_that_nobody_could_know_again_is_not_made(
    kept: Accounts, name: str, label: str, scopes: list[Scope], told: str
) -> None:
    with pytest.raises(BadInput, match=told):
        accounts.issue_token(kept, name, label, scopes, NOW)
    assert kept.credentials("ada", TOKEN) == []


def test_made_passwords_are_long_enough_and_differ() -> None:
    made = {accounts.generated_password() for _ in range(20)}
    assert len(made) == 20
    assert all(accounts.SHORTEST_PASSWORD <= len(one) <= accounts.LONGEST_PASSWORD for one in made)
