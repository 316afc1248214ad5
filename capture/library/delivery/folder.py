"""Delivery to a folder of this machine, a mounted share among them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from capture.errors import DeliveryError
from capture.library.delivery.place import Place
from capture.library.delivery.remote import Remote

_CHUNK_BYTES = 4 * 1024 * 1024


class FolderRemote(Remote):
    """A folder that must be there: made by us where a share is not mounted, it would fill another disk."""

    def __init__(self, place: Place) -> None:
        """Raises DeliveryError when the folder is not there."""
        self._root = Path(place.folder)
        if not self._root.is_dir():
            raise DeliveryError(f"the folder {self._root} is not there; make it, or mount what it is on")

    def size(self, name: str) -> int | None:
        with _told(name):
            path = self._root / name
            return path.stat().st_size if path.is_file() else None

    def send(self, source: BinaryIO, name: str, offset: int) -> None:
        with _told(name):
            path = self._root / name
            with path.open("r+b" if offset else "wb") as file:
                file.seek(offset)
                file.truncate()
                shutil.copyfileobj(source, file, _CHUNK_BYTES)
                file.flush()
                os.fsync(file.fileno())

    def rename(self, name: str, new_name: str) -> None:
        with _told(name):
            new = self._root / new_name
            (self._root / name).replace(new)
            folder = os.open(new.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def make_folder(self, name: str) -> None:
        with _told(name):
            if not self._root.is_dir():
                raise DeliveryError(f"the folder {self._root} has gone")
            (self._root / name).mkdir(parents=True, exist_ok=True)

    def close(self) -> None:
        pass


@contextmanager
def _told(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DeliveryError(f"{name}: {error.strerror or error}") from error
