"""The tables of members: accounts, what they sign in with, requests, points and notices."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from capture.store.schema import Base, SpecColumns


class AccountTable(Base):
    """A person. `password` is an argon2 hash; NULL signs in by a proxy or a token alone.

    `notify_url` is where they are told, secrets and all; `notify_events`, of what, separated by commas.
    """

    __tablename__ = "accounts"
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    role: Mapped[str] = mapped_column(String(8))
    password: Mapped[str | None]
    made: Mapped[datetime]
    disabled: Mapped[bool]
    leave_millipoints: Mapped[int] = mapped_column(BigInteger)
    notify_url: Mapped[str | None]
    notify_events: Mapped[str | None]


class CredentialTable(Base):
    """A session or an API token; of the secret there is its SHA-256 alone."""

    __tablename__ = "credentials"
    __table_args__ = (Index("credentials_of_an_account", "account", "kind"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    account: Mapped[str] = mapped_column(ForeignKey("accounts.name"))
    kind: Mapped[str] = mapped_column(String(8))
    name: Mapped[str]
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[str]]
    made: Mapped[datetime]
    expires: Mapped[datetime | None]
    revoked: Mapped[datetime | None]
    used: Mapped[datetime | None]


class RequestTable(SpecColumns, Base):
    """A member's ask; its state is that of its last step."""

    __tablename__ = "requests"
    __table_args__ = (
        Index("requests_by_state", "state", "rig"),
        Index("requests_of_a_member", "who", "made"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    who: Mapped[str] = mapped_column(ForeignKey("accounts.name"))
    rig: Mapped[str]
    count: Mapped[int]
    master: Mapped[bool]
    made: Mapped[datetime]
    frame_bytes: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(10))
    changed: Mapped[datetime]
    by: Mapped[str]
    why: Mapped[str]


class RequestStepTable(Base):
    """That a request came into a state: when, by whom and why. Never changed."""

    __tablename__ = "request_steps"
    __table_args__ = (Index("steps_of_a_request", "request"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    request: Mapped[int] = mapped_column(ForeignKey("requests.id"))
    time: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(10))
    who: Mapped[str]
    why: Mapped[str]


class PointTable(Base):
    """One line of the ledger; never changed nor deleted. `frame` is a path in the archive."""

    __tablename__ = "points"
    __table_args__ = (
        UniqueConstraint("frame", "kind", name="points_once"),
        Index("points_of_an_account", "account", "id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    account: Mapped[str] = mapped_column(ForeignKey("accounts.name"))
    time: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(8))
    millipoints: Mapped[int] = mapped_column(BigInteger)
    frame: Mapped[str | None]
    request: Mapped[int | None]
    who: Mapped[str]
    why: Mapped[str]


class NoticeTable(Base):
    """Something that a person is to be told; `key` keeps it from being told twice."""

    __tablename__ = "notices"
    __table_args__ = (Index("notices_waiting", "state", "account"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    account: Mapped[str]
    event: Mapped[str] = mapped_column(String(16))
    key: Mapped[str | None] = mapped_column(unique=True)
    made: Mapped[datetime]
    title: Mapped[str]
    body: Mapped[str]
    state: Mapped[str] = mapped_column(String(8))
    attempts: Mapped[int]
    error: Mapped[str]
    told: Mapped[datetime | None]
