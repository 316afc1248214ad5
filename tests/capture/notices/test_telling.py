"""Who is told of what, when, how often, and what is left of it after a restart or while nobody answers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta

import pytest

from capture.clock import SystemClock
from capture.errors import NotTold, StoreError
from capture.journal import Entry, Journal
from capture.members.accounts import create, disable
from capture.members.roles import Role
from capture.notices.apprising import Message
from capture.notices.crier import Crier
from capture.store.archive import Archive
from capture.store.notices import NoticeState
from tests.capture.notices.conftest import NIGHTLY, OPS, UNREADABLE, Town, report

MINUTE, LOOK = timedelta(minutes=1), timedelta(minutes=5)


def test_the_first_alarm_goes_at_once_and_those_after_it_in_one_digest(town: Town) -> None:
    def story(_: Archive, journal: Journal) -> None:
        journal.say("roof", "alarm", "the roof does not close")
        town.rest(minutes=1)
        assert len(town.sender.to(OPS)) == 1
        for _ in range(40):
            journal.say("T1", "alarm", "the camera is away")
            town.rest(seconds=10)
        journal.say("T1", "frame", "a frame")
        assert len(town.sender.to(OPS)) == 1
        town.rest(minutes=40)

    begun = town.clock.now()
    town.live(story)
    first, digest = town.sender.to(OPS)
    assert first.time == begun
    assert "the roof does not close" in first.message.body
    assert first.message.title == "Test: roof: alarm"
    assert timedelta(0) <= digest.time - first.time - 30 * MINUTE <= LOOK
    assert digest.message.title == "Test: 40 messages, 40 alarms"
    assert digest.message.body.count("the camera is away") == 1
    assert "40 times" in digest.message.body
    assert town.sender.to(NIGHTLY) == []


def test_an_alarm_does_not_wait_for_the_interval_of_lesser_news(town: Town) -> None:
    def story(_: Archive, journal: Journal) -> None:
        journal.say("T1", "quarantine", "4 frames are set aside")
        town.rest(minutes=2)
        journal.say("T1", "quarantine", "5 frames are set aside")
        town.rest(minutes=2)
        assert len(town.sender.sent) == 1
        journal.say("roof", "alarm", "the roof does not close")
        town.rest(minutes=1)
        assert len(town.sender.sent) == 2

    town.live(story)
    # What waited goes with it.
    assert "5 frames" in town.sender.sent[1].message.body
    assert town.sender.sent[1].message.body.index("roof") < town.sender.sent[1].message.body.index("5 frames")


def test_a_restart_loses_nothing_and_tells_nothing_twice(town: Town) -> None:
    town.sender.away = {OPS}
    town.live(lambda _, journal: journal.say("roof", "alarm", "the roof does not close"))
    assert town.sender.sent == []
    town.sender.away = set()
    town.live(lambda *_: town.rest(minutes=1))
    assert [one.message.title for one in town.sender.sent] == ["Test: roof: alarm"]
    town.live(lambda *_: town.rest(hours=2))
    assert len(town.sender.sent) == 1


def test_who_is_away_is_tried_for_a_day_ever_more_rarely_and_complained_of_once(town: Town) -> None:
    town.sender.away = {OPS}

    def story(archive: Archive, journal: Journal) -> None:
        journal.say("T1", "alarm", "the camera is away")
        town.rest(hours=25)
        (row,) = archive.catalogue.notices.of("@ops")
        assert (row.state, row.error) == (NoticeState.FAILED, "nobody is there")

    town.live(story)
    assert 24 <= town.sender.tried <= 40
    complaints = [entry for entry in town.entries if entry.source == "notices"]
    assert [entry.kind for entry in complaints] == ["alarm"]
    assert "@ops (json) cannot be told: nobody is there" in complaints[0].text


def test_a_member_is_told_of_a_request_by_mail_and_an_operator_of_what_they_chose(town: Town) -> None:
    def story(archive: Archive, journal: Journal) -> None:
        accounts, now = archive.catalogue.accounts, town.clock.now()
        for name, role in (("ada", Role.MEMBER), ("olga", Role.OPERATOR), ("eve", Role.OPERATOR)):
            create(accounts, name, role, now)
            accounts.set_address(name, f"{name}@example.org", ["stale"])
        disable(accounts, "eve", now)
        archive.catalogue.notices.add("ada", "request_ready", "Your request 1 is ready", "3 frames", now)
        town.rest(minutes=2)
        journal.say("T1", "alarm", "dark 60 s is stale", stale="key")
        journal.say("roof", "alarm", "the roof does not close")
        town.rest(minutes=2)

    town.live(story)
    told = {one.url.rpartition("to=")[2]: one.message for one in town.sender.sent if one.url != OPS}
    assert {to: message.title for to, message in told.items()} == {
        "ada%40example.org": "Test: Your request 1 is ready",
        "olga%40example.org": "Test: T1: stale",
    }
    assert all(
        "nobody@" not in one.url and "mailpassword@" in one.url for one in town.sender.sent if one.url != OPS
    )


def test_whose_masters_are_withdrawn_is_told_and_nobody_elses_member(town: Town) -> None:
    def story(archive: Archive, journal: Journal) -> None:
        for name in ("ada", "ben"):
            create(archive.catalogue.accounts, name, Role.MEMBER, town.clock.now())
            archive.catalogue.accounts.set_address(name, f"json://{name}.invalid")
        town.rest(minutes=2)
        journal.say("lights", "withdrawn", "your light was calibrated by it", owner="ada")
        town.rest(minutes=2)

    town.live(story)
    assert {one.url for one in town.sender.sent} == {OPS, "json://ada.invalid"}


def test_a_night_is_reported_when_its_last_rig_has_ended_it_and_once(town: Town) -> None:
    def story(_: Archive, journal: Journal) -> None:
        journal.say("T1", "night", "the night ends", ended="2026-11-21")
        town.rest(hours=1)
        assert town.sender.sent == []
        journal.say("T2", "night", "the night ends", ended="2026-11-21")
        town.rest(minutes=1)
        journal.say("T2", "night", "the night ends", ended="2026-11-21")
        town.rest(hours=6)

    town.live(story)
    assert [(one.url, one.message.title) for one in town.sender.sent] == [
        (OPS, "the night 2026-11-21"),
        (NIGHTLY, "the night 2026-11-21"),
    ]
    assert all(one.message.is_html for one in town.sender.sent)


def test_a_night_that_a_rig_did_not_end_is_reported_at_noon(town: Town) -> None:
    def story(archive: Archive, journal: Journal) -> None:
        night = archive.site.night_of(town.clock.now())
        archive.catalogue.open_run("T1", "darks", night, town.clock.now())
        noon = archive.site.night_span(night).end
        town.clock.sleep_until(noon - MINUTE)
        assert town.sender.sent == []
        town.clock.sleep_until(noon + LOOK)
        assert len(town.sender.sent) == 2
        town.rest(hours=3)

    town.live(story)
    assert len(town.sender.sent) == 2


def test_what_the_archive_finds_damaged_is_told_whether_it_was_found_before_or_since(town: Town) -> None:
    def story(archive: Archive, journal: Journal) -> None:
        for number in range(2):
            torn = archive.root / "raw" / "2026-11-21" / "T1" / "dark" / f"torn_{number}.fits"
            torn.parent.mkdir(parents=True, exist_ok=True)
            torn.write_bytes(b"SIMPLE  =")
            archive.reconcile()
            late: list[Entry] = []
            archive.listen(late.append)
            assert len(late) == number + 1
            town.rest(minutes=40)

    town.live(story)
    assert [f"torn_{n}" in one.message.body for n, one in enumerate(town.sender.to(OPS))] == [True, True]


def test_alarms_are_told_while_the_catalogue_is_away_and_not_again_when_it_is_back(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    def story(archive: Archive, journal: Journal) -> None:
        def full(*_: object) -> None:
            raise StoreError("the disk is full")

        with monkeypatch.context() as patch:
            patch.setattr(archive.catalogue.notices, "add_all", full)
            journal.say("nightcal", "alarm", "frames are kept on disk without the catalogue")
            town.rest(minutes=5)
            journal.say("T1", "quarantine", "4 frames are set aside")
            town.rest(minutes=5)
            assert len(town.sender.to(OPS)) == 1
        town.rest(minutes=40)

    town.live(story)
    assert ["kept on disk" in one.message.body for one in town.sender.sent] == [True, False]


def test_a_fault_of_one_way_or_of_the_report_holds_up_nobody_else(town: Town) -> None:
    town.sender.broken = {OPS}

    def story(archive: Archive, journal: Journal) -> None:
        for rig in ("T1", "T2"):
            journal.say(rig, "night", "the night ends", ended="2026-11-21")
            journal.say(rig, "night", "the night ends", ended=UNREADABLE.isoformat())
        journal.say("T1", "alarm", "the camera is away")
        create(archive.catalogue.accounts, "ada", Role.MEMBER, town.clock.now())
        archive.catalogue.accounts.set_address("ada", "json://ada.invalid")
        archive.catalogue.notices.add("ada", "request_ready", "It is ready", "3 frames", town.clock.now())
        town.rest(minutes=20)
        assert {one.url for one in town.sender.sent} == {NIGHTLY, "json://ada.invalid"}
        town.sender.broken = set()
        town.rest(hours=3)

    town.live(story)
    nights = ["the night 2026-11-21", "Test: no report of the night of 2026-11-20"]
    assert [one.message.title for one in town.sender.to(NIGHTLY)] == nights
    assert [one.message.title for one in town.sender.to(OPS)] == ["Test: T1: alarm", *nights]


def test_what_was_told_is_not_told_again_while_the_catalogue_takes_no_word_of_it(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    def story(archive: Archive, journal: Journal) -> None:
        def full(*_: object) -> None:
            raise StoreError("the disk is full")

        with monkeypatch.context() as patch:
            patch.setattr(archive.catalogue.notices, "mark", full)
            journal.say("T1", "alarm", "the camera is away")
            town.rest(hours=2)
        town.rest(hours=1)
        assert archive.catalogue.notices.waiting() == []

    town.live(story)
    assert len(town.sender.sent) == 1


def test_who_says_something_never_waits_for_one_that_hangs_and_neither_does_the_end(town: Town) -> None:
    class Deaf:
        began = threading.Event()

        def send(self, url: str, message: Message, over: Callable[[], bool]) -> None:
            self.began.set()
            while not over():
                threading.Event().wait(0.01)
            raise NotTold("it hangs")

    assert town.config.notify is not None
    with closing(Archive.of(town.config, clock := SystemClock())) as archive:
        journal, deaf = Journal(clock), Deaf()
        crier = Crier(town.config, town.config.notify, archive, journal.say, deaf, report)
        journal.listen(crier.hear)
        worker = clock.spawn(crier.run, "crier")
        journal.say("T1", "alarm", "the camera is away")
        assert deaf.began.wait(60)
        for number in range(1000):
            journal.say("T1", "alarm", f"the camera is away, {number}")
        assert not worker.done.is_set()
        crier.end()
        worker.join()
        # What it had no time for is kept for the next start.
        assert len(archive.catalogue.notices.waiting()) == 1001


def test_of_machines_that_share_a_database_one_tells_and_the_other_when_it_has_gone(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: town.clock.me().name)
    storage = town.config.storage.model_copy(update={"database": "postgresql://db.invalid/cal"})
    shared = town.config.model_copy(update={"storage": storage})

    def body() -> None:
        assert shared.notify is not None
        with closing(Archive.of(town.config, town.clock)) as archive:
            journal = Journal(town.clock)
            criers = [
                Crier(shared, shared.notify, archive, journal.say, town.sender, report) for _ in range(2)
            ]
            workers = [
                town.clock.spawn(crier.run, name, rank)
                for rank, (name, crier) in enumerate(zip(("north", "south"), criers, strict=True), start=90)
            ]
            criers[1].hear(Entry(town.clock.now(), "T1", "alarm", "of the south"))
            town.rest(minutes=1)
            assert town.sender.sent == []
            town.rest(minutes=10)
            assert len(town.sender.sent) == 1
            criers[0].end()
            workers[0].join()
            town.rest(minutes=40)
            criers[1].hear(Entry(town.clock.now(), "T1", "alarm", "of the south alone"))
            town.rest(minutes=1)
            assert len(town.sender.sent) == 2
            criers[1].end()
            workers[1].join()

    town.clock.run(body)


def test_a_title_is_one_line_whatever_a_device_is_called(town: Town) -> None:
    def story(_: Archive, journal: Journal) -> None:
        journal.say("T1\r\nBcc: all@example.org", "alarm", "the camera is away")
        town.rest(minutes=1)

    town.live(story)
    assert town.sender.sent[0].message.title == "Test: T1 Bcc: all@example.org: alarm"
