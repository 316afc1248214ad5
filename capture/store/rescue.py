"""A damaged SQLite catalogue is moved out of the way, so that a new one can be made of the files."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from capture.errors import StoreError
from capture.store.archive import CATALOGUE
from capture.store.fits_file import sync_folder


def move_damaged_catalogue(folder: Path) -> Path | None:
    """Move a SQLite catalogue that is damaged out of the way, whole; return where it is now.

    None when it is sound or not there. Raises StoreError when it is locked, or cannot be read or moved.
    """
    file = folder / CATALOGUE
    if not file.exists() or _is_sound(file):
        return None
    number = 1
    while (aside := folder / f"{CATALOGUE}.damaged-{number}").exists():
        number += 1
    try:
        aside.mkdir()
        for part in sorted(folder.glob(f"{CATALOGUE}*"), reverse=True):
            if part.is_file():
                shutil.move(part, aside / part.name)
        sync_folder(folder)
    except OSError as error:
        raise StoreError(f"{file} is damaged and cannot be moved away: {error.strerror}") from error
    return aside


def _is_sound(file: Path) -> bool:
    try:
        with closing(sqlite3.connect(file, timeout=30.0)) as connection:
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
    except sqlite3.OperationalError as error:
        raise StoreError(f"the catalogue {file} cannot be looked at: {error}") from error
    except sqlite3.DatabaseError:
        return False
