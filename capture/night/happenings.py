"""Recording what a person tells: what a hand did to a telescope, and which frames are worth nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from capture.config import Config
from capture.errors import BadInput
from capture.frame import Kind
from capture.journal import Entry
from capture.night.needs import known_filters
from capture.store.archive import Archive
from capture.store.events import EventKind, EventRow
from capture.store.quarantine import GivenBack

KINDS = ", ".join(EventKind)


def record(
    archive: Archive,
    settings: Config,
    rig: str,
    kind_text: str,
    filters: str,
    at: str,
    who: str,
    note: str,
    now: datetime,
) -> list[tuple[int, str]]:
    """Record an event, one for each filter that is named; return their numbers and sentences.

    `filters`: names separated by commas. `at`: ISO, local time of the site without a zone; empty for `now`.
    Raises BadInput, StoreError.
    """
    settings.rig_named(rig)
    try:
        kind = EventKind(kind_text.strip().lower().replace("-", "_"))
    except ValueError:
        raise BadInput(f"there is no event {kind_text!r}; there are {KINDS}") from None
    time = _time(at, settings, now)
    recorded = []
    for name in _filters(archive, settings, rig, kind, filters):
        row = archive.catalogue.told.add_event(rig, kind, name, time, now, who, note.strip())
        text = sentence(row)
        archive.catalogue.add_entry(Entry(now, rig, "event", text, {"event": row.id, "kind": row.kind}))
        recorded.append((row.id, text))
    return recorded


def set_aside(
    archive: Archive,
    settings: Config,
    rig: str,
    kinds_text: str,
    since: str,
    who: str,
    why: str,
    now: datetime,
) -> str:
    """Let a rig's good frames of these kinds, taken from `since` on, count no longer; return it in words.

    `kinds_text`: names separated by commas; `since` as `at` of `record`. Raises BadInput, StoreError.
    """
    settings.rig_named(rig)
    names = [name.strip().lower() for name in kinds_text.split(",") if name.strip()]
    try:
        kinds = [Kind(name) for name in names]
    except ValueError:
        kinds = []
    if not kinds or Kind.LIGHT in kinds:
        raise BadInput(f"{kinds_text!r} names no kinds to set aside; there are bias, dark, flat")
    if not since.strip():
        raise BadInput("say since when frames are to be set aside, as 2026-11-21T16:30")
    if not why.strip():
        raise BadInput("say why; it stands with every frame that is set aside")
    start = _time(since, settings, now)
    count = len(archive.catalogue.quarantine.set_aside(rig, kinds, start, now, who, why.strip()))
    of = f"({', '.join(kinds)}) since {start:%Y-%m-%d %H:%M} UTC"
    if not count:
        raise BadInput(f"{rig} has no good frames {of}: nothing is set aside")
    return f"{count} frames {of} are set aside by {who}: {why}"


def release(archive: Archive, rig: str, names: Iterable[str], who: str, why: str, now: datetime) -> GivenBack:
    """Let frames that are set aside count again, and the masters that were withdrawn for them.

    `rig`: whose, all rigs' if it is empty; `names`: files, or times when they were set aside, as
    2026-11-21T16:30:05Z, for all of then. Raises BadInput, StoreError.
    """
    if not why.strip():
        raise BadInput("a release wants a reason: those who look at the frames later will read it")
    quarantine, numbers = archive.catalogue.quarantine, set[int]()
    for name in names:
        mine = quarantine.named(rig, name)
        if not mine:
            raise BadInput(f"{name!r} is no frame that is set aside; nightcal library quarantine shows them")
        numbers.update(mine)
    if not numbers:
        raise BadInput("say which frames: names of files, or the time when they were set aside")
    return quarantine.release(numbers, now, who, why.strip())


def sentence(row: EventRow) -> str:
    """What the event means for frames from before it."""
    what = f"{row.kind.replace('_', ' ')}" + (f" {row.filter}" if row.filter else "")
    kinds = " ".join(
        {Kind.FLAT: "flats", Kind.DARK: "darks"}.get(kind, kind) for kind in sorted(row.kind.spoils)
    )
    of = f" of {row.filter}" if row.filter else ""
    return f"{row.rig}: {what}; {kinds}{of} from before {row.time:%Y-%m-%d %H:%M} UTC count no more"


def _filters(
    archive: Archive, settings: Config, rig: str, kind: EventKind, text: str
) -> tuple[str | None, ...]:
    """The filters that are named; (None,) for an event that touches all. Raises BadInput."""
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    known = known_filters(settings.rig_named(rig), archive.catalogue)
    if not kind.of_one_filter:
        if names:
            raise BadInput(f"{kind} touches every filter: leave --filter out")
        return (None,)
    if not names:
        raise BadInput(f"{kind} wants --filter NAME, of {', '.join(known) or 'the wheel'}")
    for name in names:
        if known and name not in known:
            raise BadInput(f"{rig} has no filter {name!r}; known are {', '.join(known)}")
    return names


def _time(text: str, settings: Config, now: datetime) -> datetime:
    if not text:
        return now
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(
            f"--at {text!r} is no time; write it as 2026-11-21T16:30 (the site's local time) "
            "or 2026-11-21T23:30Z"
        ) from None
    if time.tzinfo is None:
        time = time.replace(tzinfo=ZoneInfo(settings.site.time_zone))
    if time > now:
        raise BadInput(f"--at {text!r} lies in the future; tell an event when it has happened")
    return time
