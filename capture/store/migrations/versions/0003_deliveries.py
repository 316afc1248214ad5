"""Deliveries: which file is to reach which place, and how far it has come.

Revision ID: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("recipient", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("path", sa.String),
        sa.Column("sha256", sa.String(64)),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("queued", sa.DateTime, nullable=False),
        sa.Column("begun", sa.Boolean, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("size_bytes", sa.BigInteger),
        sa.Column("error", sa.String, nullable=False),
        sa.Column("delivered", sa.DateTime),
        sa.UniqueConstraint("recipient", "name", name="deliveries_once"),
    )
    op.create_index("deliveries_waiting", "deliveries", ["state", "recipient"])
