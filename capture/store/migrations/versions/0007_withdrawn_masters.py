"""Masters with their size, and withdrawn ones; changes of state, deleted files, the masters of each light.

Revision ID: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_MASTERS = sa.table(
    "masters",
    sa.column("id"),
    *(sa.column(name, sa.Integer) for name in ("height_px", "width_px", "origin_x_px", "origin_y_px")),
    sa.column("withdrawn", sa.DateTime),
    sa.column("withdrawn_by", sa.String),
    sa.column("withdrawn_why", sa.String),
)
_INPUTS = sa.table("master_inputs", sa.column("master"), sa.column("frame"))
_FRAMES = sa.table(
    "frames", sa.column("id"), sa.column("rig"), sa.column("height_px"), sa.column("width_px"),
    sa.column("sensor", sa.JSON),
)  # fmt: skip
_QUARANTINE = sa.table(
    "quarantine", sa.column("frame"), sa.column("time", sa.DateTime), sa.column("who"), sa.column("why")
)
_EVENTS = sa.table(
    "events", sa.column("rig"), sa.column("kind"), sa.column("filter"), sa.column("told", sa.DateTime),
    sa.column("who"), sa.column("note"),
)  # fmt: skip
_ORDERS = sa.table(
    "orders", sa.column("rig"), sa.column("night", sa.Date), sa.column("made", sa.DateTime), sa.column("who")
)
_ENTRIES = sa.table(
    "entries", sa.column("time", sa.DateTime), sa.column("source"), sa.column("kind"), sa.column("text"),
    sa.column("data", sa.JSON),
)  # fmt: skip


def upgrade() -> None:
    """Add columns and tables, and fill them with what older tables tell."""
    for name in ("height_px", "width_px", "origin_x_px", "origin_y_px"):
        op.add_column("masters", sa.Column(name, sa.Integer))
    op.add_column("masters", sa.Column("withdrawn", sa.DateTime))
    op.add_column("masters", sa.Column("withdrawn_by", sa.String))
    op.add_column("masters", sa.Column("withdrawn_why", sa.String))
    op.create_index("masters_by_age", "masters", ["rig", "kind", "newest_input"])
    op.create_index("masters_of_a_file", "masters", ["sha256"])
    op.create_index("masters_withdrawn", "masters", ["withdrawn"])
    op.create_table(
        "light_masters",
        sa.Column("light", sa.Integer, sa.ForeignKey("lights.id"), primary_key=True),
        sa.Column("sha256", sa.String(64), primary_key=True),
    )
    op.create_index("lights_of_a_master", "light_masters", ["sha256"])
    op.create_table(
        "deletions",
        sa.Column("path", sa.String, primary_key=True),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("time", sa.DateTime, nullable=False),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("why", sa.String, nullable=False),
    )
    changes = op.create_table(
        "changes",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("time", sa.DateTime, nullable=False),
        sa.Column("rig", sa.String, nullable=False),
        sa.Column("what", sa.String(12), nullable=False),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("why", sa.String, nullable=False),
        sa.Column("text", sa.String, nullable=False),
    )
    op.create_index("changes_by_time", "changes", ["time"])
    connection = op.get_bind()
    _fill_sizes(connection)
    _fill_withdrawn(connection)
    if rows := sorted(_changes(connection), key=lambda row: str(row["time"])):
        connection.execute(changes.insert(), rows)


def _fill_sizes(connection: sa.Connection) -> None:
    """Of the first frame of each: all frames of a master have one."""
    first = (
        sa.select(_INPUTS.c.master, sa.func.min(_INPUTS.c.frame).label("frame"))
        .group_by(_INPUTS.c.master)
        .subquery()
    )
    query = sa.select(first.c.master, _FRAMES.c.height_px, _FRAMES.c.width_px, _FRAMES.c.sensor).join(
        _FRAMES, _FRAMES.c.id == first.c.frame
    )
    sizes = []
    for master, height_px, width_px, sensor in connection.execute(query):
        x_px, y_px = sensor["subframe_origin_px"]
        sizes.append({"of": master, "h": height_px, "w": width_px, "x": x_px, "y": y_px})
    if sizes:
        change = _MASTERS.update().where(_MASTERS.c.id == sa.bindparam("of"))
        connection.execute(
            change.values(
                height_px=sa.bindparam("h"),
                width_px=sa.bindparam("w"),
                origin_x_px=sa.bindparam("x"),
                origin_y_px=sa.bindparam("y"),
            ),
            sizes,
        )


def _fill_withdrawn(connection: sa.Connection) -> None:
    query = (
        sa.select(_INPUTS.c.master, _QUARANTINE.c.time, _QUARANTINE.c.who, _QUARANTINE.c.why)
        .join(_QUARANTINE, _QUARANTINE.c.frame == _INPUTS.c.frame)
        .order_by(_QUARANTINE.c.time.desc())
    )
    # The first that was set aside is the last that is read.
    for number, (when, who, why) in {row[0]: tuple(row[1:]) for row in connection.execute(query)}.items():
        change = _MASTERS.update().where(_MASTERS.c.id == number)
        connection.execute(change.values(withdrawn=when, withdrawn_by=who, withdrawn_why=why))


def _changes(connection: sa.Connection) -> list[dict[str, object]]:
    aside = (
        sa.select(_QUARANTINE.c.time, _FRAMES.c.rig, _QUARANTINE.c.who, _QUARANTINE.c.why, sa.func.count())
        .join(_FRAMES, _FRAMES.c.id == _QUARANTINE.c.frame)
        .group_by(_QUARANTINE.c.time, _FRAMES.c.rig, _QUARANTINE.c.who, _QUARANTINE.c.why)
    )
    found: list[dict[str, object]] = [
        _change(when, rig, "quarantine", who, why, f"{count} frames are set aside")
        for when, rig, who, why, count in connection.execute(aside)
    ]
    for event in connection.execute(sa.select(_EVENTS)):
        text = f"{event.kind.replace('_', ' ')} {event.filter or ''}".strip()
        found.append(_change(event.told, event.rig, "event", event.who, event.note, text))
    for order in connection.execute(sa.select(_ORDERS)):
        text = f"flats are ordered for {order.night}"
        found.append(_change(order.made, order.rig, "order", order.who, "", text))
    for entry in connection.execute(sa.select(_ENTRIES).where(_ENTRIES.c.kind.in_(("pause", "resume")))):
        who, why = str(entry.data.get("who", "")), str(entry.data.get("why", ""))
        found.append(_change(entry.time, entry.source, entry.kind, who, why, entry.text))
    return found


def _change(when: object, rig: str, what: str, who: str, why: str, text: str) -> dict[str, object]:
    return {"time": when, "rig": rig, "what": what, "who": who, "why": why, "text": text}
