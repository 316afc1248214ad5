"""A rig's frames in the order of their rows: a page of the newest is found at once among a million.

Revision ID: 0010
"""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the index."""
    op.create_index("frames_of_a_rig_as_written", "frames", ["rig", "id"])
