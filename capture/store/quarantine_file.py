"""What was set aside, as a file beside the catalogue: a database that is lost frees no spoilt frame.

One line of JSON a frame: `path`, `sha256`, `time`, `who`, `why`. Where frames had no row yet, one for all:
`rig`, `kinds`, `since`, `time`, `who`, `why`. One that was given back has `released` for `time`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from capture.store.ledger import Ledger

QUARANTINE = "quarantine.jsonl"


@dataclass(frozen=True)
class Spoilt:
    """One frame, by its file below the archive's root, and who set it aside at `time` for what reason."""

    path: str
    sha256: str
    time: datetime
    who: str
    why: str


@dataclass(frozen=True)
class SpoiltSpan:
    """All frames of these kinds that `rig` took from `since` until `time`, when `who` set them aside."""

    rig: str
    kinds: tuple[str, ...]
    since: datetime
    time: datetime
    who: str
    why: str


@dataclass(frozen=True)
class Released:
    """One frame, by its file below the archive's root, and who gave it back at `released` for what reason."""

    path: str
    sha256: str
    released: datetime
    who: str
    why: str


Told: TypeAlias = Spoilt | SpoiltSpan | Released


class QuarantineFile:
    """The ledger of them, below the archive's root."""

    def __init__(self, root: Path) -> None:
        self._ledger = Ledger(root / QUARANTINE)

    def add(self, frames: Sequence[Spoilt]) -> None:
        """Add lines, on the disk when it returns. Raises StoreError."""
        self._ledger.append(*(asdict(one) | {"time": one.time.isoformat()} for one in frames))

    def add_span(self, span: SpoiltSpan) -> None:
        """Add that line, on the disk when it returns. Raises StoreError."""
        times = {"since": span.since.isoformat(), "time": span.time.isoformat()}
        self._ledger.append(asdict(span) | {"kinds": list(span.kinds)} | times)

    def add_released(self, frames: Sequence[Released]) -> None:
        """Add lines, on the disk when it returns. Raises StoreError."""
        self._ledger.append(*(asdict(one) | {"released": one.released.isoformat()} for one in frames))

    def read(self) -> tuple[list[Told], int]:
        """All that it tells, and how many lines cannot be read. Raises StoreError when the file cannot be."""
        records, unreadable = self._ledger.read()
        found: list[Told] = []
        for told in records:
            try:
                when = datetime.fromisoformat(told["released" if "released" in told else "time"])
                who, why = told["who"], told["why"]
                if "released" in told:
                    found.append(Released(told["path"], told["sha256"], when, who, why))
                elif "since" in told:
                    kinds, since = tuple(told["kinds"]), datetime.fromisoformat(told["since"])
                    found.append(SpoiltSpan(told["rig"], kinds, since, when, who, why))
                else:
                    found.append(Spoilt(told["path"], told["sha256"], when, who, why))
            except (ValueError, KeyError, TypeError):
                unreadable += 1
        return found, unreadable
