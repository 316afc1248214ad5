"""What was set aside, as a file beside the catalogue: a database that is lost frees no spoilt frame.

One line of JSON a frame: `path`, `sha256`, `time`, `who`, `why`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

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


class QuarantineFile:
    """The ledger of them, below the archive's root."""

    def __init__(self, root: Path) -> None:
        self._ledger = Ledger(root / QUARANTINE)

    def add(self, frames: Sequence[Spoilt]) -> None:
        """Add lines, on the disk when it returns. Raises StoreError."""
        self._ledger.append(*(asdict(one) | {"time": one.time.isoformat()} for one in frames))

    def read(self) -> tuple[list[Spoilt], int]:
        """All that it tells, and how many lines cannot be read. Raises StoreError when the file cannot be."""
        records, unreadable = self._ledger.read()
        found = []
        for told in records:
            try:
                when = datetime.fromisoformat(told["time"])
                found.append(Spoilt(told["path"], told["sha256"], when, told["who"], told["why"]))
            except (ValueError, KeyError, TypeError):
                unreadable += 1
        return found, unreadable
