"""A set that stays stale is an alarm that names rig and set, once while it lasts."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from pathlib import Path

from capture.clock import SimulatedClock
from capture.config import parse_config
from capture.journal import Entry, Journal
from capture.night.board import tell_stale
from capture.store.archive import Archive
from tests.capture.library.lights import CONFIG
from tests.capture.store.frames import BIAS, NIGHT, SITE, START, make_frame

BIASES = """
readout_mode = 0
bias = {count = 3, max_age_days = 10}
darks = {count = 0}
flats = {count = 0}
"""


def alarms(folder: Path, day: float) -> list[Entry]:
    """What is said of it on that day, kept in the catalogue as the service keeps it."""
    clock = SimulatedClock(START + timedelta(days=day))
    config = parse_config(CONFIG + BIASES, folder / "nightcal.toml")
    with closing(Archive(folder, SITE, clock)) as archive:
        said: list[Entry] = []
        journal = Journal(clock)
        journal.listen(said.append)
        if day == 0:
            for minute in range(3):
                archive.save(make_frame(BIAS, minutes=minute), None, NIGHT)
        tell_stale(config, archive, journal)
        archive.catalogue.add_entry(*said)
        return said


def test_it_is_said_once_with_rig_and_set(tmp_path: Path) -> None:
    assert alarms(tmp_path, 0) == []
    assert alarms(tmp_path, 9) == []
    (alarm,) = alarms(tmp_path, 15)
    assert (alarm.source, alarm.kind) == ("T1", "alarm")
    assert alarm.text.startswith("T1: bias is stale since 2026-12-02: 0 of 3 frames are young enough")
    assert alarms(tmp_path, 16) == []
