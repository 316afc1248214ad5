"""Retention lets go of what the policy names, never of what something still needs, and remembers it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from capture.clock import SimulatedClock
from capture.config import RetentionConfig
from capture.journal import Journal
from capture.library.masters import MAX_AGE_DAYS, build_masters
from capture.library.rebuild import rebuild, verify
from capture.library.retention import dispensable, let_go
from capture.store.archive import Archive
from capture.store.changes import What
from capture.store.lights import LightState, NewLight
from capture.store.outbox import Parcel
from tests.capture.store.conftest import lose
from tests.capture.store.frames import BIAS, NIGHT, SITE, START, make_frame

EVERYTHING = RetentionConfig(superseded_days=5, rejected_days=5, calibrated_days=5)
# As if a frame counted for nothing after ten days: the tests need not wait for three months.
AGES = dict.fromkeys(MAX_AGE_DAYS, 10.0)


def silent(*_: object) -> None:
    pass


@dataclass
class Library:
    """Six biases and a rejected one on day 0; six more, and the second master, on day 20."""

    root: Path
    place: str
    clock: SimulatedClock = field(init=False)
    archive: Archive = field(init=False)

    def __post_init__(self) -> None:
        self.at(0)
        for minute in range(6):
            self.archive.save(make_frame(BIAS, minutes=minute), None, NIGHT)
        self.archive.save(make_frame(BIAS, minutes=7).judged("a light was on"), None, NIGHT)
        self.build()

    def at(self, day: float) -> None:
        """Open the archive on that day."""
        if hasattr(self, "archive"):
            self.archive.close()
        self.clock = SimulatedClock(START + timedelta(days=day, hours=1))
        self.archive = Archive(self.root, SITE, self.clock, self.place)

    def build(self) -> None:
        build_masters(self.archive, Journal(self.clock), max_age_days=AGES)

    def renew(self, day: float = 20) -> None:
        """Take new frames on that day, and make a master of them."""
        self.at(day)
        for minute in range(6):
            self.archive.save(make_frame(BIAS, minutes=day * 1440 + minute), None, NIGHT)
        self.build()

    def names(self, policy: RetentionConfig = EVERYTHING) -> list[str]:
        return [one.path for one in dispensable(self.archive, policy, AGES)]


@pytest.fixture
def library(tmp_path: Path, place: str) -> Iterator[Library]:
    library = Library(tmp_path / "archive", place)
    yield library
    library.archive.close()


def paths_of(library: Library, *, good: bool, day: float = 0) -> list[str]:
    since = START + timedelta(days=day)
    rows = library.archive.catalogue.frames(good=good, since=since)
    return [row.path for row in rows if row.taken < since + timedelta(days=1)]


def test_frames_go_when_their_master_was_superseded_long_enough_ago(library: Library) -> None:
    library.at(40)
    assert library.names() == paths_of(library, good=False), "the only master is never given up"
    library.renew()
    library.at(24)
    assert library.names() == paths_of(library, good=False)
    library.at(26)
    assert library.names() == paths_of(library, good=True) + paths_of(library, good=False)
    assert library.names(RetentionConfig(rejected_days=5)) == paths_of(library, good=False)
    assert library.names(RetentionConfig()) == []


def test_frames_stay_while_they_may_count_for_a_need_or_a_master(library: Library) -> None:
    library.renew()
    library.at(26)
    policy = RetentionConfig(superseded_days=5)
    assert dispensable(library.archive, policy, dict.fromkeys(AGES, 27.0)) == []
    assert library.names(policy) == paths_of(library, good=True)


def test_frames_stay_that_are_in_the_master_after_theirs_too(library: Library) -> None:
    library.renew(day=2)
    library.at(40)
    assert library.names() == paths_of(library, good=False)


def test_frames_stay_when_the_master_that_follows_theirs_is_no_good(library: Library) -> None:
    library.renew()
    library.at(26)
    newest = library.archive.catalogue.masters()[0]
    file = library.archive.path_of(newest)
    whole = file.read_bytes()
    file.write_bytes(whole[:-2880])
    assert library.names() == paths_of(library, good=False)
    file.write_bytes(whole)
    assert len(library.names()) == 7
    library.archive.catalogue.withdrawals.withdraw(newest.id, library.clock.now(), "ann", "a lamp")
    assert library.names() == paths_of(library, good=False)


def test_what_waits_to_be_sent_stays(library: Library) -> None:
    (rejected,) = paths_of(library, good=False)
    library.at(26)
    library.archive.catalogue.outbox.queue("ada", [Parcel(rejected, "0" * 64, "x.fits")], library.clock.now())
    assert library.names() == []


def test_what_went_is_remembered_and_missed_by_nobody(library: Library) -> None:
    library.renew()
    library.at(26)
    gone = dispensable(library.archive, EVERYTHING, AGES)
    assert let_go(library.archive, gone, "ann") == sum(one.size_bytes for one in gone) > 0
    assert not any((library.root / one.path).exists() for one in gone)
    assert library.names() == []
    assert verify(library.archive, silent).faults == []
    (change,) = (one for one in library.archive.catalogue.changes.all() if one.what is What.DELETION)
    assert (change.who, change.time, change.text) == ("ann", library.clock.now(), "7 files are deleted")
    assert "superseded on 2026-12-12" in change.why
    (board,) = library.archive.catalogue.board()
    assert board.good_frames == 6
    assert len(library.archive.catalogue.masters(valid=True)) == 2, "what was made of them stays good"
    library.archive.close()
    lose(library.place)
    library.at(27)
    rebuild(library.archive, silent)
    assert library.archive.catalogue.deletions.paths() == {one.path for one in gone}
    assert len(library.archive.catalogue.masters(valid=True)) == 2
    assert verify(library.archive, silent).faults == []


def test_what_a_killed_deletion_left_is_told_and_goes_the_next_time(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.at(26)
    (one,) = dispensable(library.archive, EVERYTHING, AGES)

    class Killed(BaseException):
        pass

    def kill(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", kill)
        with pytest.raises(Killed):
            let_go(library.archive, [one], "ann")
    (fault,) = verify(library.archive, silent).faults
    assert "was to be deleted, and is there" in fault
    assert let_go(library.archive, [], "ann") == one.size_bytes
    assert verify(library.archive, silent).faults == []


class TestACalibratedLight:
    @pytest.fixture
    def raw(self, library: Library, tmp_path: Path) -> Path:
        """The raw file of a light whose calibrated file was delivered on day 1."""
        catalogue, raw = library.archive.catalogue, tmp_path / "m42.fits"
        raw.write_bytes(b"a light")
        name = "calibrated/ada/m42_cal.fits"
        file = library.root / name
        file.parent.mkdir(parents=True)
        file.write_bytes(b"calibrated")
        sha256 = hashlib.sha256(b"a light").hexdigest()
        light = NewLight(str(raw), sha256, "T1", "ada", NIGHT, START, BIAS)
        row = catalogue.lights.add(light, START, LightState.WAITING, "")
        (master,) = catalogue.masters()
        catalogue.lights.settle(row.id, LightState.CALIBRATED, "", name, "1" * 64, [master.sha256])
        catalogue.outbox.queue("ada", [Parcel(name, "1" * 64, "m42_cal.fits")], START)
        return raw

    def deliver(self, library: Library) -> None:
        (parcel,) = library.archive.catalogue.outbox.waiting("ada")
        library.archive.catalogue.outbox.deliver(parcel.id, 10, START + timedelta(days=1))

    def test_goes_when_it_was_delivered_long_enough_ago(self, library: Library, raw: Path) -> None:
        policy = RetentionConfig(calibrated_days=5)
        library.at(30)
        assert raw.exists()
        assert library.names(policy) == []
        self.deliver(library)
        assert library.names(policy) == ["calibrated/ada/m42_cal.fits"]
        library.at(5)
        assert library.names(policy) == []

    def test_stays_when_it_could_not_be_made_again(self, library: Library, raw: Path) -> None:
        policy = RetentionConfig(calibrated_days=5)
        self.deliver(library)
        library.at(30)
        raw.write_bytes(b"another")
        assert library.names(policy) == []
        raw.write_bytes(b"a light")
        (master,) = library.archive.catalogue.masters()
        library.archive.path_of(master).unlink()
        assert library.names(policy) == []
