"""A spell of consecutive nights at one place, lived and judged in a folder of its own."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from benchmarks.calendar.control import takes_twice
from benchmarks.calendar.life import live
from benchmarks.calendar.places import PLACES, Place, config_of
from benchmarks.calendar.script import Script, quick_nights, script_of, site_of, year_of
from benchmarks.calendar.stepping import SteppingClock
from benchmarks.calendar.tally import Tally, tally
from capture.store.archive import Archive

YEAR = 2027
# A place's year is lived in spells, each with an archive of its own: so several cores share it.
_SPELL_NIGHTS = 31
_CONTROL_EAST_DEG = 3.0


@dataclass(frozen=True)
class Task:
    """A spell of consecutive nights at one place."""

    place: Place
    nights: tuple[date, ...]
    control: bool = False


def tasks_of(*, quick: bool) -> list[Task]:
    """All spells, and the control's."""
    spells = []
    for place in PLACES:
        if quick:
            found = quick_nights(place, YEAR)
        else:
            year = year_of(YEAR)
            found = [year[n : n + _SPELL_NIGHTS] for n in range(0, len(year), _SPELL_NIGHTS)]
        spells += [Task(place, tuple(nights)) for nights in found]
    # All places come along together: a campaign that is ended early has seen each.
    spells.sort(key=lambda task: task.nights[0])
    return [Task(PLACES[2], (date(YEAR, 3, 20), date(YEAR, 3, 21)), control=True), *spells]


def live_and_tally(task: Task) -> tuple[Task, Tally, float]:
    """Live through a spell in a folder of its own; what came of it, and the processor's seconds."""
    began_s = time.process_time()
    place = task.place
    script = script_of(place, task.nights, seed=1)
    if task.control:
        script = Script((script.lives[0],), ())
    clock = SteppingClock(site_of(place).night_span(task.nights[0]).start)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if task.control:
            told = live(place, folder, clock, script.lives, east_deg=_CONTROL_EAST_DEG, deviate=takes_twice)
        else:
            told = live(place, folder, clock, script.lives, script.steps)
        config = config_of(place, "127.0.0.1:1", folder)
        archive = Archive(config.storage.folder, site_of(place), clock)
        try:
            found = tally(place, config, archive, told, clock)
        finally:
            archive.close()
    return task, found, time.process_time() - began_s
