"""The catalogue's tables, from each version to the next, and what brings a database up to date."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from capture.errors import StoreError
from capture.store.schema import REVISION

if TYPE_CHECKING:
    from alembic.config import Config

# Ours alone, so that other programs' migrations in the same PostgreSQL database are left in peace.
VERSION_TABLE = "nightcal_version"
# What the versions before these migrations wrote into a SQLite file's own version number.
_LAST_NUMBERED = 4


def revision_of(connection: Connection) -> str | None:
    """The revision that the database says it is at; None when it says none."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()


def is_up_to_date(connection: Connection, name: str) -> bool:
    """Whether the database is at our revision; False: it is empty, or older.

    Raises StoreError when a newer nightcal made it; `name` names it there.
    """
    revision = revision_of(connection)
    if revision == REVISION:
        return True
    made_by = revision
    if revision is None and connection.dialect.name == "sqlite":
        number = connection.execute(text("PRAGMA user_version")).scalar_one()
        made_by = None if number <= _LAST_NUMBERED else str(number)
    if made_by is not None and not _is_known(made_by):
        raise StoreError(
            f"the catalogue {name} was made by a newer nightcal (its version {made_by}, "
            f"known up to {REVISION}): update nightcal, or name another archive folder"
        )
    return False


def upgrade(connection: Connection) -> None:
    """Bring the database to our revision, within the connection's transaction."""
    from alembic import command  # noqa: PLC0415 - a quarter of a second, for once in a catalogue's life

    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _is_known(revision: str) -> bool:
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - as above

    return any(
        script.revision == revision for script in ScriptDirectory.from_config(_config()).walk_revisions()
    )


def _config() -> Config:
    from alembic.config import Config  # noqa: PLC0415 - as above

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
