"""Reservations from iCalendar files: whose, when, and what a bad file does."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from capture.clock import SimulatedClock
from capture.config import ReservationsConfig
from capture.errors import BadInput
from capture.journal import Entry, Journal
from capture.night.reservations import Reservations

# Noon in Denver.
NOON = datetime(2026, 11, 21, 19, 0, tzinfo=UTC)
EVENING = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
MARGIN = timedelta(minutes=5)


def calendar(*events: str) -> str:
    body = "".join(f"BEGIN:VEVENT\nUID:{n}\n{event}\nEND:VEVENT\n" for n, event in enumerate(events))
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:test\n{body}END:VCALENDAR\n".replace("\n", "\r\n")


def event(more: str = "", start: str = "20261122T030000Z", end: str = "20261122T050000Z") -> str:
    return f"DTSTART:{start}\nDTEND:{end}\nSUMMARY:Ada observes" + (f"\n{more}" if more else "")


class Desk:
    """Reservations of a folder for T1 and T2, on a clock that a test moves."""

    def __init__(self, folder: Path) -> None:
        self.clock = SimulatedClock(NOON)
        self.entries: list[Entry] = []
        journal = Journal(self.clock)
        journal.listen(self.entries.append)
        config = ReservationsConfig(folder=folder)
        self.reservations = Reservations(config, ("T1", "T2"), "America/Denver", self.clock, journal)

    def at(self, when: datetime) -> Desk:
        self.clock.run(lambda: self.clock.sleep_until(when))
        return self


@pytest.mark.parametrize(
    ("name", "more", "whose"),
    [
        ("all.ics", "", {"T1", "T2"}),
        ("t1.ics", "", {"T1"}),
        ("all.ics", "LOCATION:T2", {"T2"}),
        ("t1.ics", "LOCATION: t2 ", {"T2"}),
        ("all.ics", "LOCATION:Test Ridge", {"T1", "T2"}),
        ("all.ics", "STATUS:CANCELLED", set()),
        ("all.ics", "TRANSP:TRANSPARENT", set()),
    ],
)
def test_a_reservation_is_of_the_rig_that_it_or_its_file_names(
    tmp_path: Path, name: str, more: str, whose: set[str]
) -> None:
    (tmp_path / name).write_text(calendar(event(more)))
    reservations = Desk(tmp_path).reservations
    assert {rig for rig in ("T1", "T2") if reservations.begins(rig) == EVENING - MARGIN} == whose
    assert {rig for rig in ("T1", "T2") if reservations.begins(rig) is not None} == whose


def test_it_keeps_a_rig_from_work_from_a_margin_before_it_until_its_end(tmp_path: Path) -> None:
    (tmp_path / "T1.ics").write_text(calendar(event()))
    desk = Desk(tmp_path)
    second = timedelta(seconds=1)
    for when, reserved in (
        (EVENING - MARGIN - second, False), (EVENING - MARGIN, True),
        (EVENING + timedelta(hours=2) - second, True), (EVENING + timedelta(hours=2), False),
    ):  # fmt: skip
        assert (desk.at(when).reservations.now("T1") is not None) == reserved
    assert desk.reservations.begins("T1") is None


@pytest.mark.parametrize(
    ("lines", "starts"),
    [
        # 20:00 local, every day but the first, across the change from summer to winter time.
        (
            "DTSTART;TZID=America/Denver:20261030T200000\nDTEND;TZID=America/Denver:20261030T210000\n"
            "RRULE:FREQ=DAILY\nEXDATE;TZID=America/Denver:20261121T200000\nSUMMARY:x",
            datetime(2026, 11, 23, 3, 0, tzinfo=UTC),
        ),
        # A time without a zone, and a whole day, are the site's.
        ("DTSTART:20261121T200000\nDURATION:PT1H\nSUMMARY:x", EVENING),
        ("DTSTART;VALUE=DATE:20261122\nSUMMARY:x", datetime(2026, 11, 22, 7, 0, tzinfo=UTC)),
    ],
)
def test_recurrences_and_local_times_are_understood(tmp_path: Path, lines: str, starts: datetime) -> None:
    (tmp_path / "x.ics").write_text(calendar(lines))
    assert Desk(tmp_path).reservations.begins("T1") == starts - MARGIN


def test_recurrences_go_on_as_the_days_pass(tmp_path: Path) -> None:
    (tmp_path / "x.ics").write_text(calendar(event("RRULE:FREQ=DAILY")))
    desk = Desk(tmp_path).at(NOON + timedelta(days=30))
    assert desk.reservations.begins("T1") == EVENING - MARGIN + timedelta(days=30)


BAD = [
    b"", b"a diary", calendar(event()).encode()[:-30], b"\xff\xfe\x00", calendar(event(end="soon")).encode(),
    calendar(event("RRULE:FREQ=SOMETIMES")).encode(),
]  # fmt: skip


@pytest.mark.parametrize("content", BAD)
def test_a_file_that_does_not_parse_is_refused_at_the_start(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.ics").write_bytes(content)
    with pytest.raises(
        BadInput, match=r"the reservations in .*x\.ics cannot be read: .*; mend the file"
    ) as bad:
        Desk(tmp_path)
    assert "\n" not in str(bad.value)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"\[reservations\] folder .* is not there"):
        Desk(tmp_path / "nowhere")


def test_a_file_that_goes_bad_alarms_once_and_what_was_read_stays_in_force(tmp_path: Path) -> None:
    file = tmp_path / "T1.ics"
    file.write_text(calendar(event()))
    desk = Desk(tmp_path)
    file.write_text("half a file")
    for minutes in (2, 4, 6):
        assert desk.at(NOON + timedelta(minutes=minutes)).reservations.begins("T1") == EVENING - MARGIN
    (alarm,) = [entry.text for entry in desk.entries if entry.kind == "alarm"]
    assert "stay in force" in alarm
    file.write_text(calendar(event(start="20261122T040000Z")))
    os.utime(file, ns=(1, 1))
    desk.at(NOON + timedelta(minutes=8))
    assert desk.reservations.begins("T1") == EVENING + timedelta(hours=1) - MARGIN
