"""Accounts and what they sign in with, of which only what can check it is kept; and where persons are told.

The last is an address as it is, secrets and all: it must be used.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select, update

from capture.errors import BadInput
from capture.store.database import Database
from capture.store.member_tables import AccountTable, CredentialTable
from capture.store.points_file import PointsFile


class CredentialKind(StrEnum):
    """A session of the page, or a token of the API."""

    SESSION = "session"
    TOKEN = "token"


@dataclass(frozen=True)
class AccountRow:
    """A person. `leave_millipoints`: so far below 0 the points may fall."""

    name: str
    role: str
    made: datetime
    disabled: bool
    leave_millipoints: int
    has_password: bool


@dataclass(frozen=True)
class AddressRow:
    """Where an account's person is told, and of what beside their own requests. `url` may hold secrets."""

    account: str
    role: str
    url: str = field(repr=False)
    events: tuple[str, ...]


@dataclass(frozen=True)
class CredentialRow:
    """A session or a token, without its secret. `expires` None: never; `used`: when it was last."""

    id: int
    account: str
    kind: CredentialKind
    name: str
    scopes: tuple[str, ...]
    made: datetime
    expires: datetime | None
    revoked: datetime | None
    used: datetime | None

    def valid_at(self, now: datetime) -> bool:
        """Whether it lets anybody in then."""
        return self.revoked is None and (self.expires is None or now < self.expires)


class Accounts:
    """Accounts in the catalogue's database. Every method raises StoreError as the Catalogue's do."""

    def __init__(self, database: Database, file: PointsFile) -> None:
        """Accounts are in the file, too, after they are in the database, without what they sign in with."""
        self._database = database
        self._file = file

    def add(self, name: str, role: str, password: str | None, made: datetime) -> AccountRow:
        """Record a new account; `password` is a hash. Raises BadInput when the name is taken."""
        with self._database.write() as session:
            if session.get(AccountTable, name) is not None:
                raise BadInput(f"there is an account {name} already")
            row = AccountTable(
                name=name, role=role, password=password, made=made, disabled=False, leave_millipoints=0
            )
            session.add(row)
            session.flush()
            view = _view(row)
        self._file.catch_up()
        return view

    def get(self, name: str) -> AccountRow | None:
        """The account of that name."""
        with self._database.read() as session:
            row = session.get(AccountTable, name)
            return None if row is None else _view(row)

    def all(self) -> list[AccountRow]:
        """Every account, by name."""
        with self._database.read() as session:
            return [_view(row) for row in session.scalars(select(AccountTable).order_by(AccountTable.name))]

    def password_of(self, name: str) -> str | None:
        """The hash of the account's password."""
        with self._database.read() as session:
            row = session.get(AccountTable, name)
            return None if row is None else row.password

    def change(
        self,
        name: str,
        *,
        role: str | None = None,
        password: str | None = None,
        disabled: bool | None = None,
        leave_millipoints: int | None = None,
    ) -> AccountRow:
        """Change what is given, and leave the rest. Raises BadInput when there is no such account."""
        new = {
            "role": role, "password": password, "disabled": disabled, "leave_millipoints": leave_millipoints
        }  # fmt: skip
        with self._database.write() as session:
            row = session.get(AccountTable, name)
            if row is None:
                raise BadInput(f"there is no account {name!r}")
            for key, value in new.items():
                if value is not None:
                    setattr(row, key, value)
            session.flush()
            view = _view(row)
        self._file.catch_up()
        return view

    def set_address(self, name: str, url: str | None, events: Iterable[str] = ()) -> None:
        """Tell a person there from now on; None: nowhere. Raises BadInput when there is no such account."""
        with self._database.write() as session:
            row = session.get(AccountTable, name)
            if row is None:
                raise BadInput(f"there is no account {name!r}")
            row.notify_url = url
            row.notify_events = None if url is None else ",".join(events)

    def addresses(self) -> list[AddressRow]:
        """Those of every account that may sign in and has one, by name."""
        query = select(AccountTable).where(
            AccountTable.notify_url.is_not(None), AccountTable.disabled.is_(False)
        )
        with self._database.read() as session:
            return [
                AddressRow(row.name, row.role, row.notify_url or "", _words(row.notify_events))
                for row in session.scalars(query.order_by(AccountTable.name))
            ]

    def add_credential(
        self,
        account: str,
        kind: CredentialKind,
        name: str,
        digest: str,
        scopes: Iterable[str],
        made: datetime,
        expires: datetime | None,
    ) -> CredentialRow:
        """Record a session or token by the SHA-256 of its secret."""
        with self._database.write() as session:
            row = CredentialTable(
                account=account, kind=kind.value, name=name, digest=digest, scopes=list(scopes), made=made,
                expires=expires,
            )  # fmt: skip
            session.add(row)
            session.flush()
            return _credential_view(row)

    def credential(self, digest: str) -> CredentialRow | None:
        """The session or token of that digest, whether it is valid or not."""
        with self._database.read() as session:
            row = session.scalars(select(CredentialTable).filter_by(digest=digest)).one_or_none()
            return None if row is None else _credential_view(row)

    def credentials(self, account: str, kind: CredentialKind) -> list[CredentialRow]:
        """Those of an account, in the order in which they were made."""
        query = select(CredentialTable).filter_by(account=account, kind=kind.value)
        with self._database.read() as session:
            return [_credential_view(row) for row in session.scalars(query.order_by(CredentialTable.id))]

    def use(self, number: int, now: datetime) -> None:
        """Note that it was used."""
        with self._database.write() as session:
            if (row := session.get(CredentialTable, number)) is not None:
                row.used = now

    def revoke(
        self,
        account: str,
        now: datetime,
        *,
        number: int | None = None,
        kind: CredentialKind | None = None,
    ) -> int:
        """Let these in no more: one by its number, those of a kind, or all of the account's; how many."""
        change = update(CredentialTable).where(
            CredentialTable.account == account, CredentialTable.revoked.is_(None)
        )
        if number is not None:
            change = change.where(CredentialTable.id == number)
        if kind is not None:
            change = change.where(CredentialTable.kind == kind.value)
        with self._database.write() as session:
            found = session.scalars(change.values(revoked=now).returning(CredentialTable.id))
            return len(found.all())


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(word for word in (text or "").split(",") if word)


def _view(row: AccountTable) -> AccountRow:
    return AccountRow(
        row.name, row.role, row.made, row.disabled, row.leave_millipoints, row.password is not None
    )


def _credential_view(row: CredentialTable) -> CredentialRow:
    values = {f.name: getattr(row, f.name) for f in fields(CredentialRow)}
    return CredentialRow(**(values | {"kind": CredentialKind(row.kind), "scopes": tuple(row.scopes)}))
