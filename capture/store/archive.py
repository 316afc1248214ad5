"""The archive: a folder of FITS files and the catalogue of them, saved to in the one safe order."""

from __future__ import annotations

import errno
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TypeAlias

import numpy as np

from capture.clock import Clock
from capture.config import Config
from capture.errors import StoreError
from capture.frame import Frame
from capture.journal import Entry, Listener
from capture.site import Site
from capture.store import fits_file, headers, paths
from capture.store.catalogue import Catalogue, NewFrame
from capture.store.changes import CHANGES
from capture.store.history import HISTORY
from capture.store.original import Original, original_of
from capture.store.points_file import POINTS
from capture.store.quarantine_file import QuarantineFile
from capture.store.rows import FrameRow, MasterRow, RunRow
from capture.store.run_cards import night_of, request_of, run_cards, run_of

CATALOGUE = "catalogue.sqlite"
EVENTS = "events.jsonl"
# So many rows are made with one commit, and at most so many files read again after a kill.
_BATCH = 100
# Of its own entries so many are kept for who listens later.
_MOST_SAID = 100
_FULL = {errno.ENOSPC, errno.EDQUOT}
Progress: TypeAlias = Callable[[int, int], None]


class NotCatalogued(StoreError):
    """Raised when a frame's file is safe on disk, at `path`, and its row could not be made: it is owed."""

    def __init__(self, text: str, path: str) -> None:
        super().__init__(text)
        self.path = path


class Archive:
    """Frames of one site below one folder. Any thread may save."""

    def __init__(self, folder: Path, site: Site, clock: Clock, database: str | None = None) -> None:
        """Open, or make, the archive at `folder`, its catalogue in `database`: a path or an SQLAlchemy URL.

        Without one it is a SQLite file in the folder.
        Raises StoreError when the folder cannot be made or written, or the catalogue cannot be opened.
        """
        self.root = folder
        self.site = site
        self.clock = clock
        self._probe()
        self.catalogue = Catalogue(
            database or folder / CATALOGUE,
            ledger=folder / EVENTS,
            changes=folder / CHANGES,
            history=folder / HISTORY,
            points=folder / POINTS,
        )
        self.catalogue.quarantine.keep_in(QuarantineFile(folder), lambda: bool(self._owed))
        self._naming = threading.Lock()
        self._last_numbers: dict[tuple[Path, str], int] = {}
        # A file whose row is on its way is no orphan.
        self._saving: set[str] = set()
        self._runs: dict[int, RunRow] = {}
        # Frames on disk whose rows the database did not take, without their pixels.
        self._owed: deque[NewFrame] = deque()
        self._paying = threading.Lock()
        self._said: list[Entry] = []
        self._listeners: list[Listener] = []

    @classmethod
    def of(cls, config: Config, clock: Clock) -> Archive:
        """The archive that a config names. Raises StoreError, as above."""
        return cls(config.storage.folder, config.site.site(), clock, config.storage.database)

    def close(self) -> None:
        """Close the catalogue."""
        self.catalogue.close()

    def listen(self, listener: Listener) -> None:
        """Call `listener` with what the archive itself said since it was opened, and with what it says."""
        said = self._said.copy()
        self._listeners.append(listener)
        for entry in said:
            listener(entry)

    def path_of(self, row: FrameRow | MasterRow) -> Path:
        """Where the file of a frame or a master is."""
        return self.root / row.path

    def save(
        self,
        frame: Frame,
        run: int | None,
        night: date,
        original: Original | None = None,
        request: int | None = None,
    ) -> FrameRow:
        """Write the frame's file durably, then its row: from then on the frame counts.

        `original` is the file of another program that it was made of; `request`, whose it was taken for.

        Raises StoreError when the file fails: nothing is left of it. Raises NotCatalogued when the row fails:
        the file stays, and gets its row by `pay_rows`, with the next frame, or by `reconcile`.
        """
        cards = [*headers.frame_cards(frame, self.site), *run_cards(self._run(run), night, request)]
        if original is not None:
            cards += original.cards()
        original_sha256 = None if original is None else original.sha256
        folder = paths.raw_folder(self.root, night, frame.facts.rig, frame.spec.kind)
        stem = paths.raw_stem(frame.facts.rig, frame.spec)
        while True:
            file = paths.raw_file(folder, stem, self._next_number(folder, stem))
            name = file.relative_to(self.root).as_posix()
            self._saving.add(name)
            try:
                sha256 = fits_file.write(file, frame.pixels, cards)
                return self._add(NewFrame(frame, run, night, name, sha256, original_sha256, request))
            except fits_file.NameTaken:
                continue  # Another process took the number.
            finally:
                self._saving.discard(name)

    def _add(self, new: NewFrame) -> FrameRow:
        try:
            if self.pay_rows():
                raise StoreError(f"the catalogue {self.catalogue.name} still takes no rows")
            return self.catalogue.add_frames([new])[0]
        except StoreError as error:
            pixels = np.broadcast_to(np.uint16(0), new.frame.pixels.shape)
            self._owed.append(replace(new, frame=replace(new.frame, pixels=pixels)))
            raise NotCatalogued(
                f"{new.path} is safe on disk and gets its row later: {error}", new.path
            ) from error

    def pay_rows(self) -> int:
        """Try to make the rows that the database did not take; return how many are owed still."""
        with self._paying:
            while self._owed:
                try:
                    self.catalogue.add_frames([self._owed[0]])
                except StoreError:
                    # One that is refused for good must not keep the others waiting.
                    self._owed.rotate(-1)
                    break
                self._owed.popleft()
            with suppress(StoreError):
                self._tell_of_spoilt(self.catalogue.quarantine.catch_up())
            return len(self._owed)

    def reconcile(self, progress: Progress | None = None) -> list[Path]:
        """Give a row to every whole file that has none: its writer was killed, or the catalogue was lost.

        Temporary files whose writer is gone are removed. A damaged file is set aside as `*.damaged` and said
        so in the catalogue's entries, as are frames that count no longer by the file of the quarantine alone.
        Returns the files adopted. Rows are made in batches: what is cut off goes on where it was. `progress`
        is told how many of how many files are done.
        """
        adopted: list[Path] = []
        raw = self.root / paths.RAW
        for leftover in sorted(self.root.rglob(f".*{fits_file.TEMPORARY}")):
            if fits_file.is_abandoned(leftover):
                leftover.unlink(missing_ok=True)
        self.pay_rows()
        self._restore()
        # The files are listed before the rows are: a frame saved meanwhile has its row by then.
        found = sorted(raw.rglob("*.fits"))
        saving = set(self._saving)
        rows = self.catalogue.paths()
        known = rows | saving
        orphans = [file for file in found if file.relative_to(self.root).as_posix() not in known]
        for first in range(0, len(orphans), _BATCH):
            batch = orphans[first : first + _BATCH]
            frames = [new for file in batch if (new := self._adopted(file)) is not None]
            self.catalogue.add_frames(frames)
            adopted += [self.root / new.path for new in frames]
            if progress is not None:
                progress(first + len(batch), len(orphans))
        if orphans and not rows:
            # The catalogue was lost, and nobody had it rebuilt.
            self.catalogue.history.restore()
        self._tell_of_spoilt(self.catalogue.quarantine.recall())
        return adopted

    def _say(self, entry: Entry) -> None:
        self.catalogue.add_entry(entry)
        self._said = [*self._said, entry][-_MOST_SAID:]
        for listener in self._listeners:
            listener(entry)

    def _tell_of_spoilt(self, told: str) -> None:
        if told:
            self._say(Entry(self.clock.now(), "nightcal", "alarm", told))

    def _restore(self) -> None:
        """Tell the catalogue what only the files beside it know of what people said."""
        self.catalogue.told.restore()
        told = self.catalogue.changes.restore()
        self.catalogue.told.restore_orders(told)
        self.catalogue.deletions.restore(told)
        accounts, points = self.catalogue.points_file.restore()
        if accounts or points:
            text = (
                f"{accounts} accounts and {points} lines of points are made again, as {POINTS} tells; the "
                f"accounts want new passwords: nightcal users reset-password"
            )
            self._say(Entry(self.clock.now(), "nightcal", "alarm", text))
        for pause in self.catalogue.pauses.restore(told):
            text = f"{pause}; the catalogue that knew it was lost"
            self._say(Entry(self.clock.now(), pause.rig, "alarm", text))

    def set_aside(self, file: Path, why: StoreError) -> None:
        """Keep a damaged file as `*.damaged`, where nobody takes it for whole, and say so in the entries."""
        file.rename(file.with_name(file.name + paths.DAMAGED))
        name = file.relative_to(self.root).as_posix()
        self._say(Entry(self.clock.now(), "nightcal", "damaged", f"{why}; set aside", {"path": name}))

    def _adopted(self, file: Path) -> NewFrame | None:
        try:
            found = fits_file.inspect(file)
            frame = headers.frame_of(found.header, found.pixels)
        except StoreError as error:
            self.set_aside(file, error)
            return None
        by = run_of(found.header)
        run = (
            None if by is None else self.catalogue.run_of(frame.facts.rig, by.sequence, by.night, by.started)
        )
        night = night_of(found.header) or self._night_of(file, frame)
        name = file.relative_to(self.root).as_posix()
        original, request = original_of(found.header), request_of(found.header)
        return NewFrame(frame, run, night, name, found.sha256, original, request)

    def _run(self, number: int | None) -> RunRow | None:
        """A run by its number; None when the catalogue does not answer: that keeps no frame from the disk."""
        if number is not None and number not in self._runs:
            with suppress(StoreError):
                self._runs[number] = self.catalogue.run(number)
        return None if number is None else self._runs.get(number)

    def _night_of(self, file: Path, frame: Frame) -> date:
        try:
            return date.fromisoformat(file.relative_to(self.root / paths.RAW).parts[0])
        except ValueError:
            return self.site.night_of(frame.facts.started)

    def _next_number(self, folder: Path, stem: str) -> int:
        with self._naming:
            key = (folder, stem)
            if key not in self._last_numbers:
                self._last_numbers[key] = paths.last_number(folder, stem)
            self._last_numbers[key] += 1
            return self._last_numbers[key]

    def _probe(self) -> None:
        probe = self.root / ".nightcal-probe"
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(b"nightcal can write here")
            probe.unlink()
        except OSError as error:
            if error.errno in _FULL:
                # A full disk is read, and retention frees it: what cannot be saved there says so itself.
                probe.unlink(missing_ok=True)
                return
            raise StoreError(
                f"the archive folder {self.root} cannot be written: {error.strerror}. "
                f"Make it writable or name another one in the config."
            ) from error
