"""What the report tells, gathered from the catalogue; nothing here knows of HTML."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

from capture.frame import FrameSpec, Kind
from capture.journal import Entry
from capture.site import Site, Window
from capture.store.archive import Archive
from capture.store.rows import FrameRow, MasterRow, RunRow

# A roof that nobody needed says nothing for days: its last word is looked for so far back.
_LAST_WORD = timedelta(days=7)
_LANES = ("roof", "safety")
# Kinds of entries that go to the top of the page.
ALARMS = ("alarm", "damaged")


@dataclass(frozen=True)
class Check:
    """One figure of a master, compared with the simulator's truth; there is none on a real night.

    `master` is its file's name, with the rig's folder before it (`T1/MasterBias_...fits`) where two rigs
    have masters of one name.
    """

    master: str
    figure: str
    measured: float
    expected: float
    tolerance: float
    unit: str
    ok: bool


@dataclass(frozen=True)
class SetCount:
    """One set of one rig in one night. `exposures_s` is the span of actual exposures."""

    rig: str
    spec: FrameSpec
    taken: int
    good: int
    exposures_s: tuple[float, float]

    @property
    def rejected(self) -> int:
        return self.taken - self.good


@dataclass(frozen=True)
class NightFacts:
    """One night. `earlier` are what roof and safety said last before it began."""

    site: Site
    night: date
    span: Window
    now: datetime
    frames: tuple[FrameRow, ...]
    runs: tuple[RunRow, ...]
    masters: tuple[MasterRow, ...]
    entries: tuple[Entry, ...]
    earlier: tuple[Entry, ...]
    bias_adu: dict[str, float]
    checks: tuple[Check, ...]

    @cached_property
    def rigs(self) -> tuple[str, ...]:
        """Every rig that did something, T2 before T10."""
        names = {f.rig for f in self.frames} | {r.rig for r in self.runs} | {m.rig for m in self.masters}
        return tuple(sorted(names, key=natural_key))

    @cached_property
    def alarms(self) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.kind in ALARMS)

    @cached_property
    def rejected(self) -> tuple[FrameRow, ...]:
        return tuple(frame for frame in self.frames if not frame.good)

    @cached_property
    def causes(self) -> tuple[tuple[str, int], ...]:
        """How many frames were rejected for each cause, the commonest first; a frame may have several."""
        counts = Counter(
            cause for frame in self.rejected for cause in {cause_of(r) for r in frame.verdict.reasons}
        )
        return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    @cached_property
    def sets(self) -> tuple[SetCount, ...]:
        """Taken and good by rig and set, bias, darks, flats."""
        groups: dict[tuple[str, FrameSpec], list[FrameRow]] = {}
        for frame in self.frames:
            groups.setdefault((frame.rig, frame.spec.set_key()), []).append(frame)
        counts = [
            SetCount(
                rig,
                spec,
                len(frames),
                sum(frame.good for frame in frames),
                (min(f.facts.exposure_s for f in frames), max(f.facts.exposure_s for f in frames)),
            )
            for (rig, spec), frames in groups.items()
        ]
        return tuple(sorted(counts, key=lambda count: (natural_key(count.rig), set_order(count.spec))))

    @cached_property
    def checks_by_master(self) -> dict[int, tuple[Check, ...]]:
        """Checks by the id of the one master that each names."""
        found: dict[int, list[Check]] = {}
        for check in self.checks:
            named = self._named(check)
            if named is not None:
                found.setdefault(named, []).append(check)
        return {master: tuple(checks) for master, checks in found.items()}

    @cached_property
    def other_checks(self) -> tuple[Check, ...]:
        """Checks that name no master of this night, or more than one: said all the same."""
        return tuple(check for check in self.checks if self._named(check) is None)

    def of_rig(self, rig: str) -> tuple[FrameRow, ...]:
        """The frames of one rig, in order."""
        return tuple(frame for frame in self.frames if frame.rig == rig)

    def _named(self, check: Check) -> int | None:
        ends = "/" + check.master.lstrip("/")
        ids = [master.id for master in self.masters if ("/" + master.path).endswith(ends)]
        return ids[0] if len(ids) == 1 else None


def gather(archive: Archive, night: date, checks: Sequence[Check]) -> NightFacts:
    """Ask the catalogue once for all that the report tells. Raises StoreError."""
    catalogue, span = archive.catalogue, archive.site.night_span(night)
    frames = tuple(catalogue.frames(night=night))
    masters = catalogue.masters()
    before = catalogue.entries(span.start - _LAST_WORD, span.start)
    earlier = {entry.kind: entry for entry in before if entry.kind in _LANES}
    return NightFacts(
        site=archive.site,
        night=night,
        span=span,
        now=archive.clock.now(),
        frames=frames,
        runs=tuple(catalogue.runs(night=night)),
        masters=_of_night(masters, frames),
        entries=tuple(catalogue.entries(span.start, span.end)),
        earlier=tuple(earlier.values()),
        bias_adu=_bias_levels(masters, frames),
        checks=tuple(checks),
    )


def _of_night(masters: Sequence[MasterRow], frames: Sequence[FrameRow]) -> tuple[MasterRow, ...]:
    """Masters whose newest frame is of this night, ordered by rig and set."""
    if not frames:
        return ()
    ids = {frame.id for frame in frames}
    newest = max(frame.taken for frame in frames)
    mine = [m for m in masters if m.newest_input <= newest and not ids.isdisjoint(m.inputs)]
    return tuple(sorted(mine, key=lambda m: (natural_key(m.rig), set_order(m.spec), m.built, m.id)))


def _bias_levels(masters: Sequence[MasterRow], frames: Sequence[FrameRow]) -> dict[str, float]:
    """By rig, the level without light: of the night's good bias frames, else of the newest master."""
    levels: dict[str, float] = {}
    for master in reversed(masters):
        if master.spec.kind is Kind.BIAS and "median_adu" in master.figures:
            levels[master.rig] = master.figures["median_adu"]
    for frame in frames:
        if frame.kind is Kind.BIAS and frame.good:
            levels[frame.rig] = frame.statistics.median_adu
    return levels


def cause_of(reason: str) -> str:
    """What kind of reason it is: the gate's name that it begins with, else its words without the numbers."""
    gate, colon, rest = reason.partition(": ")
    if not colon or " " in gate:
        return re.sub(r"[-+]?\d[\d.]*", "\u2026", reason)
    return f"{gate}, by clouds" if "clouds" in rest else gate


def set_order(spec: FrameSpec) -> tuple[object, ...]:
    """Bias, darks by exposure, flats and lights by filter."""
    return (list(Kind).index(spec.kind), spec.exposure_s, natural_key(spec.filter or ""), repr(spec))


def natural_key(text: str) -> tuple[tuple[int, str], ...]:
    """Sorts T2 before T10."""
    parts = re.findall(r"[0-9]+|[^0-9]+", text)
    return tuple((int(part), "") if part.isascii() and part.isdigit() else (-1, part) for part in parts)
