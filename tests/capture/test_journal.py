"""The journal: said once, heard by all, in order and in the clock's own time."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from capture.clock import SimulatedClock
from capture.journal import Entry, Journal, jsonl_listener


@pytest.fixture
def journal(clock: SimulatedClock) -> Journal:
    return Journal(clock)


def test_every_listener_hears_every_entry_in_order(journal: Journal, clock: SimulatedClock) -> None:
    first: list[Entry] = []
    second: list[Entry] = []
    journal.listen(first.append)
    journal.listen(second.append)
    start = clock.now()

    def main() -> None:
        journal.say("T1", "frame", "flat R", exposure_s=2.5)
        clock.sleep(60)
        journal.say("roof", "roof", "the roof is shut")

    clock.run(main)
    assert first == second
    assert [entry.text for entry in first] == ["flat R", "the roof is shut"]
    assert first[0] == Entry(start, "T1", "frame", "flat R", {"exposure_s": 2.5})
    assert first[1].time == start + timedelta(seconds=60)


def test_a_late_listener_hears_only_what_comes(journal: Journal) -> None:
    heard: list[Entry] = []
    journal.say("T1", "frame", "before")
    journal.listen(heard.append)
    journal.say("T1", "frame", "after")
    assert [entry.text for entry in heard] == ["after"]


def test_a_journal_that_nobody_listens_to_is_no_error(journal: Journal) -> None:
    journal.say("T1", "frame", "flat R")


def test_a_file_gets_one_line_of_json_an_entry_and_keeps_what_it_had(
    journal: Journal, tmp_path: Path, clock: SimulatedClock
) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text('{"text": "yesterday"}\n')
    journal.listen(jsonl_listener(path))
    journal.say("T1", "frame", "a line\nbreak, é and \x07", path=tmp_path, level_adu=31_000)
    journal.say("T1", "frame", "the next")
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [line["text"] for line in lines] == ["yesterday", "a line\nbreak, é and \x07", "the next"]
    assert lines[1] == {
        "time": clock.now().isoformat(), "source": "T1", "kind": "frame",
        "text": "a line\nbreak, é and \x07", "path": str(tmp_path), "level_adu": 31_000,
    }  # fmt: skip
