"""What the rigs' wheels hold, beside what their cameras can do.

Revision ID: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the column; it fills as rigs connect."""
    op.add_column("cameras", sa.Column("filters", sa.JSON, nullable=False, server_default="[]"))
