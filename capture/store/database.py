"""The connection to the database: sessions that read or write, and errors in one clear sentence."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import IntegrityError, SQLAlchemyError, StatementError
from sqlalchemy.orm import Session

from capture.errors import StoreError
from capture.store import migrations
from capture.store.dialects import dialect_of


class Database:
    """A SQLite file or a PostgreSQL database, and sessions on it, from any thread."""

    def __init__(self, place: Path | str, busy_timeout_s: float = 30.0) -> None:
        """Open, or make, the database at the path or SQLAlchemy URL `place`, its tables brought up to date.

        Raises StoreError when it cannot be opened, is no catalogue, or was made by a newer nightcal.
        """
        self._dialect, self._name = dialect_of(str(place), busy_timeout_s)
        # Threads of this process queue here in order; SQLite's own busy wait would starve some of them.
        self._writing = threading.Lock()
        try:
            with self._explained():
                self._prepare()
        except BaseException:
            self.close()
            raise

    @property
    def name(self) -> str:
        """The file or the URL, without a password."""
        return self._name

    def close(self) -> None:
        """Close every connection."""
        self._dialect.engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one consistent state. Raises StoreError."""
        with self._explained(), Session(self._dialect.readers()) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that is committed, durably, at its end, or not at all. Raises StoreError."""
        with self._explained(), self._writing, Session(self._dialect.writers()) as session, session.begin():
            yield session

    def _prepare(self) -> None:
        with self._dialect.engine.connect() as connection:
            if migrations.is_up_to_date(connection, self._name):
                return
        with self._dialect.changing_tables() as connection:
            # Another process may have done it while this one waited for its turn.
            if not migrations.is_up_to_date(connection, self._name):
                migrations.upgrade(connection)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError as error:
            reason = " ".join(str(error.orig).split())
            raise StoreError(f"the catalogue {self._name} refuses this row: {reason}") from error
        except StatementError as error:
            raise StoreError(
                f"the catalogue {self._name} {self._dialect.explained(str(error.orig))}"
            ) from error
        except SQLAlchemyError as error:
            raise StoreError(f"the catalogue {self._name} failed: {error}") from error
