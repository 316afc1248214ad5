"""The writer: frames of every rig, judged, made durable and catalogued, while the next one exposes."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from datetime import date

from capture.clock import Clock, Queue, QueueClosed, Signal, Worker
from capture.errors import NightcalError, StoreError
from capture.frame import Frame, Kind
from capture.journal import Entry, Journal
from capture.library.judging import judge_dark
from capture.store.archive import Archive, NotCatalogued

_CAPACITY = 4
_MOST_ENTRIES = 10_000


@dataclass(frozen=True)
class _Item:
    frame: Frame
    run: int
    night: date
    progress: str
    request: int | None


class Writer:
    """A bounded queue and its worker. After a failed write every further `put` raises what failed."""

    def __init__(
        self, archive: Archive, clock: Clock, journal: Journal, light_tight: Set[str] = frozenset()
    ) -> None:
        """`light_tight`: the rigs whose darks count under an open roof, too."""
        self._archive = archive
        self._light_tight = light_tight
        self._clock = clock
        self._journal = journal
        self._queue: Queue[_Item | Signal] = clock.queue(_CAPACITY)
        self._failure: NightcalError | None = None
        self._worker: Worker | None = None
        self._entries: list[Entry] = []
        self._away = False

    def note(self, entry: Entry) -> None:
        """Keep a journal entry for the catalogue; written with a frame, or by `keep`: nobody waits for it."""
        self._entries.append(entry)

    def keep(self) -> None:
        """Have the entries written that no frame took along; nobody waits for that either."""
        if self._entries:
            self._queue.put(self._clock.signal())

    def start(self) -> None:
        """Spawn the worker."""
        self._worker = self._clock.spawn(self._write_all, "writer", rank=90)

    def put(
        self, frame: Frame, run: int, night: date, progress: str = "", request: int | None = None
    ) -> None:
        """Hand a frame over, waiting while the queue is full; `progress` goes into its journal line.

        `request` is the number of the one that it was taken for.

        Raises StoreError after a failed write.
        """
        self._raise_failure()
        self._queue.put(_Item(frame, run, night, progress, request))

    def drain(self) -> None:
        """Wait until everything handed over is durable, and the journal is in the catalogue.

        Raises StoreError when a frame is not.
        """
        marker = self._clock.signal()
        self._queue.put(marker)
        marker.wait()
        self._raise_failure()

    def try_again(self) -> None:
        """Take frames again after a failed write: the disk may have room now. What failed stays lost."""
        self._failure = None

    def close(self) -> None:
        """Write what is left and end the worker."""
        self._queue.close()
        if self._worker is not None:
            self._worker.join()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise StoreError(str(self._failure)) from self._failure

    def _write_all(self) -> None:
        while True:
            try:
                item = self._queue.get()
            except QueueClosed:
                self._finish()
                return
            if isinstance(item, Signal):
                self._write_entries()
                item.set()
            elif self._failure is None:
                try:
                    self._write(item)
                except NightcalError as failure:
                    self._fail(failure)
                except Exception as failure:
                    # A writer that dies would leave every rig waiting for it.
                    self._fail(StoreError(f"nobody foresaw {failure!r}"))

    def _fail(self, failure: NightcalError) -> None:
        self._failure = failure
        self._journal.say("nightcal", "alarm", f"a frame could not be saved: {failure}")

    def _write_entries(self) -> None:
        entries, self._entries = self._entries, []
        try:
            self._archive.catalogue.add_entry(*entries)
        except StoreError:
            # They wait with the rows of the frames; so many are worth the memory, no more.
            self._entries = [*entries, *self._entries][-_MOST_ENTRIES:]

    def _finish(self) -> None:
        if owed := self._archive.pay_rows():
            text = f"{owed} frames are on disk without a row; the next start makes it"
            self._journal.say("nightcal", "alarm", text)
        self._write_entries()

    def _write(self, item: _Item) -> None:
        frame = judge_dark(item.frame, light_tight=item.frame.facts.rig in self._light_tight)
        try:
            path = self._archive.save(frame, item.run, item.night, request=item.request).path
            self._catalogue_is_away(None)
            self._write_entries()
        except NotCatalogued as owed:
            path = owed.path
            self._catalogue_is_away(owed)
        text = f"{item.progress}  {describe(frame)}".strip()
        self._journal.say(frame.facts.rig, "frame", text, path=path, **data_of(frame))

    def _catalogue_is_away(self, why: NotCatalogued | None) -> None:
        """Say once that frames are kept without rows, and once that the rows were made."""
        if why is not None and not self._away:
            self._journal.say("nightcal", "alarm", f"frames are kept on disk without the catalogue: {why}")
        elif why is None and self._away:
            self._journal.say("nightcal", "catalogue", "the catalogue is back, and has every frame")
        self._away = why is not None


def describe(frame: Frame) -> str:
    """One line for the operator: `flat Ha 12.30 s  30012 of 32750 ADU (-8 %)  good  next Ha 11.9 s`."""
    words = [str(frame.spec)]
    if frame.spec.kind is Kind.FLAT:
        words.append(f"{frame.facts.exposure_s:.2f} s")
    level = f"{frame.statistics.median_adu:.0f}"
    words.append(f"{level} of {frame.target_adu:.0f} ADU" if frame.target_adu else f"{level} ADU")
    if "level_percent" in frame.gates:
        words[-1] += f" ({round(frame.gates['level_percent']):+d} %)"
    if frame.facts.ccd_temperature_c is not None and frame.spec.kind is not Kind.FLAT:
        words.append(f"{frame.facts.ccd_temperature_c:.1f} C")
    if frame.spec.kind is Kind.FLAT:
        words.append(f"Sun {frame.facts.sun_altitude_deg:.2f} deg")
    words.append("good" if frame.verdict.good else f"rejected: {frame.verdict}")
    return "  ".join([*words, frame.then] if frame.then else words)


def data_of(frame: Frame) -> dict[str, object]:
    """What that line tells, for programs."""
    return {
        "good": frame.verdict.good,
        "reasons": list(frame.verdict.reasons),
        "frame": frame.spec.kind.value,
        "filter": frame.spec.filter,
        "exposure_s": frame.facts.exposure_s,
        "level_adu": frame.statistics.median_adu,
        "target_adu": frame.target_adu,
        "gates": dict(frame.gates),
        "then": frame.then,
    }
