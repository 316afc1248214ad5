"""What pages and the API show, gathered from the service and the catalogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from capture.errors import BadInput
from capture.frame import Kind
from capture.library.coverage import Coverage
from capture.library.health.trends import Trend, alarms, trends
from capture.members.queue import ends
from capture.members.roles import Actor
from capture.night.board import board_of, stale_for_too_long, stale_sentence
from capture.night.dry_run import DryRun, dry_run
from capture.night.hand_runs import HandRun
from capture.night.needs import known_filters, spec_by_catalogue
from capture.night.outlook import ground_of, plan_on
from capture.night.plan import RigPlan
from capture.night.report.facts import NightFacts
from capture.store.rows import FrameRow, MasterRow
from capture.web import words
from capture.web.desk import Desk
from capture.web.link import Told

DEAR_S, CHEAP_S = 60.0, 5.0
_LAST_WORD = timedelta(days=7)
NEWS_LASTS, _NEWS_S = timedelta(days=7), 10.0


@dataclass(frozen=True)
class Now:
    """Everything of this moment. `time`: the farm's, by its service where it answers."""

    told: Told
    time: datetime
    local: datetime
    sun_altitude_deg: float
    rigs: Sequence[Mapping[str, Any]]

    @property
    def status(self) -> Mapping[str, Any]:
        return self.told.status or {}


def now_of(desk: Desk) -> Now:
    """The service's status; without one, the time and the Sun alone."""
    told = desk.link.status()
    silent = told.status is None or told.since is not None
    time = desk.archive.clock.now() if silent else datetime.fromisoformat(told.status["time"])  # type: ignore[index]
    rigs = told.status["rigs"] if told.status else []
    return Now(told, time, desk.site.local(time), desk.site.sun_altitude_deg(time), rigs)


def entries(desk: Desk, limit: int) -> tuple[list[dict[str, Any]], int]:
    """The journal's newest entries, the newest last, and the number from which the log's stream goes on.

    What was said since the last frame may not be in the catalogue yet: it is taken from what the page heard.
    """
    heard, number = desk.log.kept()
    stored = [words.entry_data(entry) for entry in desk.archive.catalogue.browse.entries(limit)]
    known = {(entry["time"], entry["source"], entry["text"]) for entry in stored}
    first = stored[0]["time"] if stored else ""
    fresh = [
        {name: entry[name] for name in ("time", "source", "kind", "text")}
        for entry in heard
        if entry["time"] >= first and (entry["time"], entry["source"], entry["text"]) not in known
    ]
    return sorted([*stored, *fresh], key=lambda entry: str(entry["time"]))[-limit:], number


def ends_of(desk: Desk, actor: Actor) -> list[datetime]:
    """When others ended requests of the actor, in the week before, at most 10 s old. Raises StoreError."""
    catalogue, since = desk.archive.catalogue, desk.archive.clock.now() - NEWS_LASTS
    return desk.kept.get(("ends", actor.name), _NEWS_S, lambda: ends(catalogue, actor, since))


def forget_ends(desk: Desk, who: str) -> None:
    """One of their requests has just ended."""
    desk.kept.forget(("ends", who))


def board(desk: Desk) -> list[Coverage]:
    """The coverage board, at most a minute old. Raises StoreError, BadInput."""
    return desk.kept.get("board", DEAR_S, lambda: board_of(desk.config, desk.archive))


def health(desk: Desk) -> tuple[list[Trend], list[str]]:
    """Figures of masters over time, and what to look at, sets stale for too long among it.

    At most a minute old. Raises StoreError, BadInput.
    """

    def made() -> tuple[list[Trend], list[str]]:
        found = trends(desk.archive.catalogue.browse.valid_masters())
        late = stale_for_too_long(desk.config, board(desk), desk.archive.clock.now())
        return found, [*alarms(found), *map(stale_sentence, late)]

    return desk.kept.get("health", DEAR_S, made)


def night_facts(desk: Desk, night: date) -> NightFacts:
    """A night's frames, runs and entries for timeline and plots; without its masters. Raises StoreError."""

    def made() -> NightFacts:
        catalogue, span = desk.archive.catalogue, desk.site.night_span(night)
        before = catalogue.entries(span.start - _LAST_WORD, span.start)
        earlier = {entry.kind: entry for entry in before if entry.kind in ("roof", "safety")}
        return NightFacts(
            site=desk.site, night=night, span=span, now=desk.archive.clock.now(),
            frames=tuple(catalogue.frames(night=night)), runs=tuple(catalogue.runs(night=night)), masters=(),
            entries=tuple(catalogue.entries(span.start, span.end)), earlier=tuple(earlier.values()),
            bias_adu=_bias_levels(desk), checks=(),
        )  # fmt: skip

    return desk.kept.get(("night", night), CHEAP_S, made)


def dry_run_of(desk: Desk, rig: str, run: HandRun) -> DryRun:
    """The job that a run by hand would be. Raises BadInput, NoWindow, StoreError."""
    config, now = desk.config.rig_named(rig), now_of(desk).time
    return dry_run(config, desk.site, desk.archive.catalogue, run, now)


def plans(desk: Desk, night: date) -> list[RigPlan]:
    """What each rig would take from now on in that night. Raises StoreError, BadInput."""

    def made() -> list[RigPlan]:
        catalogue, now = desk.archive.catalogue, desk.archive.clock.now()
        found = []
        for config in desk.config.rig:
            rig = config.on(night)
            spec_of = spec_by_catalogue(rig, catalogue)
            wheel = known_filters(rig, catalogue)
            found.append(
                plan_on(ground_of(catalogue, desk.site, rig, wheel, spec_of, [night], now), night, now)
            )
        return found

    return desk.kept.get(("plans", night), DEAR_S / 4, made)


def night_named(desk: Desk, text: str) -> date:
    """The night of that date, tonight for an empty text. Raises BadInput."""
    if not text:
        return desk.site.night_of(desk.archive.clock.now())
    try:
        night = date.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{text[:40]!r} is no date; write it as 2026-11-21") from None
    if not 1950 <= night.year <= 2100:
        raise BadInput(f"{night} is out of range; nights are from 1950 to 2100")
    return night


def kind_named(text: str) -> Kind | None:
    """The kind of that name, None for an empty text. Raises BadInput."""
    if not text:
        return None
    try:
        return Kind(text)
    except ValueError:
        raise BadInput(f"there is no kind {text[:40]!r}; there are {', '.join(Kind)}") from None


def rig_named(desk: Desk, text: str) -> str | None:
    """The rig of that name, None for an empty text. Raises BadInput."""
    return desk.config.rig_named(text[:100]).name if text else None


def master_of(desk: Desk, number: int) -> tuple[MasterRow, str]:
    """A master by its id, and why it is worth nothing any more, or empty. Raises LookupError, StoreError."""
    row = desk.archive.catalogue.browse.master(id_of(number) or 0)
    if row is None:
        raise LookupError(f"there is no master {number}")
    return row, desk.archive.catalogue.browse.not_valid([row]).get(number, "")


def _bias_levels(desk: Desk) -> dict[str, float]:
    levels = {}
    for rig in desk.rigs:
        newest = desk.archive.catalogue.browse.masters(rig=rig, kind=Kind.BIAS, limit=1)
        if newest and "median_adu" in newest[0].figures:
            levels[rig] = newest[0].figures["median_adu"]
    return levels


def frame_of(desk: Desk, number: int) -> FrameRow:
    """A frame by its id. Raises LookupError, StoreError."""
    row = desk.archive.catalogue.browse.frame(id_of(number) or 0)
    if row is None:
        raise LookupError(f"there is no frame {number}")
    return row


def id_of(number: int | None) -> int | None:
    """A number that a database can hold. Raises BadInput for another."""
    if number is not None and not 0 <= number < 2**31:
        raise BadInput(f"{number} is no number of a frame or master")
    return number
