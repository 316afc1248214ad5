"""Which entries somebody is told of, and when: at once, or together with what comes after. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from capture.config import Topic
from capture.journal import Entry

# Alarms of our own messages, which are not sent to whom they are about.
SOURCE = "notices"
_KINDS = {
    "alarm": Topic.ALARM,
    "damaged": Topic.ALARM,
    "quarantine": Topic.WITHDRAWN,
    "withdrawn": Topic.WITHDRAWN,
    "request": Topic.REQUEST,
}
_TITLES = {
    Topic.ALARM: "alarm",
    Topic.STALE: "stale",
    Topic.DELIVERY: "not delivered",
    Topic.WITHDRAWN: "withdrawn",
    Topic.REQUEST: "request",
}


def topic_of(entry: Entry) -> Topic | None:
    """What an entry of the journal is to those who are told; None for the rest of the journal."""
    topic = _KINDS.get(entry.kind)
    if topic is Topic.ALARM and "stale" in entry.data:
        return Topic.STALE
    if topic is Topic.ALARM and entry.source in ("post", SOURCE):
        return Topic.DELIVERY
    return topic


def title_of(entry: Entry, topic: Topic) -> str:
    """A few words on it: whom it is about, and what it is."""
    return f"{entry.source}: {_TITLES[topic]}"


def is_due(
    waiting: Collection[str], told: Mapping[str, datetime], now: datetime, interval: timedelta
) -> bool:
    """Whether somebody is told of what waits now. `waiting`: events; `told`: when they last were, by event.

    They are when that was an `interval` ago, and of an alarm when the last alarm was. A clock that was set
    back keeps nobody waiting.
    """

    def long_ago(when: datetime | None) -> bool:
        return when is None or not timedelta(0) <= now - when < interval

    times = [when for event, when in told.items() if event != Topic.NIGHT_REPORT]
    if long_ago(max(times, default=None)):
        return True
    return Topic.ALARM in waiting and long_ago(told.get(Topic.ALARM))
