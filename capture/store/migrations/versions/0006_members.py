"""Members: accounts, requests, points and notices; frames that were taken for a request.

Revision ID: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the tables, and to frames the request and whether the roof was open throughout."""
    op.add_column("frames", sa.Column("request", sa.Integer))
    op.add_column("frames", sa.Column("roof_open", sa.Boolean))
    op.create_index("frames_of_a_request", "frames", ["request"])
    _accounts()
    _requests()
    op.create_table(
        "points",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("account", sa.String(40), sa.ForeignKey("accounts.name"), nullable=False),
        sa.Column("time", sa.DateTime, nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("millipoints", sa.BigInteger, nullable=False),
        sa.Column("frame", sa.String),
        sa.Column("request", sa.Integer),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("why", sa.String, nullable=False),
        sa.UniqueConstraint("frame", "kind", name="points_once"),
    )
    op.create_index("points_of_an_account", "points", ["account", "id"])
    op.create_table(
        "notices",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("account", sa.String, nullable=False),
        sa.Column("event", sa.String(16), nullable=False),
        sa.Column("key", sa.String, unique=True),
        sa.Column("made", sa.DateTime, nullable=False),
        sa.Column("title", sa.String, nullable=False),
        sa.Column("body", sa.String, nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("error", sa.String, nullable=False),
        sa.Column("told", sa.DateTime),
    )
    op.create_index("notices_waiting", "notices", ["state", "account"])


def _accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("role", sa.String(8), nullable=False),
        sa.Column("password", sa.String),
        sa.Column("made", sa.DateTime, nullable=False),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.Column("leave_millipoints", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "credentials",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("account", sa.String(40), sa.ForeignKey("accounts.name"), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("scopes", sa.JSON, nullable=False),
        sa.Column("made", sa.DateTime, nullable=False),
        sa.Column("expires", sa.DateTime),
        sa.Column("revoked", sa.DateTime),
        sa.Column("used", sa.DateTime),
    )
    op.create_index("credentials_of_an_account", "credentials", ["account", "kind"])


def _requests() -> None:
    op.create_table(
        "requests",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("who", sa.String(40), sa.ForeignKey("accounts.name"), nullable=False),
        sa.Column("rig", sa.String, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("master", sa.Boolean, nullable=False),
        sa.Column("made", sa.DateTime, nullable=False),
        sa.Column("frame_bytes", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("changed", sa.DateTime, nullable=False),
        sa.Column("by", sa.String, nullable=False),
        sa.Column("why", sa.String, nullable=False),
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
    op.create_index("requests_by_state", "requests", ["state", "rig"])
    op.create_index("requests_of_a_member", "requests", ["who", "made"])
    op.create_table(
        "request_steps",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("request", sa.Integer, sa.ForeignKey("requests.id"), nullable=False),
        sa.Column("time", sa.DateTime, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("why", sa.String, nullable=False),
    )
    op.create_index("steps_of_a_request", "request_steps", ["request"])
