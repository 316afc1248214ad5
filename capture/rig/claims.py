"""Claims that other processes see: locked files in a folder, which end with the process that locked them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Literal

from capture.errors import StoreError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

Want = Literal["dark", "light"]


class Claims:
    """Of the rigs under one roof: each claims darkness or light, in a file of its own below `folder`.

    A killed process holds none: the system ends its locks.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[tuple[Want, str], IO[bytes]] = {}

    def take(self, want: Want, rig: str) -> bool:
        """Claim it while nobody claims the contrary; False when somebody does. Raises StoreError."""
        with self._alone() as alone:
            if not alone or self.is_claimed("light" if want == "dark" else "dark"):
                return False
            file = self._open(self._folder / f"{rig}.{want}")
            if not _lock(file):
                file.close()
                return False
            self._held[want, rig] = file
            return True

    def give_back(self, want: Want, rig: str) -> None:
        """End a claim, if it was taken."""
        file = self._held.pop((want, rig), None)
        if file is not None:
            file.close()

    def is_claimed(self, want: Want, but_by: str | None = None) -> bool:
        """Whether any rig claims it, be it this process's or another's, but for the rig `but_by`."""
        for path in self._folder.glob(f"*.{want}"):
            if path.stem == but_by:
                continue
            with self._open(path) as file:
                if not _lock(file):
                    return True
        return False

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """Whether no other process looks or claims just now."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{self._folder} cannot be made: {error.strerror}") from error
        with self._open(self._folder / "alone") as file:
            yield _lock(file)

    def _open(self, path: Path) -> IO[bytes]:
        try:
            return path.open("ab")
        except OSError as error:
            raise StoreError(f"{path} cannot be locked: {error.strerror}") from error


def _lock(file: IO[bytes]) -> bool:
    """Lock the file until it is closed; False when somebody else has."""
    with suppress(OSError):
        if sys.platform == "win32":
            os.lseek(file.fileno(), 0, os.SEEK_SET)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
