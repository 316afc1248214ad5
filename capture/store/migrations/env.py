"""What Alembic runs: our migrations on the connection that `upgrade` hands over, in its transaction."""

from __future__ import annotations

from alembic import context

from capture.store.migrations import VERSION_TABLE
from capture.store.schema import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    # SQLite changes few things of a table in place: the others are done on a copy.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
