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
    """One such file. Any thread and any process may append."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def append(self, record: Mapping[str, object]) -> None:
        """Add a record, durably; times and dates become text. Raises StoreError."""
        line = json.dumps(record, default=str)
        new = not self._path.exists()
        try:
            with self._lock:
                handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
                try:
                    # A line that was cut off by a power failure is ended first, so that it spoils no other.
                    os.write(handle, f"\n{line}\n".encode())
                    os.fsync(handle)
                finally:
                    os.close(handle)
            if new:
                sync_folder(self._path.parent)
        except OSError as error:
            raise StoreError(
                f"{self._path} could not be written: {error.strerror}. Free space there, or make it writable"
            ) from error

    def records(self) -> list[dict[str, Any]]:
        """All whole records, in the order in which they were added. Raises StoreError."""
        try:
            text = self._path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(f"{self._path} cannot be read: {error.strerror}") from error
        found = []
        for line in text.splitlines():
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict):
                found.append(record)
        return found
