"""One run: a sequence on a rig, its frames to the writer, its start and outcome in the catalogue."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import cast

from capture.clock import Clock
from capture.errors import BadInput, DeviceError, Interrupted, LightLeak, Preempted, Stopped
from capture.frame import FrameSpec, Kind
from capture.journal import Journal
from capture.library.dark_model import dark_model_of
from capture.library.shapes import shapes_of
from capture.night.learning import bias_level_adu, histories_of
from capture.night.plan import Block
from capture.night.request_turns import still_wanted
from capture.night.reservations import NoReservations
from capture.night.writer import Writer
from capture.rig.rig import Rig
from capture.site import Window
from capture.store.archive import Archive
from sequences.job import Job, Sequence, Want

_ONE_NIGHT = timedelta(hours=12)
_FOR_A_RUN_BY_HAND = "it gives way to a run by hand"


@dataclass(frozen=True)
class Outcome:
    """How a run ended: `complete` when the sequence came to its own end; `text` says so in words.

    `leaked`: stray light ended it.
    """

    complete: bool
    frames: int
    text: str
    leaked: bool = False


@dataclass(frozen=True)
class SetProgress:
    """One set within a run: good frames of it so far, of those that the run is to take."""

    key: FrameSpec
    taken: int
    wanted: int


@dataclass(frozen=True)
class Progress:
    """How far a run is. `ends`: when the last frame is expected; for sky flats, the window's end."""

    sequence: str
    done: int
    wanted: int
    ends: datetime
    by_the_sky: bool
    sets: tuple[SetProgress, ...] = ()

    def __str__(self) -> str:
        if self.by_the_sky:
            return f"{self.done}, window to {self.ends:%H:%M} UTC"
        return f"{self.done}/{self.wanted}, ends about {self.ends:%H:%M} UTC"

    def of_set(self, spec: FrameSpec | None) -> SetProgress | None:
        """The set of such a frame; of another frame, as a probe, and of none, the first that wants frames."""
        wanting = next((s for s in self.sets if s.taken < s.wanted), None)
        return next((s for s in self.sets if spec is not None and s.key == spec.set_key()), wanting)

    def told_at(self, now: datetime) -> str:
        """For the line of one frame, with how long the twilight still lasts."""
        left_s = (self.ends - now).total_seconds()
        return f"{self}, {max(0.0, left_s) / 60:.0f} min left" if self.by_the_sky else str(self)


def find_sequence(name: str) -> Sequence:
    """The sequence of that name: the function `name` in the file sequences/`name`.py.

    Raises BadInput when there is none.
    """
    try:
        function = getattr(importlib.import_module(f"sequences.{name}"), name)
    except (ModuleNotFoundError, AttributeError) as error:
        raise BadInput(f"there is no sequence {name!r}; a sequence is a file in sequences/") from error
    return cast(Sequence, function)


class Runner:
    """Runs jobs on one rig."""

    def __init__(
        self,
        rig: Rig,
        archive: Archive,
        writer: Writer,
        clock: Clock,
        journal: Journal,
        reservations: NoReservations | None = None,
    ) -> None:
        self.rig = rig
        self.reservations = reservations or NoReservations()
        self.archive = archive
        self.writer = writer
        self._clock = clock
        self._journal = journal
        # Read by the thread that shows it, so it is replaced as a whole; None when nothing runs.
        self.progress: Progress | None = None

    def connect(self) -> None:
        """Connect the rig; keep what its camera and wheel say for those who ask without them.

        Raises DeviceError, BadInput, StoreError.
        """
        self.rig.connect()
        limits, now = self.rig.camera.limits, self._clock.now()
        self.archive.catalogue.cameras.keep(self.rig.name, limits, self.rig.filters, now)

    def job(self, block: Block, night: date) -> Job:
        """The block as a job, with what its sequence needs from the library."""
        job = self.job_of(block.sequence, block.window, block.wants, night)
        return replace(job, request=block.request, any_roof=self.takes_under_any_roof(block))

    def takes_under_any_roof(self, block: Block) -> bool:
        """Whether it is for a request, on a light-tight camera; the library's own waits for a shut roof."""
        return block.request is not None and self.rig.config.darks.light_tight

    def job_of(self, sequence: str, window: Window, wants: tuple[Want, ...], night: date) -> Job:
        """Such a job on this rig, with what its sequence needs from the library."""
        catalogue, spec = self.archive.catalogue, wants[0].spec
        if spec.kind is not Kind.FLAT:
            return self.dark_job(sequence, window, wants, night)
        if sequence == "panel_flats":
            return Job(sequence, self.rig.name, night, window, wants)
        specs = [want.spec for want in wants]
        levels_adu = {s.setup: bias_level_adu(catalogue, self.rig.name, s) for s in specs}
        histories = histories_of(catalogue, self.rig.name, specs, self._clock.now())
        told = ", and ".join(str(history) for history in histories)
        self._journal.say(self.rig.name, "learned", f"{sequence} learns from {told}")
        measured = (m for history in histories for m in history.measurements)
        shapes = shapes_of(self.archive, self.rig.name, self.rig.camera.name, specs)
        return Job(
            sequence,
            self.rig.name,
            night,
            window,
            wants,
            {setup: level for setup, level in levels_adu.items() if level is not None},
            tuple(sorted(measured, key=lambda m: m.started)),
            shapes,
        )

    def dark_job(self, sequence: str, window: Window, wants: tuple[Want, ...], night: date) -> Job:
        """Bias or darks, with what the library's masters tell of the dark current."""
        rig = self.rig
        model = dark_model_of(self.archive, rig.name, rig.camera.name, rig.spec(Kind.DARK))
        return Job(sequence, rig.name, night, window, wants, dark_model=model)

    def run(self, job: Job, gives_way: Callable[[], bool] = lambda: False) -> Outcome:
        """Carry out one job; every frame that the sequence yields goes to the writer.

        It ends in time before a reservation, also one that is made while it runs. Where `gives_way` says so
        it ends as well: after the frame under way, at once where none has been begun.

        An Unsafe or Preempted ends the run with its reason. Raises Stopped, DeviceError, StoreError.
        """
        job = self._before_reservation(job)
        name, total = self.rig.name, sum(want.count for want in job.wants)
        sequence = find_sequence(job.sequence)
        run = self.archive.catalogue.open_run(name, job.sequence, job.night, self._clock.now())
        starts = f"{job.sequence} starts: {total} frames wanted"
        self._journal.say(name, "run", starts, sequence=job.sequence, wanted=total)
        frames, text = 0, "failed"
        good: Counter[FrameSpec] = Counter()
        keys = {want.spec.set_key() for want in job.wants}
        self.progress = self._progress(job, 0, good)
        try:
            with (
                self.rig.patience.provided(self._require_unreserved, self._first_exposure_or(gives_way)),
                closing(sequence(self.rig, job)) as yielded,
            ):
                while True:
                    try:
                        frame = next(yielded)
                    except StopIteration as end:
                        text = end.value
                        return Outcome(True, frames, text)
                    frames += 1
                    good[frame.spec.set_key()] += frame.verdict.good
                    self.progress = self._progress(job, frames, good)
                    asked_for = frame.spec.set_key() in keys
                    told = self.progress.told_at(self._clock.now())
                    self.writer.put(frame, run, job.night, told, job.request if asked_for else None)
                    if not still_wanted(self.archive, job.request):
                        raise Preempted(f"{name}: request {job.request} is wanted no more")
                    if gives_way():
                        raise Preempted(f"{name}: {_FOR_A_RUN_BY_HAND}")
        except (Stopped, DeviceError) as error:
            text = str(error)
            raise
        except Interrupted as interrupted:
            text = str(interrupted)
            leak = interrupted if isinstance(interrupted, LightLeak) else None
            if leak is not None:
                self._set_aside(leak)
            return Outcome(False, frames, text, leak is not None)
        finally:
            self.progress = None
            self._end(run, job, frames, text)

    def _before_reservation(self, job: Job) -> Job:
        begins = self.reservations.begins(self.rig.name)
        if begins is None or begins >= job.window.end:
            return job
        return replace(job, window=Window(job.window.start, max(begins, job.window.start)))

    def _require_unreserved(self) -> None:
        reserved = self.reservations.now(self.rig.name)
        if reserved is not None:
            raise Preempted(f"{self.rig.name}: reserved from {reserved.start:%H:%M} UTC ({reserved.what})")

    def _first_exposure_or(self, gives_way: Callable[[], bool]) -> Callable[[], None]:
        """A condition that ends the run before its first exposure: from then on a frame would be lost."""
        has_begun = False

        def condition() -> None:
            nonlocal has_begun
            has_begun = has_begun or self.rig.under_way is not None
            if not has_begun and gives_way():
                raise Preempted(f"{self.rig.name}: {_FOR_A_RUN_BY_HAND}")

        return condition

    def _set_aside(self, leak: LightLeak) -> None:
        """Let nothing count that this rig has taken in the dark since the last good probe, and tell it."""
        self.writer.drain()
        rig, now = self.rig.name, self._clock.now()
        catalogue = self.archive.catalogue
        since = leak.since
        if since is None:
            # Of an earlier run, which may have been cut off before the probe at its end.
            entries = catalogue.entries(since=now - _ONE_NIGHT)
            probes = [e for e in entries if e.source == rig and e.kind == "sentinel" and e.data.get("good")]
            since = probes[-1].time if probes else now
        why = f"set aside, for no probe after it was dark: {leak}"
        kinds = (Kind.BIAS, Kind.DARK)
        aside = catalogue.quarantine.set_aside(rig, kinds, since, now, "the light-leak sentinel", why)
        owed = ", and more when the catalogue is back" if catalogue.quarantine.is_behind else ""
        self._journal.say(
            rig,
            "alarm",
            f"{leak}. {len(aside)} frames since {since:%H:%M} UTC are set aside{owed}; look at the roof, the "
            f"cover and the lights",
            set_aside=len(aside),
        )

    def _progress(self, job: Job, done: int, good: Counter[FrameSpec]) -> Progress:
        exposures_s = [want.spec.exposure_s for want in job.wants for _ in range(want.count)]
        panel = self.rig.config.panel
        if job.sequence == "panel_flats" and panel is not None:
            # Not known before: somewhere between the shortest and the longest.
            exposures_s = [(panel.min_exposure_s * panel.max_exposure_s) ** 0.5] * len(exposures_s)
        left_s = sum(exposure_s + self.rig.readout_s for exposure_s in exposures_s[done:])
        by_the_sky = job.sequence == "sky_flats"
        ends = job.window.end if by_the_sky else self._clock.now() + timedelta(seconds=left_s)
        wanted: Counter[FrameSpec] = Counter()
        for want in job.wants:
            wanted[want.spec.set_key()] += want.count
        sets = tuple(SetProgress(key, good[key], count) for key, count in wanted.items())
        return Progress(job.sequence, done, len(exposures_s), ends, by_the_sky, sets)

    def _end(self, run: int, job: Job, frames: int, text: str) -> None:
        try:
            self.writer.drain()
        finally:
            self.archive.catalogue.close_run(run, self._clock.now(), text)
            self._journal.say(
                self.rig.name, "run", f"{job.sequence} ends after {frames} frames: {text}", outcome=text
            )
