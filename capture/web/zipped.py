"""Files of the archive as one ZIP, made while it is sent: nothing of it is kept on the disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo

_PIECE_BYTES = 1 << 20


class _Sink:
    """What was written and not sent yet. It has no position: so ZipFile asks for none."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes, /) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is open."""

    def taken(self) -> bytes:
        data = b"".join(self._pieces)
        self._pieces.clear()
        return data


def zipped(files: Iterable[tuple[Path, str]]) -> Iterator[bytes]:
    """The bytes of a ZIP of `files`, each with its name in there, a megabyte at a time.

    FITS of noise does not shrink, so they are stored as they are. Raises OSError when one cannot be read: the
    ZIP then ends without its directory, which every program that unpacks it says.
    """
    sink = _Sink()
    with ZipFile(sink, "w", ZIP_STORED) as archive:
        for path, name in files:
            entry = ZipInfo.from_file(path, name, strict_timestamps=False)
            with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as target:
                while piece := source.read(_PIECE_BYTES):
                    target.write(piece)
                    yield sink.taken()
    yield sink.taken()
