"""The connection to SQLite: durable settings, one writer at a time, and errors in one clear sentence."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import IntegrityError, SQLAlchemyError, StatementError
from sqlalchemy.orm import Session

from capture.errors import StoreError
from capture.store.schema import VERSION, Base

_IMMEDIATE = "nightcal_immediate"
# What each version's tables have more than those of the one before; new tables make themselves.
_ADDED = {3: "ALTER TABLE frames ADD COLUMN gates JSON NOT NULL DEFAULT '{}'"}


class Database:
    """A SQLite file and sessions on it, from any thread."""

    def __init__(self, place: Path | str, busy_timeout_s: float = 30.0) -> None:
        """Open, or make, the file at the path or SQLAlchemy URL `place`.

        Raises StoreError when it cannot be opened, is no catalogue, or was made by a newer nightcal.
        """
        url = place if isinstance(place, str) and "://" in place else f"sqlite:///{place}"
        self._name = str(place)
        # Threads of this process queue here in order; SQLite's own busy wait would starve some of them.
        self._writing = threading.Lock()
        self._engine = create_engine(
            url, connect_args={"timeout": busy_timeout_s}, pool_size=4, max_overflow=-1
        )
        event.listen(self._engine, "connect", _set_up)
        event.listen(self._engine, "begin", _begin)
        try:
            with self._explained():
                self._prepare(self._engine)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one consistent state. Raises StoreError."""
        with self._explained(), Session(self._engine) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that is committed, durably, at its end, or not at all. Raises StoreError."""
        engine = self._engine.execution_options(**{_IMMEDIATE: True})
        with self._explained(), self._writing, Session(engine) as session, session.begin():
            yield session

    def _prepare(self, engine: Engine) -> None:
        with engine.execution_options(**{_IMMEDIATE: True}).begin() as connection:
            version = connection.execute(text("PRAGMA user_version")).scalar_one()
            if version > VERSION:
                raise StoreError(
                    f"the catalogue {self._name} was made by a newer nightcal (its version {version}, "
                    f"known up to {VERSION}): update nightcal, or name another archive folder"
                )
            if version < VERSION:
                Base.metadata.create_all(connection)
                for later in range(version + 1, VERSION + 1) if version else ():
                    if later in _ADDED:
                        connection.execute(text(_ADDED[later]))
                connection.execute(text(f"PRAGMA user_version = {VERSION}"))

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError as error:
            raise StoreError(f"the catalogue {self._name} refuses this row: {error.orig}") from error
        except StatementError as error:
            raise StoreError(f"the catalogue {self._name} {_what_and_remedy(str(error.orig))}") from error
        except SQLAlchemyError as error:
            raise StoreError(f"the catalogue {self._name} failed: {error}") from error


def _set_up(connection: Any, _record: object) -> None:
    # The driver would begin transactions late and by its own rules: `_begin` does it instead.
    connection.isolation_level = None
    cursor = connection.cursor()
    for setting in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()


def _begin(connection: Connection) -> None:
    # A write takes the lock at its beginning: a read that turns into a write cannot wait for it later.
    immediate = connection.get_execution_options().get(_IMMEDIATE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _what_and_remedy(message: str) -> str:
    remedies = {
        "locked": "is locked by another program: end that program and try again",
        "not a database": "is no catalogue, or is damaged: restore it from a backup, or move it away and "
        "let nightcal make a new one from the files",
        "malformed": "is damaged: restore it from a backup, or move it away and let nightcal make a new one "
        "from the files",
        "full": "cannot grow because the disk is full: free some space there",
        "readonly": "cannot be written: make the file and its folder writable",
        "unable to open": "cannot be opened: make its folder exist and be writable",
    }
    for word, remedy in remedies.items():
        if word in message:
            return remedy
    return f"failed: {message}"
