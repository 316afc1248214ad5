"""The catalogue's tables. Only the store knows them; everybody else gets the views of rows.py."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    String,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

# The newest of capture/store/migrations/versions: what a catalogue must be for these tables.
REVISION = "0011"


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime, kept in UTC: SQLite forgets the zone."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a time without a zone: it would be taken for UTC."""
        if value is not None and value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the zone back."""
        return None if value is None else value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """The base of all tables."""

    type_annotation_map = {datetime: UtcDateTime, dict[str, Any]: JSON, list[str]: JSON}  # noqa: RUF012


class SpecColumns:
    """The fields of a FrameSpec, named as there."""

    kind: Mapped[str] = mapped_column(String(8))
    exposure_s: Mapped[float]
    filter: Mapped[str | None]
    binning: Mapped[int]
    gain: Mapped[int | None]
    offset: Mapped[int | None]
    readout_mode: Mapped[str | None]
    set_temperature_c: Mapped[float | None]
    rotator_deg: Mapped[float | None]


class RunTable(Base):
    """One execution of a sequence on a rig."""

    __tablename__ = "runs"
    id: Mapped[int] = mapped_column(primary_key=True)
    rig: Mapped[str]
    sequence: Mapped[str]
    night: Mapped[date]
    started: Mapped[datetime]
    ended: Mapped[datetime | None]
    outcome: Mapped[str | None]


class SetTable(SpecColumns, Base):
    """One set of frames: rig and set key, and the sum of its good frames: a board reads no frames.

    `key` is rig and set key as one text: columns that may be NULL cannot be unique together.
    """

    __tablename__ = "sets"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    rig: Mapped[str]
    good_frames: Mapped[int]
    newest_good: Mapped[datetime | None]


class FrameTable(SpecColumns, Base):
    """One frame on disk, rejected ones too."""

    __tablename__ = "frames"
    id: Mapped[int] = mapped_column(primary_key=True)
    run: Mapped[int | None] = mapped_column(ForeignKey("runs.id"))
    set: Mapped[int] = mapped_column(ForeignKey("sets.id"))
    rig: Mapped[str]
    night: Mapped[date]
    path: Mapped[str] = mapped_column(unique=True)
    sha256: Mapped[str] = mapped_column(String(64))
    height_px: Mapped[int]
    width_px: Mapped[int]
    taken: Mapped[datetime]
    camera: Mapped[str]
    actual_exposure_s: Mapped[float]
    sun_altitude_deg: Mapped[float | None]
    ccd_temperature_c: Mapped[float | None]
    altitude_deg: Mapped[float | None]
    azimuth_deg: Mapped[float | None]
    right_ascension_h: Mapped[float | None]
    declination_deg: Mapped[float | None]
    actual_rotator_deg: Mapped[float | None]
    roof_shut: Mapped[bool | None]
    roof_open: Mapped[bool | None]
    request: Mapped[int | None]
    saturation_adu: Mapped[float]
    electrons_per_adu: Mapped[float | None]
    sensor: Mapped[dict[str, Any]]
    median_adu: Mapped[float]
    mean_adu: Mapped[float]
    deviation_adu: Mapped[float]
    percentile_999_adu: Mapped[float]
    saturated_fraction: Mapped[float]
    target_adu: Mapped[float | None]
    good: Mapped[bool]
    reasons: Mapped[list[str]]
    gates: Mapped[dict[str, Any]]
    __table_args__ = (
        Index("frames_of_a_set", "set", "good", "taken"),
        Index("frames_of_a_kind", "rig", "kind", "good", "taken"),
        Index("frames_of_a_rig", "rig", "taken"),
        Index("frames_of_a_rig_as_written", "rig", "id"),
        Index("frames_of_a_night", "night", "rig"),
        Index("frames_of_a_run", "run"),
        Index("frames_of_a_request", "request"),
        Index("frames_of_a_file", "sha256"),
    )


class MasterTable(SpecColumns, Base):
    """One master; its spec is a set key."""

    __tablename__ = "masters"
    id: Mapped[int] = mapped_column(primary_key=True)
    rig: Mapped[str]
    camera: Mapped[str]
    path: Mapped[str] = mapped_column(unique=True)
    sha256: Mapped[str] = mapped_column(String(64))
    method: Mapped[str]
    count: Mapped[int]
    built: Mapped[datetime]
    newest_input: Mapped[datetime]
    oldest_input: Mapped[datetime]
    figures: Mapped[dict[str, Any]]
    height_px: Mapped[int | None]
    width_px: Mapped[int | None]
    origin_x_px: Mapped[int | None]
    origin_y_px: Mapped[int | None]
    withdrawn: Mapped[datetime | None]
    withdrawn_by: Mapped[str | None]
    withdrawn_why: Mapped[str | None]
    inputs: Mapped[list[MasterInputTable]] = relationship(lazy="selectin", order_by="MasterInputTable.frame")
    __table_args__ = (
        Index("masters_of_a_kind", "rig", "kind", "built"),
        Index("masters_by_age", "rig", "kind", "newest_input"),
        Index("masters_of_a_file", "sha256"),
        Index("masters_withdrawn", "withdrawn"),
    )


class MasterInputTable(Base):
    """Which frame went into which master, and what its file was then."""

    __tablename__ = "master_inputs"
    master: Mapped[int] = mapped_column(ForeignKey("masters.id"), primary_key=True)
    frame: Mapped[int] = mapped_column(ForeignKey("frames.id"), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64))


class EntryTable(Base):
    """One line of the journal."""

    __tablename__ = "entries"
    id: Mapped[int] = mapped_column(primary_key=True)
    time: Mapped[datetime] = mapped_column(index=True)
    source: Mapped[str]
    kind: Mapped[str]
    text: Mapped[str]
    data: Mapped[dict[str, Any]]


class EventTable(Base):
    """What a hand did to a rig: frames taken before `time` are worth nothing since."""

    __tablename__ = "events"
    id: Mapped[int] = mapped_column(primary_key=True)
    rig: Mapped[str] = mapped_column(index=True)
    kind: Mapped[str]
    filter: Mapped[str | None]
    time: Mapped[datetime]
    told: Mapped[datetime]
    who: Mapped[str]
    note: Mapped[str]


class OrderTable(Base):
    """An operator's order of flats for one rig and night; at most one."""

    __tablename__ = "orders"
    rig: Mapped[str] = mapped_column(primary_key=True)
    night: Mapped[date] = mapped_column(primary_key=True)
    made: Mapped[datetime]
    who: Mapped[str]
    flats: Mapped[list[Any]] = mapped_column(JSON)


class QuarantineTable(Base):
    """A frame that was set aside after the fact; its verdict in `frames` says so, until it is `released`."""

    __tablename__ = "quarantine"
    frame: Mapped[int] = mapped_column(ForeignKey("frames.id"), primary_key=True)
    time: Mapped[datetime]
    who: Mapped[str]
    why: Mapped[str]
    released: Mapped[datetime | None]
    released_by: Mapped[str | None]
    released_why: Mapped[str | None]


class ChangeTable(Base):
    """A change of state that somebody made: who, when and why."""

    __tablename__ = "changes"
    __table_args__ = (Index("changes_by_time", "time"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    time: Mapped[datetime]
    rig: Mapped[str]
    what: Mapped[str] = mapped_column(String(12))
    who: Mapped[str]
    why: Mapped[str]
    text: Mapped[str]


class DeletionTable(Base):
    """A file of the archive that was deleted on purpose; its frame's or light's row stays."""

    __tablename__ = "deletions"
    path: Mapped[str] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64))
    time: Mapped[datetime]
    who: Mapped[str]
    why: Mapped[str]


class ImportTable(Base):
    """A file of another program by its SHA-256, and the file of ours that it became."""

    __tablename__ = "imports"
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    path: Mapped[str]


class LeaseTable(Base):
    """Who may work with a rig until when; `fence` grows with every new holder and never falls."""

    __tablename__ = "leases"
    rig: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str | None]
    fence: Mapped[int]
    until: Mapped[datetime]


class CameraTable(Base):
    """What a rig's camera and wheel said when they were connected; `read`: when that was first heard."""

    __tablename__ = "cameras"
    rig: Mapped[str] = mapped_column(primary_key=True)
    exposure_min_s: Mapped[float]
    exposure_max_s: Mapped[float]
    binning_max: Mapped[int]
    gain_min: Mapped[int | None]
    gain_max: Mapped[int | None]
    filters: Mapped[list[str]]
    read: Mapped[datetime]


class LightTable(SpecColumns, Base):
    """A light that another program took, and what became of it; paths as the archive's, or absolute."""

    __tablename__ = "lights"
    __table_args__ = (Index("lights_by_state", "state", "taken"), Index("lights_of_a_rig", "rig", "taken"))
    id: Mapped[int] = mapped_column(primary_key=True)
    path: Mapped[str] = mapped_column(unique=True)
    sha256: Mapped[str] = mapped_column(String(64))
    rig: Mapped[str]
    owner: Mapped[str]
    night: Mapped[date]
    taken: Mapped[datetime]
    found: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(12))
    reason: Mapped[str]
    calibrated: Mapped[str | None]
    calibrated_sha256: Mapped[str | None] = mapped_column(String(64))


class LightMasterTable(Base):
    """Which master, by its file's SHA-256, calibrated a light."""

    __tablename__ = "light_masters"
    __table_args__ = (Index("lights_of_a_master", "sha256"),)
    light: Mapped[int] = mapped_column(ForeignKey("lights.id"), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)


class DeliveryTable(Base):
    """A file for somebody's place; `path` is NULL for what is made at sending."""

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("recipient", "name", name="deliveries_once"),
        Index("deliveries_waiting", "state", "recipient"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    recipient: Mapped[str]
    name: Mapped[str]
    path: Mapped[str | None]
    sha256: Mapped[str | None] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(12))
    queued: Mapped[datetime]
    begun: Mapped[bool]
    attempts: Mapped[int]
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    error: Mapped[str]
    delivered: Mapped[datetime | None]
