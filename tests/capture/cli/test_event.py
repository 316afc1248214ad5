"""`nightcal event`: flats from before it are due again, and a mistake can be taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from capture.clock import SystemClock
from capture.config import load_config
from capture.store.archive import Archive
from tests.capture.cli.command import CONFIG, Nightcal, write_config
from tests.capture.store.frames import FLAT, NIGHT, make_frame

# No summer time: no hour of the year comes twice there, and the site's time always says which is meant.
PHOENIX = CONFIG.replace("America/Denver", "America/Phoenix")


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """Two flats of Ha, taken an hour ago."""
    config = load_config(write_config(tmp_path, text=PHOENIX))
    archive = Archive(config.storage.folder, config.site.site(), SystemClock())
    hour_ago = (datetime.now(UTC) - timedelta(hours=1) - make_frame().facts.started).total_seconds() / 60
    for minute in range(2):
        archive.save(make_frame(FLAT, minutes=hour_ago + minute), None, NIGHT)
    return archive


def held(archive: Archive) -> int:
    return len(archive.catalogue.frames(rig="T1", valid=True))


def test_a_cleaned_filter_makes_its_flats_worthless_and_says_so(nightcal: Nightcal, archive: Archive) -> None:
    ended = nightcal("event", "T1", "filter-cleaned", "--filter", "Ha", "--note", "new dust")
    assert (ended.status, ended.err) == (0, "")
    assert "T1: filter cleaned Ha; flats of Ha from before" in ended.out
    assert held(archive) == 0
    listed = nightcal("event", "T1").out
    for word in ("filter_cleaned", "Ha", "new dust"):
        assert word in listed
    assert [entry.kind for entry in archive.catalogue.entries()] == ["event"]
    assert "count again" in nightcal("event", "T1", "--forget", "1").out
    assert held(archive) == 2


def test_an_event_may_be_told_after_the_fact_in_the_sites_own_time(
    nightcal: Nightcal, archive: Archive
) -> None:
    (at,) = {archive.site.local(row.taken) for row in archive.catalogue.frames()[1:]}
    assert nightcal("event", "T1", "camera_removed", "--at", f"{at:%Y-%m-%dT%H:%M:%S}").status == 0
    assert held(archive) == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("T9", "camera_removed"), "there is no rig 'T9' in the config; it has T1"),
        (("T1", "rained_on"), "there is no event 'rained_on'; there are filter_cleaned, filter_changed"),
        (("T1", "filter_cleaned"), "filter_cleaned wants --filter NAME, of Ha"),
        (("T1", "filter_cleaned", "--filter", "Lum"), "T1 has no filter 'Lum'; known are Ha"),
        (("T1", "camera_removed", "--filter", "Ha"), "camera_removed touches every filter: leave --filter"),
        (("T1", "camera_removed", "--at", "noon"), "--at 'noon' is no time; write it as 2026-11-21T16:30"),
        (("T1", "camera_removed", "--at", "2099-01-01"), "--at '2099-01-01' lies in the future"),
        (("T1", "--forget", "7"), "T1 has no event 7; it has none"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_would(
    nightcal: Nightcal, archive: Archive, arguments: tuple[str, ...], sentence: str
) -> None:
    ended = nightcal("event", *arguments)
    assert ended.status == 2
    assert ended.sentence().startswith(sentence)
    assert held(archive) == 2
