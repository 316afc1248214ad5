"""The journal: what happens, as it happens, in the clock's own time.

Everything that a person may want to see while it runs, or read afterwards in the report, is said here
once; listeners print it, keep it, or write it to a file.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from capture.clock import Clock
from capture.redacting import redacted


@dataclass(frozen=True)
class Entry:
    """One thing that happened. `source` is a rig, `roof`, `weather` or `nightcal`; `kind` is a short word."""

    time: datetime
    source: str
    kind: str
    text: str
    data: dict[str, object] = field(default_factory=dict)


Listener = Callable[[Entry], None]
_RECENT = 100


class Journal:
    """Takes entries from any thread and hands them, in order, to its listeners."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._listeners: list[Listener] = []
        self._recent: deque[Entry] = deque(maxlen=_RECENT)

    def listen(self, listener: Listener, *, recent: bool = False) -> None:
        """Call `listener` with every entry from now on; with `recent`, first with the last hundred before."""
        before = self._recent.copy()
        self._listeners.append(listener)
        if recent:
            for entry in before:
                listener(entry)

    def say(self, source: str, kind: str, text: str, **data: object) -> None:
        """Record that something happened now; passwords in addresses are left out."""
        kept = {key: redacted(value) if isinstance(value, str) else value for key, value in data.items()}
        entry = Entry(self._clock.now(), source, kind, redacted(text), kept)
        self._recent.append(entry)
        for listener in self._listeners:
            # A full disk or a terminal that went away is no reason for the guard or a rig to die.
            with suppress(OSError):
                listener(entry)


def jsonl_listener(path: Path) -> Listener:
    """A listener that appends each entry to `path` as one line of JSON."""

    def write(entry: Entry) -> None:
        line = {
            "time": entry.time.isoformat(),
            "source": entry.source,
            "kind": entry.kind,
            "text": entry.text,
        }
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line | entry.data, default=str) + "\n")

    return write
