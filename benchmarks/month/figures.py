"""The month in figures, from its archive, its journals and the simulators' own log."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from benchmarks.calendar.tally import surplus
from benchmarks.month.life import KILLED_SET, Month
from benchmarks.month.place import SITE, reservations_of, settings_of
from capture.clock import SimulatedClock
from capture.config import Config, RigConfig, load_config
from capture.frame import Kind
from capture.site import Twilight
from capture.store.archive import Archive
from capture.store.rows import FrameRow, RunRow
from simulators.weather import Weather


@dataclass(frozen=True)
class Needed:
    """A set that the config wants: so many good frames, none older."""

    rig: str
    kind: Kind
    of: str | float
    count: int
    max_age_days: float

    def holds(self, row: FrameRow) -> bool:
        """Whether a frame is of this set."""
        spec = row.spec.set_key()
        of = spec.filter if self.kind is Kind.FLAT else spec.exposure_s
        return row.rig == self.rig and row.kind is self.kind and of == self.of


@dataclass(frozen=True)
class Day:
    """At the noon that ends a night: shares 0 to 1 of all needs, and hours of the night before.

    `filled`: needs that were whole at some time since the start. `fresh`: whole of frames that are young
    enough now. `lit_h`: rigs' hours of flats; `dark_h`: of bias and darks; `open_h`: the roof open.
    `safe_twilights`: of 2, those in whose midst the roof might be open.
    """

    night: date
    filled: float
    fresh: float
    lit_h: float
    dark_h: float
    open_h: float
    safe_twilights: int


@dataclass
class Figures:
    """All of it; `broken`: catalogued frames whose file is not whole, and files that no row knows."""

    days: list[Day] = field(default_factory=list)
    frames: int = 0
    good: int = 0
    masters: int = 0
    blows: Counter[str] = field(default_factory=Counter)
    cut_runs: int = 0
    resumes: int = 0
    broken: int = 0
    duplicates: int = 0
    reserved: int = 0
    darks_lit: int = 0
    collisions: int = 0
    held_at_kill: int = 0
    held_after: int = 0
    examples: list[str] = field(default_factory=list)


def figures_of(folder: Path, nights: Sequence[date], month: Month) -> Figures:
    """Count over the folder that `live` left."""
    config = load_config(folder / "nightcal.toml")
    clock = SimulatedClock(SITE.night_span(nights[-1]).end, horizon=None)
    archive = Archive.of(config, clock)
    try:
        rows, runs = archive.catalogue.frames(), archive.catalogue.runs()
        masters = len(archive.catalogue.masters())
        broken = _broken(archive, rows)
    finally:
        archive.close()
    good = [row for row in rows if row.good]
    twice = surplus(config, good, runs) + _overlapping(runs)
    reserved = _in_reserved_time(rows, nights)
    resumed = [run for run in runs if run.ended is None and _taken_up(run, runs)]
    return Figures(
        days=[_day(config, nights, night, good, rows, runs, month) for night in nights],
        frames=len(rows),
        good=len(good),
        masters=masters,
        blows=Counter(blow.what for blow in month.blows),
        cut_runs=sum(run.ended is None for run in runs),
        resumes=len(resumed),
        broken=len(broken),
        duplicates=len(twice),
        reserved=len(reserved),
        darks_lit=sum(row.facts.roof_shut is False for row in good if row.kind is not Kind.FLAT),
        collisions=month.collisions,
        held_at_kill=month.held_at_kill,
        held_after=_of_killed_set(good, nights[0]),
        examples=[*twice[:5], *broken[:5], *reserved[:5]],
    )


def needs_of(rig: RigConfig, filters: Sequence[str]) -> list[Needed]:
    """What the config wants of one rig."""
    flats = [Needed(rig.name, Kind.FLAT, name, rig.flats.count, rig.flats.max_age_days) for name in filters]
    bias = Needed(rig.name, Kind.BIAS, 0.0, rig.bias.count, rig.bias.max_age_days)
    darks = [
        Needed(rig.name, Kind.DARK, s, rig.darks.count, rig.darks.max_age_days) for s in rig.darks.exposures_s
    ]
    return [*flats, bias, *darks]


def _day(
    config: Config,
    nights: Sequence[date],
    night: date,
    good: Sequence[FrameRow],
    rows: Sequence[FrameRow],
    runs: Sequence[RunRow],
    month: Month,
) -> Day:
    span = SITE.night_span(night)
    filters = {"T1": ("R", "G", "B"), "T2": ("L", "R", "G", "B", "Ha", "OIII", "SII")}
    needs = [need for rig in config.rig for need in needs_of(rig, filters[rig.name])]
    filled = fresh = 0
    for need in needs:
        taken = [row.taken for row in good if row.taken < span.end and need.holds(row)]
        filled += len(taken) >= need.count
        youngest = span.end - timedelta(days=need.max_age_days)
        fresh += sum(when >= youngest for when in taken) >= need.count
    hours: Counter[bool] = Counter()
    for run in runs:
        if run.night == night:
            last = [row.taken for row in rows if row.run == run.id]
            end = run.ended or max(last, default=run.started)
            hours[run.sequence == "sky_flats"] += (end - run.started).total_seconds() / 3600
    seen = [is_open for when, is_open in month.roof if when in span]
    open_h = sum(seen) / max(1, len(seen)) * 24.0
    return Day(
        night,
        filled / len(needs),
        fresh / len(needs),
        hours[True],
        hours[False],
        open_h,
        safe_twilights(nights, night),
    )


def safe_twilights(nights: Sequence[date], night: date) -> int:
    """How many of a night's two twilights were safe in their midst, by the simulators' weather."""
    settings = settings_of(nights)
    weather = Weather(settings.seed, settings.site, settings.weather)
    windows = (SITE.twilight(night, which, 0.0, -10.0) for which in Twilight)
    return sum(weather.is_safe((w.start + (w.end - w.start) / 2).timestamp()) for w in windows)


def _of_killed_set(good: Sequence[FrameRow], night: date) -> int:
    rig, kind, exposure_s = KILLED_SET
    return sum(
        row.rig == rig and row.kind.value == kind and row.spec.exposure_s == exposure_s and row.night == night
        for row in good
    )


def _broken(archive: Archive, rows: Sequence[FrameRow]) -> list[str]:
    """Rows without their file or with another's content, files without a row."""
    known = {row.path for row in rows}
    found = []
    for row in rows:
        path = archive.path_of(row)
        if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != row.sha256:
            found.append(f"{row.path} is not what was catalogued")
    files = (path.relative_to(archive.root).as_posix() for path in (archive.root / "raw").rglob("*.fits"))
    return found + [f"{name} has no row" for name in files if name not in known]


def _overlapping(runs: Sequence[RunRow]) -> list[str]:
    found = []
    for rig in {run.rig for run in runs}:
        mine = [run for run in runs if run.rig == rig]
        for one, next_ in pairwise(mine):
            if one.ended is not None and one.ended > next_.started:
                found.append(f"{next_.started:%Y-%m-%d %H:%M} {rig}: {next_.sequence} beside {one.sequence}")
    return found


def _taken_up(cut: RunRow, runs: Sequence[RunRow]) -> bool:
    """Whether a run that was cut off was followed by another of its kind in the same night."""
    return any(
        (run.rig, run.sequence, run.night) == (cut.rig, cut.sequence, cut.night) and run.started > cut.started
        for run in runs
    )


def _in_reserved_time(rows: Sequence[FrameRow], nights: Sequence[date]) -> list[str]:
    def ends(row: FrameRow) -> datetime:
        return row.taken + timedelta(seconds=row.facts.exposure_s)

    return [
        f"{row.taken:%Y-%m-%d %H:%M} {row.rig}: {row.spec.set_key()} in reserved time"
        for one in reservations_of(nights)
        for row in rows
        if one.rig in (None, row.rig) and row.taken < one.end and ends(row) > one.start
    ]
