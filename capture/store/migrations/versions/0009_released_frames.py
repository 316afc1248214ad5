"""Frames that were set aside, and given back by somebody: when, by whom and why.

Revision ID: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the columns; nothing was given back yet."""
    op.add_column("quarantine", sa.Column("released", sa.DateTime))
    op.add_column("quarantine", sa.Column("released_by", sa.String))
    op.add_column("quarantine", sa.Column("released_why", sa.String))
