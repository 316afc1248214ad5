"""What SQLite and PostgreSQL each need to be durable, to let one writer in at a time, and to wait no longer
than they are told; and what their errors mean, in words."""

from __future__ import annotations

import importlib.util
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError

from capture.errors import StoreError

_IMMEDIATE = "nightcal_immediate"
# To change a file's journal while others do the same; each waits for the others in between.
_TRIES = 20
# The number of our advisory lock in a PostgreSQL database: "nightcal", as eight letters.
_WRITERS_LOCK = int.from_bytes(b"nightcal", "big")


class Dialect(Protocol):
    """One kind of database: its engine, and the connections that may write."""

    engine: Engine

    def writers(self) -> Engine:
        """The same engine, its transactions the writers' own: one at a time, from their beginning."""

    def readers(self) -> Engine:
        """The same engine, each of its transactions one consistent state."""

    @contextmanager
    def changing_tables(self) -> Iterator[Connection]:
        """A connection, in a transaction that no other of ours shares, for migrations."""

    def explained(self, message: str) -> str:
        """What an error of the driver means, and the remedy."""


def dialect_of(place: str, busy_timeout_s: float) -> tuple[Dialect, str]:
    """The dialect for a path or SQLAlchemy URL, and its name without a password. Raises StoreError."""
    if "://" not in place:
        return Sqlite(URL.create("sqlite", database=place), busy_timeout_s), place
    try:
        url = make_url(place)
    except (ArgumentError, ValueError):
        raise StoreError("the catalogue's database is named by no URL: write it as "
                         "postgresql+psycopg://user@host/name") from None  # fmt: skip
    name = url.render_as_string(hide_password=True)
    if url.get_backend_name() == "sqlite":
        return Sqlite(url, busy_timeout_s), name
    if url.get_backend_name() == "postgresql":
        return Postgresql(url, busy_timeout_s), name
    raise StoreError(f"the catalogue {name} is neither SQLite nor PostgreSQL, and others are not known")


class Sqlite:
    """A file: write-ahead log, every commit on the disk, a writer takes the lock at its beginning."""

    def __init__(self, url: URL, busy_timeout_s: float) -> None:
        self._url = url
        self._arguments = {"timeout": busy_timeout_s}
        self.engine = create_engine(url, connect_args=self._arguments, pool_size=4, max_overflow=-1)
        _listen(self.engine, foreign_keys=True)

    def writers(self) -> Engine:
        """See Dialect."""
        return self.engine.execution_options(**{_IMMEDIATE: True})

    def readers(self) -> Engine:
        """See Dialect."""
        return self.engine

    @contextmanager
    def changing_tables(self) -> Iterator[Connection]:
        """See Dialect. A table that is copied must be dropped without its rows' children minding."""
        engine = create_engine(self._url, connect_args=self._arguments, poolclass=NullPool)
        _listen(engine, foreign_keys=False)
        try:
            with engine.execution_options(**{_IMMEDIATE: True}).begin() as connection:
                yield connection
        finally:
            engine.dispose()

    def explained(self, message: str) -> str:
        """See Dialect."""
        return _remedy(message, _SQLITE_REMEDIES)


class Postgresql:
    """A server: each commit on its disk, writers one at a time by an advisory lock."""

    def __init__(self, url: URL, busy_timeout_s: float) -> None:
        if importlib.util.find_spec("psycopg") is None:
            raise StoreError(
                "a PostgreSQL catalogue wants the driver psycopg: pip install 'nightcal[postgresql]'"
            )
        milliseconds = round(busy_timeout_s * 1000)
        self.engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            connect_args={
                "connect_timeout": max(1, round(busy_timeout_s)),
                # A network that is cut without a word is given up after that time, too.
                "keepalives_idle": max(1, round(busy_timeout_s)),
                "keepalives_interval": 5,
                "keepalives_count": 3,
                "tcp_user_timeout": max(1000, milliseconds),
                "options": f"-c lock_timeout={max(1, milliseconds)} -c synchronous_commit=on -c timezone=UTC",
                "application_name": "nightcal",
            },
            # A server that was started anew has dropped its connections: each is asked before it is used.
            pool_pre_ping=True,
            pool_size=4,
            max_overflow=-1,
        )
        self._writers = self.engine.execution_options(**{_IMMEDIATE: True})
        event.listen(self.engine, "begin", _lock)

    def writers(self) -> Engine:
        """See Dialect."""
        return self._writers

    def readers(self) -> Engine:
        """See Dialect."""
        return self.engine.execution_options(isolation_level="REPEATABLE READ")

    @contextmanager
    def changing_tables(self) -> Iterator[Connection]:
        """See Dialect."""
        with self._writers.begin() as connection:
            yield connection

    def explained(self, message: str) -> str:
        """See Dialect."""
        return _remedy(message, _POSTGRESQL_REMEDIES)


def _listen(engine: Engine, *, foreign_keys: bool) -> None:
    def set_up(connection: Any, _record: object) -> None:
        # The driver would begin transactions late and by its own rules: `_begin` does it instead.
        connection.isolation_level = None
        cursor = connection.cursor()
        _write_ahead(cursor)
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute(f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}")
        cursor.close()

    event.listen(engine, "connect", set_up)
    event.listen(engine, "begin", _begin)


def _write_ahead(cursor: sqlite3.Cursor) -> None:
    # Of several that open a new file at once, none waits to change this as it waits to begin a transaction.
    for left in reversed(range(_TRIES)):
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if not left or "locked" not in str(error):
                raise
        cursor.execute("BEGIN EXCLUSIVE")
        cursor.execute("ROLLBACK")


def _begin(connection: Connection) -> None:
    # A write takes the lock at its beginning: a read that turns into a write cannot wait for it later.
    immediate = connection.get_execution_options().get(_IMMEDIATE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _lock(connection: Connection) -> None:
    # With one writer at a time, as in SQLite, what it reads before it writes stays true.
    if connection.get_execution_options().get(_IMMEDIATE, False):
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _WRITERS_LOCK})


_LOCKED = "is locked by another program: end that program and try again"
_DAMAGED = "run `nightcal library rebuild` to make it again from the files, or restore a backup"
_SQLITE_REMEDIES = {
    "locked": _LOCKED,
    "not a database": f"is no catalogue, or is damaged: {_DAMAGED}",
    "malformed": f"is damaged: {_DAMAGED}",
    "full": "cannot grow because the disk is full: free some space there",
    "disk I/O": "cannot be used as its disk is full or fails: free some space there, or look at the disk",
    "readonly": "cannot be written: make the file and its folder writable",
    "unable to open": "cannot be opened: make its folder exist and be writable",
}
_POSTGRESQL_REMEDIES = {
    "lock timeout": _LOCKED,
    "deadlock": _LOCKED,
    "password": "cannot be opened: its server does not accept this user and password",
    "role": "cannot be opened: its server does not know this user",
    "does not exist": "has no such database or table: make the database with createdb",
    "permission denied": "cannot be written: its server does not let this user",
    "read-only": "cannot be written: its server is read-only",
    "no space left": "cannot grow because the server's disk is full: free some space there",
    "timeout": "does not answer in time: look at its server and the network",
    "connection": "cannot be reached: start its PostgreSQL server, or look at the network",
    "shutting down": "cannot be reached: its PostgreSQL server shuts down",
    "starting up": "cannot be reached: its PostgreSQL server is starting up",
    "resolve host": "cannot be reached: the name of its server is not known",
}


def _remedy(message: str, remedies: dict[str, str]) -> str:
    for word, remedy in remedies.items():
        if word in message:
            return remedy
    return f"failed: {' '.join(message.split())}"
