"""Local accounts: passwords by argon2, sessions and API tokens of which only hashes are kept."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from capture.errors import BadInput, NotAllowed
from capture.members.roles import Actor, Role, Scope
from capture.store.accounts import AccountRow, Accounts, CredentialKind, CredentialRow

SESSION_LASTS = timedelta(hours=12)
SHORTEST_PASSWORD, LONGEST_PASSWORD = 10, 256
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
# They mean something else in the config's places.
_TAKEN_NAMES = ("public", "unknown", "nightcal")
_TOKEN_PREFIX = "ncal_"
_USED_AT_MOST_EVERY = timedelta(minutes=5)
_REFUSED = "this name and password do not belong together"


@dataclass(frozen=True)
class Issued:
    """A new session or token; `secret` is told this once and never again."""

    secret: str
    row: CredentialRow


def create(
    accounts: Accounts, name: str, role: Role, now: datetime, password: str | None = None
) -> AccountRow:
    """Make an account; without a password it signs in by a proxy or by tokens alone. Raises BadInput."""
    if not _NAME.fullmatch(name) or name in _TAKEN_NAMES:
        raise BadInput(
            f"{name!r} is no account's name: use 1 to 40 of a-z 0-9 . _ -, a letter or digit first, and none "
            f"of {', '.join(_TAKEN_NAMES)}"
        )
    if role is Role.VISITOR:
        raise BadInput("visitors need no account; the roles of accounts are member, operator, admin")
    return accounts.add(name, role.word, None if password is None else hashed(password), now)


def hashed(password: str) -> str:
    """The argon2 hash of a password. Raises BadInput for one that is too short or too long."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise BadInput(f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters")
    return _hasher().hash(password)


def generated_password() -> str:
    """One that nobody guesses: four groups of five letters and digits, none that look alike."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(5)) for _ in range(4))


def set_password(accounts: Accounts, name: str, password: str, now: datetime) -> AccountRow:
    """Give an account another password, and end its sessions. Raises BadInput."""
    row = accounts.change(name, password=hashed(password))
    accounts.revoke(name, now, kind=CredentialKind.SESSION)
    return row


def set_role(accounts: Accounts, name: str, role: Role) -> AccountRow:
    """Give an account another role. Raises BadInput, also when nobody would be admin any more."""
    if role is Role.VISITOR:
        raise BadInput("visitors need no account; disable it instead")
    if role is not Role.ADMIN:
        _keep_an_admin(accounts, name)
    return accounts.change(name, role=role.word)


def disable(accounts: Accounts, name: str, now: datetime, *, disabled: bool = True) -> AccountRow:
    """Let an account in no more, its sessions and tokens included, or again. Raises BadInput."""
    if disabled:
        _keep_an_admin(accounts, name)
    row = accounts.change(name, disabled=disabled)
    if disabled:
        accounts.revoke(name, now)
    return row


def sign_in(
    accounts: Accounts, name: str, password: str, now: datetime, lasts: timedelta = SESSION_LASTS
) -> Issued:
    """A session for who knows the password. Raises NotAllowed, in the same words whatever is wrong.

    It takes as long for a name that there is not. Throttling is its caller's.
    """
    row, hash_ = accounts.get(name), accounts.password_of(name)
    right = _fits(hash_ or _nobodys_hash(), password) and hash_ is not None
    if row is None or row.disabled or not right:
        raise NotAllowed(_REFUSED)
    if hash_ is not None and _hasher().check_needs_rehash(hash_):
        accounts.change(name, password=_hasher().hash(password))
    return open_session(accounts, name, now, lasts)


def open_session(accounts: Accounts, name: str, now: datetime, lasts: timedelta = SESSION_LASTS) -> Issued:
    """A session without a password: somebody else has made sure who it is. Raises NotAllowed."""
    row = accounts.get(name)
    if row is None or row.disabled:
        raise NotAllowed(f"there is no account {name} that may sign in")
    secret = secrets.token_urlsafe(32)
    kind = CredentialKind.SESSION
    return Issued(secret, accounts.add_credential(name, kind, "", _digest(secret), [], now, now + lasts))


def issue_token(
    accounts: Accounts,
    name: str,
    label: str,
    scopes: Iterable[Scope],
    now: datetime,
    lasts: timedelta | None = None,
) -> Issued:
    """An API token, kept to `scopes`; None: it lasts until it is revoked. Raises BadInput."""
    row, wanted = accounts.get(name), sorted({scope.value for scope in scopes})
    if row is None or row.disabled:
        raise BadInput(f"there is no account {name!r} that may sign in")
    if not wanted:
        raise BadInput(f"a token needs scopes: {', '.join(Scope)}")
    if not label.isprintable() or not 1 <= len(label) <= 60:
        raise BadInput("a token needs a label of 1 to 60 printable characters, to know it again")
    secret = _TOKEN_PREFIX + secrets.token_urlsafe(32)
    expires = None if lasts is None else now + lasts
    kind = CredentialKind.TOKEN
    return Issued(secret, accounts.add_credential(name, kind, label, _digest(secret), wanted, now, expires))


def tokens_of(accounts: Accounts, name: str, revoke: int, now: datetime) -> list[CredentialRow]:
    """An account's API tokens, the one of the number `revoke` revoked; 0: none is. Raises BadInput."""
    if accounts.get(name) is None:
        raise BadInput(f"there is no account {name!r}")
    if revoke and revoke not in {row.id for row in accounts.credentials(name, CredentialKind.TOKEN)}:
        raise BadInput(f"{name} has no token {revoke}")
    if revoke:
        accounts.revoke(name, now, number=revoke, kind=CredentialKind.TOKEN)
    return accounts.credentials(name, CredentialKind.TOKEN)


def member(accounts: Accounts, name: str) -> Actor:
    """Who an account is, without a session. Raises BadInput when it may not sign in."""
    row = accounts.get(name)
    if row is None or row.disabled:
        raise BadInput(f"there is no account {name!r} that may sign in")
    return Actor(row.name, Role.of(row.role))


def scopes_of(words: Iterable[str]) -> frozenset[Scope]:
    """Scopes by their words. Raises BadInput."""
    found = set()
    for word in words:
        if word not in list(Scope):
            raise BadInput(f"there is no scope {word!r}; there are {', '.join(Scope)}")
        found.add(Scope(word))
    return frozenset(found)


def actor_of(accounts: Accounts, secret: str, now: datetime, kind: CredentialKind) -> Actor | None:
    """Whose session or token this is; None when it lets nobody in now."""
    found = accounts.credential(_digest(secret))
    if found is None or found.kind is not kind or not found.valid_at(now):
        return None
    row = accounts.get(found.account)
    if row is None or row.disabled:
        return None
    if found.used is None or now - found.used > _USED_AT_MOST_EVERY:
        accounts.use(found.id, now)
    scopes = scopes_of(found.scopes) if kind is CredentialKind.TOKEN else None
    return Actor(row.name, Role.of(row.role), scopes)


def sign_out(accounts: Accounts, secret: str, now: datetime) -> None:
    """End the session of that secret."""
    found = accounts.credential(_digest(secret))
    if found is not None:
        accounts.revoke(found.account, now, number=found.id)


def _keep_an_admin(accounts: Accounts, name: str) -> None:
    admins = [row.name for row in accounts.all() if row.role == Role.ADMIN.word and not row.disabled]
    if admins == [name]:
        raise BadInput(f"{name} is the only admin; make another one first")


def _digest(secret: str) -> str:
    # Secrets of 256 bits need no slow hash.
    return hashlib.sha256(secret.encode()).hexdigest()


def _fits(hash_: str, password: str) -> bool:
    try:
        return len(password) <= LONGEST_PASSWORD and _hasher().verify(hash_, password)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _nobodys_hash() -> str:
    return _hasher().hash(secrets.token_urlsafe(16))
