"""Accounts with the address at which their person is told, and of what.

Revision ID: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the columns; nobody has an address yet."""
    op.add_column("accounts", sa.Column("notify_url", sa.String))
    op.add_column("accounts", sa.Column("notify_events", sa.String))
