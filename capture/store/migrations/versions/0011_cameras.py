"""What the rigs' cameras can do and their wheels hold, for those who ask without a device at hand.

Revision ID: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the table; it fills as rigs connect."""
    op.create_table(
        "cameras",
        sa.Column("rig", sa.String, primary_key=True),
        sa.Column("exposure_min_s", sa.Double, nullable=False),
        sa.Column("exposure_max_s", sa.Double, nullable=False),
        sa.Column("binning_max", sa.Integer, nullable=False),
        sa.Column("gain_min", sa.Integer),
        sa.Column("gain_max", sa.Integer),
        sa.Column("filters", sa.JSON, nullable=False),
        sa.Column("read", sa.DateTime, nullable=False),
    )
