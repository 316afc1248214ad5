"""Stretched previews, made when they are first asked for and kept in memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path

from capture.errors import BadInput, StoreError
from capture.night.report.thumbnail import Picture, picture
from capture.store.archive import Archive
from capture.store.rows import FrameRow, MasterRow

SIZES_PX = (240, 1000)
_KEPT_BYTES = 48_000_000


def confined(archive: Archive, row: FrameRow | MasterRow) -> Path:
    """Where its file is. Raises LookupError when it is gone, StoreError when it is not in the archive."""
    path = archive.path_of(row).resolve()
    if not path.is_relative_to(archive.root.resolve()):
        raise StoreError(f"{row.path} is not in the archive")
    if not path.is_file():
        raise LookupError(
            f"{path.name} is not on the disk any more; nightcal library verify tells what is missing"
        )
    return path


class Pictures:
    """Any thread may ask; one picture is made at a time, for a large frame takes much memory."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, int], Picture] = OrderedDict()
        self._size_bytes = 0

    def of(self, row: FrameRow | MasterRow, longest_px: int) -> Picture:
        """The picture of a frame or master. Raises BadInput for another size, StoreError without a file."""
        if longest_px not in SIZES_PX:
            raise BadInput(f"a picture of {longest_px} pixels: there are {SIZES_PX}")
        path, key = confined(self._archive, row), (row.sha256, longest_px)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            made = picture(path, longest_px)
            if not made.fault:
                self._kept[key] = made
                self._size_bytes += len(made.png)
            while self._size_bytes > _KEPT_BYTES:
                self._size_bytes -= len(self._kept.popitem(last=False)[1].png)
            return made
