"""What the catalogue answers: frozen views, never live database objects, and the way to and from tables."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from functools import cache
from typing import Any, cast

from sqlalchemy import Row

from capture.frame import Facts, Frame, FrameSpec, Kind, Statistics, Verdict
from capture.journal import Entry
from capture.store.events import EventKind, EventRow
from capture.store.orders import OrderedFlats, OrderRow
from capture.store.schema import (
    EntryTable,
    EventTable,
    FrameTable,
    MasterInputTable,
    MasterTable,
    OrderTable,
    RunTable,
    SpecColumns,
)

_SPEC = tuple(f.name for f in fields(FrameSpec))
_STATISTICS = tuple(f.name for f in fields(Statistics))


@dataclass(frozen=True)
class RunRow:
    """One execution of a sequence; `ended` and `outcome` are None while it runs, or when it was killed."""

    id: int
    rig: str
    sequence: str
    night: date
    started: datetime
    ended: datetime | None
    outcome: str | None


@dataclass(frozen=True)
class FrameRow:
    """A frame without its pixels. `path` is relative to the archive's root; `shape` is (rows, columns).

    `run` is None for a frame that was adopted from disk; `request` is whose it was taken for.
    """

    id: int
    run: int | None
    night: date
    path: str
    sha256: str
    shape: tuple[int, int]
    spec: FrameSpec
    facts: Facts
    statistics: Statistics
    verdict: Verdict
    target_adu: float | None
    gates: dict[str, float] = field(default_factory=dict)
    request: int | None = None

    @property
    def rig(self) -> str:
        return self.facts.rig

    @property
    def kind(self) -> Kind:
        return self.spec.kind

    @property
    def good(self) -> bool:
        return self.verdict.good

    @property
    def taken(self) -> datetime:
        """The UTC start of the exposure."""
        return self.facts.started


@dataclass(frozen=True)
class Withdrawn:
    """That a master is worth nothing any more: since when, by whom, and why."""

    when: datetime
    who: str
    why: str


@dataclass(frozen=True)
class MasterRow:
    """A master. `spec` is its set key; `inputs` are ids of frames; `figures` are described in masters.py.

    `withdrawn`: when a frame of it was set aside since, or somebody took it back.
    """

    id: int
    rig: str
    camera: str
    spec: FrameSpec
    path: str
    sha256: str
    method: str
    count: int
    built: datetime
    newest_input: datetime
    oldest_input: datetime
    figures: dict[str, float] = field(default_factory=dict)
    inputs: tuple[int, ...] = ()
    withdrawn: Withdrawn | None = None


@dataclass(frozen=True)
class NewMaster:
    """A master whose file is on disk already: its row to be. `spec` is its set key.

    `inputs` are the ids of the frames that it was made of and their files' SHA-256 then: all that are known,
    which may be fewer than `count`. `original` is the SHA-256 of the file of another program that became it.
    `shape` is (rows, columns); `origin_px` its first column and row of the sensor.
    """

    rig: str
    camera: str
    spec: FrameSpec
    path: str
    sha256: str
    method: str
    count: int
    built: datetime
    newest_input: datetime
    oldest_input: datetime
    figures: dict[str, float]
    inputs: tuple[tuple[int, str], ...]
    original: str | None = None
    shape: tuple[int, int] | None = None
    origin_px: tuple[int, int] = (0, 0)


@cache
def separating_fields(kind: Kind) -> tuple[str, ...]:
    """The fields that separate sets of this kind, by asking `FrameSpec.set_key` itself."""
    probe = FrameSpec(kind, -1.0, "probe", -1, -1, -1, "probe", -1.0, -1.0)
    key = probe.set_key()
    return tuple(f.name for f in fields(FrameSpec) if getattr(key, f.name) == getattr(probe, f.name))


def key_of_set(rig: str, spec: FrameSpec) -> str:
    """The rig and its set of `spec` as one text, the same for the same set on every machine."""
    values = spec_values(spec.set_key())
    # 120 and 120.0 are the same exposure, and -0.0 the same temperature as 0.0.
    real = ("exposure_s", "set_temperature_c", "rotator_deg")
    plain = [
        float(value) + 0.0 if name in real and value is not None else value for name, value in values.items()
    ]
    return json.dumps([rig, *plain])


def spec_values(spec: FrameSpec) -> dict[str, Any]:
    """A spec as columns."""
    return {f.name: getattr(spec, f.name) for f in fields(FrameSpec)} | {"kind": spec.kind.value}


def spec_view(row: SpecColumns | Row[Any]) -> FrameSpec:
    """A spec from columns."""
    values = {name: getattr(row, name) for name in _SPEC}
    values["kind"] = Kind(row.kind)
    return FrameSpec(**values)


def run_view(row: RunTable) -> RunRow:
    """A run's view."""
    return RunRow(row.id, row.rig, row.sequence, row.night, row.started, row.ended, row.outcome)


def frame_values(frame: Frame) -> dict[str, Any]:
    """A frame as columns: all but run, night, path and hash."""
    facts, statistics = frame.facts, frame.statistics
    height_px, width_px = frame.pixels.shape
    values: dict[str, Any] = spec_values(frame.spec) | {
        "rig": facts.rig,
        "height_px": height_px,
        "width_px": width_px,
        "taken": facts.started,
        "camera": facts.camera,
        "actual_exposure_s": facts.exposure_s,
        "sun_altitude_deg": facts.sun_altitude_deg,
        "ccd_temperature_c": facts.ccd_temperature_c,
        "altitude_deg": facts.altitude_deg,
        "azimuth_deg": facts.azimuth_deg,
        "right_ascension_h": facts.right_ascension_h,
        "declination_deg": facts.declination_deg,
        "actual_rotator_deg": facts.rotator_deg,
        "roof_shut": facts.roof_shut,
        "roof_open": facts.roof_open,
        "saturation_adu": facts.saturation_adu,
        "electrons_per_adu": facts.electrons_per_adu,
        "sensor": {
            "pixel_size_um": facts.pixel_size_um,
            "subframe_origin_px": facts.subframe_origin_px,
            "bayer_pattern": facts.bayer_pattern,
            "bayer_offset_px": facts.bayer_offset_px,
            "downloaded_s": facts.downloaded_s,
        },
        "target_adu": frame.target_adu,
        "good": frame.verdict.good,
        "reasons": list(frame.verdict.reasons),
        "gates": {name: value for name, value in frame.gates.items() if math.isfinite(value)},
    }
    values |= {f.name: getattr(statistics, f.name) for f in fields(Statistics)}
    # SQLite keeps NaN as NULL, PostgreSQL as NaN, JSON not at all: unknown is None everywhere.
    return {name: None if _is_nan(value) else value for name, value in values.items()}


def frame_view(row: FrameTable) -> FrameRow:
    """A frame's view."""
    sensor = row.sensor
    pixel = sensor["pixel_size_um"]
    facts = Facts(
        rig=row.rig,
        camera=row.camera,
        started=row.taken,
        exposure_s=row.actual_exposure_s,
        sun_altitude_deg=math.nan if row.sun_altitude_deg is None else row.sun_altitude_deg,
        ccd_temperature_c=row.ccd_temperature_c,
        altitude_deg=row.altitude_deg,
        azimuth_deg=row.azimuth_deg,
        right_ascension_h=row.right_ascension_h,
        declination_deg=row.declination_deg,
        rotator_deg=row.actual_rotator_deg,
        roof_shut=row.roof_shut,
        roof_open=row.roof_open,
        saturation_adu=row.saturation_adu,
        electrons_per_adu=row.electrons_per_adu,
        pixel_size_um=None if pixel is None else (pixel[0], pixel[1]),
        subframe_origin_px=(sensor["subframe_origin_px"][0], sensor["subframe_origin_px"][1]),
        bayer_pattern=sensor["bayer_pattern"],
        bayer_offset_px=(sensor["bayer_offset_px"][0], sensor["bayer_offset_px"][1]),
        downloaded_s=sensor["downloaded_s"],
    )
    return FrameRow(
        id=row.id,
        run=row.run,
        night=row.night,
        path=row.path,
        sha256=row.sha256,
        shape=(row.height_px, row.width_px),
        spec=spec_view(row),
        facts=facts,
        statistics=Statistics(*(getattr(row, name) for name in _STATISTICS)),
        verdict=Verdict(tuple(row.reasons)),
        target_adu=row.target_adu,
        gates=dict(row.gates),
        request=row.request,
    )


def master_values(new: NewMaster) -> dict[str, Any]:
    """A master as columns, and its inputs as rows."""
    values = {
        f.name: getattr(new, f.name)
        for f in fields(NewMaster)
        if f.name not in ("spec", "inputs", "original", "shape", "origin_px")
    }
    if new.shape is not None:
        values |= {"height_px": new.shape[0], "width_px": new.shape[1]}
        values |= {"origin_x_px": new.origin_px[0], "origin_y_px": new.origin_px[1]}
    inputs = [MasterInputTable(frame=frame, sha256=sha256) for frame, sha256 in new.inputs]
    return values | spec_values(new.spec) | {"inputs": inputs}


def master_view(row: MasterTable | Row[Any], inputs: tuple[int, ...] | None = None) -> MasterRow:
    """A master's view; `inputs`: its frames' ids in order; a plain row of the table's columns wants them."""
    return MasterRow(
        id=row.id,
        rig=row.rig,
        camera=row.camera,
        spec=spec_view(row),
        path=row.path,
        sha256=row.sha256,
        method=row.method,
        count=cast(int, row.count),
        built=row.built,
        newest_input=row.newest_input,
        oldest_input=row.oldest_input,
        figures=dict(row.figures),
        inputs=tuple(part.frame for part in row.inputs) if inputs is None else inputs,
        withdrawn=withdrawn_view(row),
    )


def withdrawn_view(row: MasterTable | Row[Any]) -> Withdrawn | None:
    """When, by whom and why a master was withdrawn; None when it was not."""
    if row.withdrawn is None:
        return None
    return Withdrawn(row.withdrawn, row.withdrawn_by or "", row.withdrawn_why or "")


def entry_view(row: EntryTable) -> Entry:
    """A journal entry's view."""
    return Entry(row.time, row.source, row.kind, row.text, dict(row.data))


def event_view(row: EventTable) -> EventRow:
    """An event's view."""
    return EventRow(row.id, row.rig, EventKind(row.kind), row.filter, row.time, row.told, row.who, row.note)


def order_view(row: OrderTable) -> OrderRow:
    """An order's view."""
    flats = tuple(OrderedFlats(name, count) for name, count in row.flats)
    return OrderRow(row.rig, row.night, row.made, row.who, flats)


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)
