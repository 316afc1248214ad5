"""The tables of version 4, the last that had a number; what older ones lack is added.

Revision ID: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _spec() -> list[sa.Column[object]]:
    return [
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("exposure_s", sa.Double, nullable=False),
        sa.Column("filter", sa.String),
        sa.Column("binning", sa.Integer, nullable=False),
        sa.Column("gain", sa.Integer),
        sa.Column("offset", sa.Integer),
        sa.Column("readout_mode", sa.String),
        sa.Column("set_temperature_c", sa.Double),
        sa.Column("rotator_deg", sa.Double),
    ]


def upgrade() -> None:
    """Make every table that is not there yet."""
    tables = set(sa.inspect(op.get_bind()).get_table_names())
    for name, make in _TABLES.items():
        if name not in tables:
            make()
    columns = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("frames")}
    if "gates" not in columns:
        op.add_column("frames", sa.Column("gates", sa.JSON, nullable=False, server_default="{}"))


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("rig", sa.String, nullable=False),
        sa.Column("sequence", sa.String, nullable=False),
        sa.Column("night", sa.Date, nullable=False),
        sa.Column("started", sa.DateTime, nullable=False),
        sa.Column("ended", sa.DateTime),
        sa.Column("outcome", sa.String),
    )


def _frames() -> None:
    op.create_table(
        "frames",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("run", sa.Integer, sa.ForeignKey("runs.id")),
        sa.Column("rig", sa.String, nullable=False),
        sa.Column("night", sa.Date, nullable=False),
        sa.Column("path", sa.String, nullable=False, unique=True),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("height_px", sa.Integer, nullable=False),
        sa.Column("width_px", sa.Integer, nullable=False),
        sa.Column("taken", sa.DateTime, nullable=False),
        sa.Column("camera", sa.String, nullable=False),
        sa.Column("actual_exposure_s", sa.Double, nullable=False),
        sa.Column("sun_altitude_deg", sa.Double),
        sa.Column("ccd_temperature_c", sa.Double),
        sa.Column("altitude_deg", sa.Double),
        sa.Column("azimuth_deg", sa.Double),
        sa.Column("right_ascension_h", sa.Double),
        sa.Column("declination_deg", sa.Double),
        sa.Column("actual_rotator_deg", sa.Double),
        sa.Column("roof_shut", sa.Boolean),
        sa.Column("saturation_adu", sa.Double, nullable=False),
        sa.Column("electrons_per_adu", sa.Double),
        sa.Column("sensor", sa.JSON, nullable=False),
        sa.Column("median_adu", sa.Double, nullable=False),
        sa.Column("mean_adu", sa.Double, nullable=False),
        sa.Column("deviation_adu", sa.Double, nullable=False),
        sa.Column("percentile_999_adu", sa.Double, nullable=False),
        sa.Column("saturated_fraction", sa.Double, nullable=False),
        sa.Column("target_adu", sa.Double),
        sa.Column("good", sa.Boolean, nullable=False),
        sa.Column("reasons", sa.JSON, nullable=False),
        sa.Column("gates", sa.JSON, nullable=False),
        *_spec(),
    )
    op.create_index("frames_of_a_set", "frames", ["rig", "kind", "good", "taken"])
    op.create_index("frames_of_a_night", "frames", ["night", "rig"])


def _masters() -> None:
    op.create_table(
        "masters",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("rig", sa.String, nullable=False),
        sa.Column("camera", sa.String, nullable=False),
        sa.Column("path", sa.String, nullable=False, unique=True),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("method", sa.String, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("built", sa.DateTime, nullable=False),
        sa.Column("newest_input", sa.DateTime, nullable=False),
        sa.Column("oldest_input", sa.DateTime, nullable=False),
        sa.Column("figures", sa.JSON, nullable=False),
        *_spec(),
    )
    op.create_index("ix_masters_rig", "masters", ["rig"])


def _master_inputs() -> None:
    op.create_table(
        "master_inputs",
        sa.Column("master", sa.Integer, sa.ForeignKey("masters.id"), primary_key=True),
        sa.Column("frame", sa.Integer, sa.ForeignKey("frames.id"), primary_key=True),
        sa.Column("sha256", sa.String(64), nullable=False),
    )


def _entries() -> None:
    op.create_table(
        "entries",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("time", sa.DateTime, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("text", sa.String, nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
    )
    op.create_index("ix_entries_time", "entries", ["time"])


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("rig", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("filter", sa.String),
        sa.Column("time", sa.DateTime, nullable=False),
        sa.Column("told", sa.DateTime, nullable=False),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("note", sa.String, nullable=False),
    )
    op.create_index("ix_events_rig", "events", ["rig"])


def _orders() -> None:
    op.create_table(
        "orders",
        sa.Column("rig", sa.String, primary_key=True),
        sa.Column("night", sa.Date, primary_key=True),
        sa.Column("made", sa.DateTime, nullable=False),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("flats", sa.JSON, nullable=False),
    )


def _quarantine() -> None:
    op.create_table(
        "quarantine",
        sa.Column("frame", sa.Integer, sa.ForeignKey("frames.id"), primary_key=True),
        sa.Column("time", sa.DateTime, nullable=False),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("why", sa.String, nullable=False),
    )


_TABLES = {
    "runs": _runs,
    "frames": _frames,
    "masters": _masters,
    "master_inputs": _master_inputs,
    "entries": _entries,
    "events": _events,
    "orders": _orders,
    "quarantine": _quarantine,
}
