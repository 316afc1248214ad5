"""How a file becomes whole in another place: the same way everywhere, over a few hooks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import BinaryIO

from capture.errors import DeliveryError

PART = ".part"
# What a cut connection left at the end is not believed, and sent again.
_OVERLAP_BYTES = 4096


class SourceLost(DeliveryError):
    """Raised when what is to be sent is not here any more, or not what it was."""


class Remote(ABC):
    """A connection to a place. Names are relative to its folder, with `/` between folders.

    Every hook raises DeliveryError, and nothing else.
    """

    @abstractmethod
    def size(self, name: str) -> int | None:
        """Bytes of that file there; None when there is none."""

    @abstractmethod
    def send(self, source: BinaryIO, name: str, offset: int) -> None:
        """Write the rest of `source` to the file from `offset` on, where what is there already is cut."""

    @abstractmethod
    def rename(self, name: str, new_name: str) -> None:
        """Give the file another name, in place of a file that may have it."""

    @abstractmethod
    def make_folder(self, name: str) -> None:
        """Make the folder, and those that it is in, unless they are there; never the place's own."""

    @abstractmethod
    def close(self) -> None:
        """Hang up; never raises."""


def put_whole(remote: Remote, source: Path, name: str, *, begun: bool = False) -> int:
    """Make the file `source` appear as `name`, whole or not at all; return the bytes sent.

    It is sent as `name.part`, its size is compared, and only then does it get its name. `begun`: that very
    file was begun here before, so that what is there already of it is not sent again.

    Raises SourceLost, and DeliveryError otherwise; what has arrived stays, for the next attempt.
    """
    try:
        size = source.stat().st_size
    except OSError as error:
        raise _gone(source, error) from error
    if begun and remote.size(name) == size:
        return 0
    folder, _, _ = name.rpartition("/")
    if folder:
        remote.make_folder(folder)
    part = name + PART
    offset = 0
    if begun and (there := remote.size(part)) is not None and there <= size:
        offset = max(0, there - _OVERLAP_BYTES)
    try:
        with source.open("rb") as file:
            file.seek(offset)
            remote.send(file, part, offset)
    except OSError as error:
        raise _gone(source, error) from error
    arrived = remote.size(part)
    if arrived != size:
        raise DeliveryError(f"{name} arrived with {arrived} bytes instead of {size}")
    remote.rename(part, name)
    return size - offset


def _gone(source: Path, error: OSError) -> SourceLost:
    return SourceLost(
        f"{source.name} cannot be read any more: {error.strerror or error}", needs_a_person=True
    )
