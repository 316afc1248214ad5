"""What a person must reset, kept over a restart of the guard as well as the disk lets it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


class Latch:
    """A fault, in the file `fault` of `folder`; without a folder it is remembered by nobody."""

    def __init__(self, folder: Path | None) -> None:
        self._path = folder / "fault" if folder is not None else None

    def read(self) -> str | None:
        """The fault that was kept; also where a file is there that cannot be read."""
        if self._path is None:
            return None
        try:
            return self._path.read_text(encoding="utf-8").strip() or "one that could not be written down"
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            return f"what was kept of an earlier one cannot be read ({error})"

    def keep(self, fault: str) -> None:
        """Write it down; a full disk leaves an empty file or none, and is no reason to stop."""
        if self._path is not None:
            with suppress(OSError):
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._path.write_text(fault + "\n", encoding="utf-8")

    def forget(self) -> None:
        """It has been reset."""
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
