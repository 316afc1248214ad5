"""The queue of requests: who is next, when it is expected to come to its end, and who may touch what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from capture.config import Config
from capture.errors import BadInput
from capture.frame import FrameSpec
from capture.members.roles import Action, Actor
from capture.store.archive import Archive
from capture.store.catalogue import Catalogue
from capture.store.requests import OPEN, RequestRow, RequestState
from capture.store.rows import FrameRow

# While nothing is known of a camera.
_READOUT_S = 10.0
_NIGHTS_AHEAD = 60
_REFUSED = "request_refused"
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Expected:
    """Where in the queue of its rig something stands (1 is next), and when it is expected to begin and end.

    As if every night's darkness were cloudy and free: an estimate, not a promise. None: not within 60 nights.
    """

    position: int
    night: date | None
    begins: datetime | None
    ends: datetime | None


@dataclass(frozen=True)
class Queued:
    """An open request, and what is expected of it."""

    row: RequestRow
    expected: Expected


def frame_s(spec: FrameSpec, newest: FrameRow | None) -> float:
    """How long one such frame takes, by how long the rig's newest took to be read out."""
    known_s = newest.facts.downloaded_s if newest else None
    return spec.exposure_s + (_READOUT_S if known_s is None else known_s)


def in_turn(rows: Sequence[RequestRow], last_served: Mapping[str, datetime]) -> list[RequestRow]:
    """Open requests of one rig in the order of their turns: round-robin by member, oldest first of each.

    Who was served longest ago is next; who never was comes before them all.
    """
    by_member: dict[str, list[RequestRow]] = {}
    for row in rows:
        by_member.setdefault(row.who, []).append(row)
    members = sorted(by_member, key=lambda who: (last_served.get(who, _NEVER), by_member[who][0].id))
    rounds = max((len(own) for own in by_member.values()), default=0)
    return [by_member[who][turn] for turn in range(rounds) for who in members if turn < len(by_member[who])]


def open_requests(catalogue: Catalogue, rig: str) -> list[RequestRow]:
    """The rig's open requests that still miss frames, in the order of their turns."""
    rows = [row for row in catalogue.requests.all(rig=rig, states=OPEN) if row.missing]
    return in_turn(rows, catalogue.requests.last_served(rig))


def expected(config: Config, archive: Archive, rig: str, seconds: float) -> Expected:
    """For something new of so many seconds, behind all that waits for the rig."""
    rows = open_requests(archive.catalogue, rig)
    newest = archive.catalogue.newest(rig)
    ahead_s = sum(row.missing * frame_s(row.spec, newest) for row in rows)
    return _expected(config, archive, rig, len(rows) + 1, ahead_s, seconds)


def queue(config: Config, archive: Archive, actor: Actor, rig: str | None = None) -> list[Queued]:
    """Open requests that the actor may see, by rig and turn, with their places among all. Raises BadInput."""
    names = [one.name for one in config.rig] if rig is None else [config.rig_named(rig).name]
    found = []
    for name in names:
        newest, ahead_s = archive.catalogue.newest(name), 0.0
        for position, row in enumerate(open_requests(archive.catalogue, name), 1):
            seconds = row.missing * frame_s(row.spec, newest)
            if actor.may(Action.SEE_REQUEST, row.who):
                found.append(Queued(row, _expected(config, archive, name, position, ahead_s, seconds)))
            ahead_s += seconds
    return found


def ended_requests(catalogue: Catalogue, actor: Actor, limit: int = 50) -> list[RequestRow]:
    """The requests that have ended, of those that the actor may see: the newest ends first."""
    actor.require(Action.SEE_REQUEST)
    who = None if actor.may(Action.SEE_REQUEST, owner="") else actor.name
    return catalogue.requests.ended(who=who, limit=limit)


def ends(catalogue: Catalogue, actor: Actor, since: datetime) -> list[datetime]:
    """When the actor's own requests were ended by others, after `since`; the newest 50."""
    return catalogue.requests.ends(actor.name, since) if actor.name else []


def request_of(catalogue: Catalogue, actor: Actor, number: int) -> RequestRow:
    """A request by its number. Raises BadInput, in the same words for another's as for none."""
    actor.require(Action.SEE_REQUEST)
    row = catalogue.requests.get(number)
    if row is None or not actor.may(Action.SEE_REQUEST, row.who):
        raise BadInput(f"there is no request {number} of yours")
    return row


def cancel(catalogue: Catalogue, actor: Actor, number: int, why: str, now: datetime) -> RequestRow:
    """Take no more frames for it; those that were taken stay. Raises BadInput, NotAllowed."""
    row = request_of(catalogue, actor, number)
    actor.require(Action.CANCEL_REQUEST, row.who)
    return catalogue.requests.step(number, RequestState.CANCELLED, now, str(actor), why)


def refuse(catalogue: Catalogue, actor: Actor, number: int, why: str, now: datetime) -> RequestRow:
    """An operator's no, with the reason, which its member is told. Raises BadInput, NotAllowed."""
    actor.require(Action.REFUSE_REQUEST)
    if not why.strip():
        raise BadInput("say why it is refused: its member reads it")
    row = catalogue.requests.step(number, RequestState.REFUSED, now, str(actor), why)
    tell_refused(catalogue, row)
    return row


def tell_refused(catalogue: Catalogue, row: RequestRow) -> None:
    """Tell the member that their request was refused, with the reason in its last step. Raises StoreError."""
    title, text = f"Your request {row.id} is refused", f"{row}: {row.why}"
    catalogue.notices.add(row.who, _REFUSED, title, text, row.changed, f"refused {row.id}")


def _expected(
    config: Config, archive: Archive, rig: str, position: int, ahead_s: float, seconds: float
) -> Expected:
    """Lay `ahead_s` and then `seconds` over the darkness of the coming nights."""
    site, now = archive.site, archive.clock.now()
    lowest_sun_deg = config.rig_named(rig).flats.lowest_sun_deg
    night, begins = None, None
    first = site.night_of(now)
    for number in range(_NIGHTS_AHEAD):
        dark = site.darkness(first + timedelta(days=number), lowest_sun_deg)
        if dark is None or dark.end <= now:
            continue
        at, left_s = max(now, dark.start), (dark.end - max(now, dark.start)).total_seconds()
        spent_s = min(ahead_s, left_s)
        ahead_s, left_s, at = ahead_s - spent_s, left_s - spent_s, at + timedelta(seconds=spent_s)
        if left_s <= 0:
            continue
        if begins is None:
            night, begins = first + timedelta(days=number), at
        if seconds <= left_s:
            return Expected(position, night, begins, at + timedelta(seconds=seconds))
        seconds -= left_s
    return Expected(position, night, begins, None)
