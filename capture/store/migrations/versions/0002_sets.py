"""Sets of frames with the sum of their good ones, and leases on rigs.

Revision ID: 0002
"""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_SPEC = (
    sa.column("kind", sa.String),
    sa.column("exposure_s", sa.Double),
    sa.column("filter", sa.String),
    sa.column("binning", sa.Integer),
    sa.column("gain", sa.Integer),
    sa.column("offset", sa.Integer),
    sa.column("readout_mode", sa.String),
    sa.column("set_temperature_c", sa.Double),
    sa.column("rotator_deg", sa.Double),
)
# What may differ within a set of each kind, and what is kept in its stead.
_TAKEN_OUT: dict[str, dict[str, float | None]] = {
    "flat": {"exposure_s": 0.0, "set_temperature_c": None},
    "bias": {"exposure_s": 0.0, "set_temperature_c": None, "filter": None, "rotator_deg": None},
    "dark": {"filter": None, "rotator_deg": None},
    "light": {},
}
_FRAMES = sa.table(
    "frames", sa.column("rig"), *_SPEC, sa.column("good", sa.Boolean), sa.column("taken", sa.DateTime),
    sa.column("set", sa.Integer),
)  # fmt: skip


def upgrade() -> None:
    """Add the tables, and give every frame its set."""
    sets = op.create_table(
        "sets",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("key", sa.String, nullable=False, unique=True),
        sa.Column("rig", sa.String, nullable=False),
        sa.Column("good_frames", sa.Integer, nullable=False),
        sa.Column("newest_good", sa.DateTime),
        *(sa.Column(c.name, c.type, nullable=c.name not in ("kind", "exposure_s", "binning")) for c in _SPEC),
    )
    op.create_table(
        "leases",
        sa.Column("rig", sa.String, primary_key=True),
        sa.Column("holder", sa.String),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("until", sa.DateTime, nullable=False),
    )
    op.add_column("frames", sa.Column("set", sa.Integer))
    _give_sets(sets)
    with op.batch_alter_table("frames") as batch:
        batch.drop_index("frames_of_a_set")
        batch.alter_column("set", existing_type=sa.Integer, nullable=False)
        batch.create_foreign_key("frames_set_fkey", "sets", ["set"], ["id"])
    op.create_index("frames_of_a_set", "frames", ["set", "good", "taken"])
    op.create_index("frames_of_a_kind", "frames", ["rig", "kind", "good", "taken"])
    op.create_index("frames_of_a_rig", "frames", ["rig", "taken"])
    op.create_index("frames_of_a_run", "frames", ["run"])
    op.create_index("frames_of_a_file", "frames", ["sha256"])
    op.drop_index("ix_masters_rig", "masters")
    op.create_index("masters_of_a_kind", "masters", ["rig", "kind", "built"])
    if op.get_bind().dialect.name == "sqlite":
        # Programs from before these migrations look at this number alone, and would write without sets.
        op.execute("PRAGMA user_version = 5")


def _give_sets(sets: sa.Table) -> None:
    connection = op.get_bind()
    numbers: dict[str, int] = {}
    specs = [_FRAMES.c[column.name] for column in _SPEC]
    for row in connection.execute(sa.select(_FRAMES.c.rig, *specs).distinct()).mappings().all():
        spec: dict[str, Any] = {c.name: row[c.name] for c in _SPEC} | _TAKEN_OUT[row["kind"]]
        # As rows.key_of_set writes it; -0.0 is the same temperature as 0.0.
        key = json.dumps([row["rig"], *(v + 0.0 if isinstance(v, float) else v for v in spec.values())])
        if key in numbers:
            continue
        numbers[key] = len(numbers) + 1
        connection.execute(
            sets.insert().values(id=numbers[key], key=key, rig=row["rig"], good_frames=0, **spec)
        )
        kept = {name: row[name] for name in row if name not in _TAKEN_OUT[row["kind"]]}
        same = [_FRAMES.c[name].is_not_distinct_from(value) for name, value in kept.items()]
        connection.execute(_FRAMES.update().where(*same).values(set=numbers[key]))
    good = sa.select(sa.func.count(), sa.func.max(_FRAMES.c.taken)).where(_FRAMES.c.good)
    for number in numbers.values():
        count, newest = connection.execute(good.where(_FRAMES.c.set == number)).one()
        connection.execute(
            sets.update().where(sets.c.id == number).values(good_frames=count, newest_good=newest)
        )
    if connection.dialect.name == "postgresql" and numbers:
        connection.execute(sa.text("SELECT setval(pg_get_serial_sequence('sets', 'id'), max(id)) FROM sets"))
