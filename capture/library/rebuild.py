"""The catalogue made again from the files alone, and the files compared with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

from astropy.io import fits

from capture.errors import StoreError
from capture.frame import FrameSpec
from capture.library.provenance import FIGURES
from capture.store import fits_file, headers, paths
from capture.store.archive import Archive
from capture.store.original import original_of
from capture.store.rows import MasterRow, NewMaster

# What is being done, how much of it, of how much.
Progress: TypeAlias = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Rebuilt:
    """What got a row: files of frames and masters; and files that were damaged and are set aside."""

    frames: list[Path]
    masters: list[Path]
    damaged: list[Path]


def rebuild(archive: Archive, progress: Progress) -> Rebuilt:
    """Give a row to every frame and every master that has none, and to all that the files beside them tell.

    Nothing that has a row is touched, each batch is committed: cut off and begun again, it goes on. Raises
    StoreError when the catalogue fails.
    """
    before = _damaged(archive.root)
    frames = archive.reconcile(lambda done, of: progress("frames", done, of))
    archive.catalogue.history.restore()
    masters = adopt_masters(archive, lambda done, of: progress("masters", done, of))
    return Rebuilt(frames, masters, sorted(_damaged(archive.root) - before))


def adopt_masters(archive: Archive, progress: Callable[[int, int], None] | None = None) -> list[Path]:
    """Give a row to every master whose file has none: its maker was killed, or the catalogue was lost.

    A damaged file is set aside. Returns the files adopted. Raises StoreError when the catalogue fails.
    """
    # The files are listed before the rows are: a master published meanwhile has its row by then.
    found = sorted((archive.root / paths.MASTERS).rglob("*.fits"))
    known = archive.catalogue.master_paths()
    files = [
        file
        for file in found
        if file.relative_to(archive.root).as_posix() not in known and not paths.is_rejection_map(file)
    ]
    masters = []
    for done, file in enumerate(files, 1):
        if _adopt_master(archive, file) is not None:
            masters.append(file)
        if progress is not None:
            progress(done, len(files))
    if masters:
        archive.catalogue.withdrawals.recall()
    return masters


@dataclass(frozen=True)
class Verified:
    """What reading everything again showed: each fault is a sentence that begins with the path."""

    files: int
    size_bytes: int
    faults: list[str] = field(default_factory=list)


def verify(archive: Archive, progress: Progress) -> Verified:
    """Read every file that the catalogue knows and compare it with its checksums and its row.

    Files without a row are faults, too. Changes nothing. Raises StoreError when the catalogue fails.
    """
    rows = archive.catalogue.files()
    faults, size_bytes = [], 0
    deleted = archive.catalogue.deletions.paths()
    for done, (name, sha256) in enumerate(rows, 1):
        path = archive.root / name
        if name in deleted:
            if path.exists():
                faults.append(f"{path} was to be deleted, and is there: nightcal library retain --yes")
            continue
        try:
            found = fits_file.verify(path)
            size_bytes += path.stat().st_size
            if found != sha256:
                faults.append(f"{path} is whole, but is not the file that the catalogue knows")
        except StoreError as error:
            faults.append(str(error))
        except OSError as error:
            faults.append(f"{path} cannot be read: {error.strerror}")
        progress("files", done, len(rows))
    known = {name for name, _ in rows}
    for file in _files(archive.root):
        if paths.is_rejection_map(file):
            # It has no row; its own checksums tell whether it is sound.
            with _told_to(faults):
                fits_file.verify(file)
        elif file.relative_to(archive.root).as_posix() not in known:
            faults.append(f"{file} is not in the catalogue: nightcal library rebuild takes it in")
    return Verified(len(rows), size_bytes, faults)


@contextmanager
def _told_to(faults: list[str]) -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        faults.append(str(error))


def _files(root: Path) -> Iterator[Path]:
    for folder in (paths.RAW, paths.MASTERS):
        yield from sorted((root / folder).rglob("*.fits"))


def _damaged(root: Path) -> set[Path]:
    return {
        file for folder in (paths.RAW, paths.MASTERS) for file in (root / folder).rglob(f"*{paths.DAMAGED}")
    }


def _adopt_master(archive: Archive, file: Path) -> MasterRow | None:
    try:
        found = fits_file.inspect(file)
    except StoreError as error:
        archive.set_aside(file, error)
        return None
    header = found.header
    hashes = [
        str(header[keyword]) for keyword in header if keyword.startswith("SH") and keyword[2:].isdigit()
    ]
    inputs = archive.catalogue.frames_by_file(hashes)
    try:
        master = NewMaster(
            rig=str(header["TELESCOP"]),
            camera=str(header["INSTRUME"]),
            spec=_spec_of(header),
            path=file.relative_to(archive.root).as_posix(),
            sha256=found.sha256,
            method=str(header["COMBMETH"]),
            count=int(header["NCOMBINE"]),
            built=_time(header, "DATE", "DATE-END"),
            newest_input=_time(header, "DATE-END"),
            oldest_input=_time(header, "DATE-BEG"),
            figures={f: float(header[keyword]) for f, (keyword, _) in FIGURES.items() if keyword in header},
            inputs=tuple((inputs[sha256], sha256) for sha256 in hashes if sha256 in inputs),
            original=original_of(header),
            shape=(found.pixels.shape[0], found.pixels.shape[1]),
            origin_px=(int(header.get("XORGSUBF", 0)), int(header.get("YORGSUBF", 0))),
        )
    except (KeyError, ValueError, TypeError):
        # Whole, and none of ours: somebody's own file in our folder stays as it is.
        return None
    return archive.catalogue.adopt_master(master)


def _spec_of(header: fits.Header) -> FrameSpec:
    """A master's set key; a flat's header names no exposure that was asked for."""
    cards = header.copy()
    if "EXPREQ" not in cards:
        cards["EXPREQ"] = 0.0
    return headers.spec_of(cards).set_key()


def _time(header: fits.Header, *keywords: str) -> datetime:
    text = next(str(header[keyword]) for keyword in keywords if keyword in header)
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
