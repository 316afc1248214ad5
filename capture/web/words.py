"""Numbers and times as a reader wants them; filters of the templates."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any

from capture.frame import FrameSpec
from capture.journal import Entry
from capture.library.health.trends import told_value
from capture.night.report import words
from capture.night.report.svg import clean
from capture.web.link import Told

FRESHNESS = {
    "fresh": ("fresh", "good"),
    "stale": ("too old", "warn"),
    "short": ("too few", "bad"),
    "beyond": ("not needed", "idle"),
}

# The longest ending first.
_UNITS = {
    "_e_per_adu": "e-/ADU", "_adu_s": "ADU/s", "_percent": "%", "_arcsec": "\u2033", "_deg": "\u00b0",
    "_adu": "ADU", "_px": "px", "_e": "e-", "_s": "s",
}  # fmt: skip


def moment(value: datetime | str | None) -> str:
    """`2026-11-21 23:30:05` in UTC."""
    when = _time(value)
    return "unknown" if when is None else f"{when:%Y-%m-%d %H:%M:%S}"


def degrees(value: float | None) -> str:
    """An angle with a true minus sign."""
    if value is None or not math.isfinite(value):
        return "unknown"
    return f"{value:.1f}\u00b0".replace("-", "\u2212")


def age(value: float | None) -> str:
    """Days as `3 h`, `2.1 days`, `41 days`."""
    if value is None:
        return "never"
    if value < 1:
        return f"{max(0.0, value) * 24:.0f} h"
    return f"{value:.1f} days" if value < 10 else f"{value:.0f} days"


def left(seconds: float | None) -> str:
    """`1:02:03`, `4:05`; empty for None."""
    if seconds is None or not math.isfinite(seconds):
        return ""
    whole = max(0, round(seconds))
    hours, minutes = whole // 3600, whole % 3600 // 60
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def until(value: datetime | str | None, now: datetime | str | None) -> str:
    """How long it is from `now` to that time."""
    end, start = _time(value), _time(now)
    return "" if end is None or start is None else left((end - start).total_seconds())


def file_name(path: str) -> str:
    """The last part of a path."""
    return PurePosixPath(path).name


def points(millipoints: int) -> str:
    """Points of which a thousandth is the unit."""
    sign = "\u2212" if millipoints < 0 else ""
    return f"{sign}{abs(millipoints) // 1000}.{abs(millipoints) % 1000:03d}"


def size(size_bytes: float | None) -> str:
    """`3.2 MB`."""
    if size_bytes is None:
        return "unknown"
    for unit in ("B", "kB", "MB", "GB"):
        if size_bytes < 1000:
            return f"{size_bytes:.3g} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:.3g} TB"


def spec(value: FrameSpec) -> str:
    """A set with what tells it from others."""
    return clean(words.spec(value))


def entry_data(entry: Entry) -> dict[str, Any]:
    """An entry as the service tells it."""
    return {"time": entry.time.isoformat(), "source": entry.source, "kind": entry.kind, "text": entry.text}


def state_of(rig: Mapping[str, Any]) -> tuple[str, str]:
    """One word on what a rig does, and the class that colours it."""
    if rig.get("paused"):
        return "paused", "warn"
    if rig.get("run"):
        return "running", "good"
    if "failure" in str(rig.get("doing", "")):
        return "in trouble", "bad"
    return "waiting", "idle"


def silence(told: Told) -> str:
    """That the service does not answer, and since when; empty while it does."""
    if told.since is None:
        return ""
    if told.status is None:
        return "The service has not answered yet. Is nightcal serve running?"
    since = f"{told.since:%Y-%m-%d %H:%M:%S}"
    return f"The service has not answered since {since} UTC. What follows is its last word."


def quantity(name: str) -> str:
    """The name of a figure, as `read_noise_adu`, without its unit, for people."""
    return _split(name)[0].replace("_", " ")


def unit(name: str) -> str:
    """The unit that the name of a figure ends in, or nothing."""
    return _split(name)[1]


def _split(name: str) -> tuple[str, str]:
    for ending, word in _UNITS.items():
        if name.endswith(ending) and name != ending:
            return name.removesuffix(ending), word
    return name, ""


def _time(value: datetime | str | None) -> datetime | None:
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            return None
    return value


ALL = {
    "moment": moment, "degrees": degrees, "age": age, "left": left, "until": until, "file_name": file_name,
    "points": points, "size": size, "spec": spec, "celsius": words.celsius, "adu": words.adu,
    "seconds": words.seconds, "duration": lambda s: words.duration(timedelta(seconds=s)),
    "method": words.method, "state_of": state_of, "quantity": quantity, "unit": unit, "figure": told_value,
}  # fmt: skip
