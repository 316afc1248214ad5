"""The machine's time zone, and whether a zone can be that of a place: noon parts the nights by it."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

# Nowhere on Earth does the clock stand further from the Sun: 3.2 h in the west of China.
_FURTHEST_H = 3.5
_LOCALTIME = Path("/etc/localtime")


def machine_zone() -> str | None:
    """The IANA name of the time zone that this machine is set to, None where it cannot be told."""
    names = [os.environ.get("TZ", "").removeprefix(":")]
    try:
        names.append(str(_LOCALTIME.resolve()).partition("zoneinfo/")[2])
        names.append(Path("/etc/timezone").read_text(encoding="utf-8").strip())
    except OSError:
        pass
    return next((name for name in names if name and is_zone(name)), None)


def is_zone(name: str) -> bool:
    """Whether there is such a time zone."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def hours_off(zone: str, longitude_deg: float, when: datetime) -> float:
    """How many hours the clocks of `zone` are before the Sun at that longitude, -12 to 12."""
    offset = when.astimezone(ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return (offset.total_seconds() / 3600 - longitude_deg / 15 + 12) % 24 - 12


def fits(zone: str, longitude_deg: float, when: datetime) -> bool:
    """Whether `zone` can be the time zone of a place at that longitude."""
    return abs(hours_off(zone, longitude_deg, when)) <= _FURTHEST_H


def zone_by_longitude(longitude_deg: float) -> str:
    """A zone of whole hours and no summer time for that longitude."""
    hours = round(longitude_deg / 15)
    # The sign in these names is the other way round: Etc/GMT+7 is west of Greenwich.
    return f"Etc/GMT{-hours:+d}" if hours else "UTC"


def likely_zone(longitude_deg: float | None, when: datetime) -> str:
    """The machine's zone where it can be that of the site, else one by the longitude."""
    mine = machine_zone()
    if longitude_deg is None:
        return mine or "UTC"
    if mine and fits(mine, longitude_deg, when):
        return mine
    return zone_by_longitude(longitude_deg)
