"""Notices as one message: as it is, or a digest of several."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from capture.config import Topic
from capture.notices.apprising import Message

_MOST_LINES = 40
_LONGEST_TEXT = 500


class Notice(Protocol):
    """What wording needs of one: kept in the catalogue, or not yet."""

    @property
    def event(self) -> str: ...
    @property
    def made(self) -> datetime: ...
    @property
    def title(self) -> str: ...
    @property
    def body(self) -> str: ...


def message_of(notices: Sequence[Notice], site: str) -> Message:
    """The notices, at least one and the oldest first, as one message; what came again stands there once."""
    if len(notices) == 1:
        (one,) = notices
        return Message(_line(f"{site}: {one.title}"), f"{one.body}\n\n{_when(one.made)}")
    alarms = sum(one.event == Topic.ALARM for one in notices)
    counted = f", {alarms} alarm{'s' if alarms > 1 else ''}" if alarms else ""
    groups: dict[tuple[str, str], list[Notice]] = {}
    for one in notices:
        groups.setdefault((one.title, one.body), []).append(one)
    # Alarms first: it may be all that somebody reads.
    ordered = sorted(groups.values(), key=lambda group: group[0].event != Topic.ALARM)
    lines = [_told(group) for group in ordered[:_MOST_LINES]]
    if len(ordered) > _MOST_LINES:
        lines.append(f"and {len(ordered) - _MOST_LINES} more; the page's log has them all")
    return Message(_line(f"{site}: {len(notices)} messages{counted}"), "\n\n".join(lines))


def _told(group: Sequence[Notice]) -> str:
    first, last = group[0], group[-1]
    again = f", {len(group)} times until {_when(last.made)}" if len(group) > 1 else ""
    body = first.body if len(first.body) <= _LONGEST_TEXT else first.body[:_LONGEST_TEXT] + "\u2026"
    return f"{_when(first.made)}{again}\n{first.title}: {body}"


def _when(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def _line(text: str) -> str:
    """A title is one line of a header: what would end it is a blank."""
    return " ".join(text.split())
