"""What was set aside, as a file beside the catalogue: a database that is lost frees no spoilt frame.

One line of JSON a frame: `path`, `sha256`, `time`, `who`, `why`. Lines are only ever added.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from capture.errors import StoreError
from capture.store.fits_file import sync_folder

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
    """The file below the archive's root; it is made with its first line."""

    def __init__(self, root: Path) -> None:
        self._path = root / QUARANTINE

    def add(self, frames: Sequence[Spoilt]) -> None:
        """Add lines, on the disk when it returns. Raises StoreError."""
        lines = [json.dumps(asdict(one) | {"time": one.time.isoformat()}) + "\n" for one in frames]
        try:
            is_new = not self._path.exists()
            with self._path.open("ab+") as file:
                file.write((_end_of_a_torn_line(file.tell(), self._path) + "".join(lines)).encode())
                file.flush()
                os.fsync(file.fileno())
            if is_new:
                sync_folder(self._path.parent)
        except OSError as error:
            raise StoreError(f"{self._path} cannot be written: {error.strerror}") from error

    def read(self) -> tuple[list[Spoilt], int]:
        """All that it tells, and how many lines cannot be read. Raises StoreError when the file cannot be."""
        try:
            lines = self._path.read_bytes().splitlines()
        except FileNotFoundError:
            return [], 0
        except OSError as error:
            raise StoreError(f"{self._path} cannot be read: {error.strerror}") from error
        found = []
        for line in filter(None, lines):
            try:
                told = json.loads(line)
                when = datetime.fromisoformat(told["time"])
                found.append(Spoilt(told["path"], told["sha256"], when, told["who"], told["why"]))
            except (ValueError, KeyError, TypeError):
                continue
        return found, len([line for line in lines if line]) - len(found)


def _end_of_a_torn_line(size: int, path: Path) -> str:
    """A line that was cut off, by a full disk or a power cut, must not swallow the next one."""
    if not size:
        return ""
    with path.open("rb") as file:
        file.seek(size - 1)
        return "" if file.read() == b"\n" else "\n"
