"""Lights that other programs took, and what became of them.

Revision ID: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "lights",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("path", sa.String, nullable=False, unique=True),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("rig", sa.String, nullable=False),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("night", sa.Date, nullable=False),
        sa.Column("taken", sa.DateTime, nullable=False),
        sa.Column("found", sa.DateTime, nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("calibrated", sa.String),
        sa.Column("calibrated_sha256", sa.String(64)),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("exposure_s", sa.Double, nullable=False),
        sa.Column("filter", sa.String),
        sa.Column("binning", sa.Integer, nullable=False),
        sa.Column("gain", sa.Integer),
        sa.Column("offset", sa.Integer),
        sa.Column("readout_mode", sa.String),
        sa.Column("set_temperature_c", sa.Double),
        sa.Column("rotator_deg", sa.Double),
    )
    op.create_index("lights_by_state", "lights", ["state", "taken"])
    op.create_index("lights_of_a_rig", "lights", ["rig", "taken"])
