"""What people said, kept beside the frames: a file of JSON lines that outlives a lost catalogue.

A line is on the disk before its row is made, and lines are only ever added.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from capture.errors import StoreError
from capture.store.fits_file import sync_folder


class Ledger:
    """One such file, made with its first line. Any thread and any process may append."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def append(self, *records: Mapping[str, object]) -> None:
        """Add records, durably and together; times and dates become text. Raises StoreError."""
        lines = "".join(json.dumps(record, default=str) + "\n" for record in records)
        try:
            with self._lock:
                is_new = not self._path.exists()
                with self._path.open("ab+") as file:
                    file.write((self._end_of_a_torn_line(file.tell()) + lines).encode())
                    file.flush()
                    os.fsync(file.fileno())
            if is_new:
                sync_folder(self._path.parent)
        except OSError as error:
            raise StoreError(
                f"{self._path} cannot be written: {error.strerror}. Free space there, or make it writable"
            ) from error

    def read(self) -> tuple[list[dict[str, Any]], int]:
        """All whole records, in the order in which they were added, and how many lines are none.

        Raises StoreError when the file cannot be read.
        """
        try:
            text = self._path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return [], 0
        except OSError as error:
            raise StoreError(f"{self._path} cannot be read: {error.strerror}") from error
        found = []
        lines = [line for line in text.split("\n") if line.strip()]
        for line in lines:
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict):
                found.append(record)
        return found, len(lines) - len(found)

    def _end_of_a_torn_line(self, size: int) -> str:
        """A line that was cut off, by a full disk or a power cut, must not swallow the next one."""
        if not size:
            return ""
        with self._path.open("rb") as file:
            file.seek(size - 1)
            return "" if file.read(1) == b"\n" else "\n"
