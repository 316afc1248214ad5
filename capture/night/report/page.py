"""The report as one HTML file that needs nothing but itself."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from statistics import fmean

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from capture.errors import StoreError
from capture.frame import FrameSpec, Kind
from capture.night.report import words
from capture.night.report.facts import Check, NightFacts, gather
from capture.night.report.flats import FlatPlots
from capture.night.report.svg import clean
from capture.night.report.thumbnail import Thumbnail, thumbnail
from capture.night.report.timeline import NARROW, WIDE, Timeline
from capture.store.archive import Archive
from capture.store.rows import FrameRow, MasterRow

# What the config's [rig.flats] allows, and [masters] asks, when it says nothing.
FLAT_TOLERANCE, MIN_FRAMES = 0.25, 5


@dataclass(frozen=True)
class RigLine:
    """One rig in the table on top."""

    rig: str
    taken: int
    good: int
    masters: int
    sets: int
    exposed: timedelta

    @property
    def rejected(self) -> int:
        return self.taken - self.good


@dataclass(frozen=True)
class MasterCard:
    """A master with its picture and what was checked of it."""

    row: MasterRow
    picture: Thumbnail
    temperature_c: float | None
    checks: tuple[Check, ...]


def write_report(
    archive: Archive,
    night: date,
    path: Path,
    checks: Sequence[Check] = (),
    *,
    flat_tolerance: float = FLAT_TOLERANCE,
    min_frames: int = MIN_FRAMES,
) -> Path:
    """Write the report of `night` to `path`, whole or not at all; an older one is replaced. Return `path`.

    `checks`: figures of masters against the simulator's truth. `flat_tolerance`: the band that the plots
    shade, `min_frames`: good frames that make a master, both as in the config. Raises StoreError when the
    catalogue cannot be read or the file not written.
    """
    facts = gather(archive, night, checks)
    _write(path, render(archive, facts, flat_tolerance, min_frames))
    return path


def render(archive: Archive, facts: NightFacts, flat_tolerance: float, min_frames: int) -> str:
    """The page."""
    return (
        environment()
        .get_template("report.html")
        .render(
            facts=facts,
            verdict=words.verdict(facts),
            sentence=words.sentence(facts),
            checked=words.checked(facts),
            rigs=[rig_line(facts, rig) for rig in facts.rigs],
            timelines=[Timeline(facts, layout).draw() for layout in (WIDE, NARROW)],
            runs=[(run, frames_of_run(facts, run.id)) for run in facts.runs],
            flats=[FlatPlots(facts, rig, flat_tolerance) for rig in facts.rigs],
            flat_tolerance=flat_tolerance,
            min_frames=min_frames,
            masters=[_card(archive, facts, master) for master in facts.masters],
            refused=[entry for entry in facts.entries if entry.kind == "refused"],
            local=lambda when: f"{facts.site.local(when):%H:%M:%S}",
            is_flat=_is_flat,
        )
    )


def environment() -> Environment:
    """The templates, with the report's words as filters."""
    made = Environment(
        loader=PackageLoader("capture.night.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "adu": words.adu, "count": words.count, "date": words.long_date, "duration": words.duration,
        "fits": words.to_tolerance, "method": words.method, "percent": words.percent,
        "seconds": words.seconds, "celsius": words.celsius, "spec": words.spec,
    }  # fmt: skip
    return made


def rig_line(facts: NightFacts, rig: str) -> RigLine:
    """What one rig did."""
    frames = facts.of_rig(rig)
    return RigLine(
        rig,
        taken=len(frames),
        good=sum(frame.good for frame in frames),
        masters=sum(master.rig == rig for master in facts.masters),
        sets=sum(count.rig == rig for count in facts.sets),
        exposed=timedelta(seconds=sum(frame.facts.exposure_s for frame in frames)),
    )


def frames_of_run(facts: NightFacts, run: int) -> tuple[int, int]:
    """How many frames a run took, and how many of them are good."""
    mine = [frame for frame in facts.frames if frame.run == run]
    return len(mine), sum(frame.good for frame in mine)


def _card(archive: Archive, facts: NightFacts, master: MasterRow) -> MasterCard:
    return MasterCard(
        master,
        thumbnail(archive.path_of(master)),
        _temperature_c(facts.frames, master),
        facts.checks_by_master.get(master.id, ()),
    )


def _temperature_c(frames: Sequence[FrameRow], master: MasterRow) -> float | None:
    """What was measured when this night's inputs were taken, on average."""
    inputs = set(master.inputs)
    measured = [f.facts.ccd_temperature_c for f in frames if f.id in inputs]
    known = [value for value in measured if value is not None]
    return fmean(known) if known else master.spec.set_temperature_c


def _is_flat(spec: FrameSpec) -> bool:
    return spec.kind is Kind.FLAT


def _printable(value: object) -> object:
    """Markup is ours and stays; text from outside loses what a page cannot carry."""
    return value if isinstance(value, Markup) else clean(str(value))


def _write(path: Path, page: str) -> None:
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(page)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp keeps the file to its owner; a report is for everybody who may see the folder.
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except OSError as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
        raise StoreError(
            f"the report {path} cannot be written: {error.strerror or error}. "
            f"Make the folder writable or name another place."
        ) from error
