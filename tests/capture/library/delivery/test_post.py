"""The post: whatever a place does, every file arrives whole, once, with a manifest that says so."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from capture.clock import SimulatedClock
from capture.config import parse_config
from capture.frame import FrameSpec, Kind
from capture.journal import Entry, Journal
from capture.library.delivery.parcels import (
    EVERYBODY,
    PUBLIC,
    name_there,
    publish_masters,
    recipient_of,
)
from capture.library.delivery.place import Place
from capture.library.delivery.post import Post, delivering
from capture.library.masters import build_masters
from capture.store.archive import Archive
from capture.store.outbox import DeliveryState, Parcel
from tests.capture.cli.command import CONFIG, NOBODY
from tests.capture.library.delivery.servers import PASSWORD, USER, ftp_server
from tests.capture.store.frames import NIGHT, SITE, START, make_frame

BIAS = FrameSpec(Kind.BIAS)


class Office:
    """An archive, its post, and a clock that jumps."""

    def __init__(self, folder: Path) -> None:
        self.clock = SimulatedClock(START)
        self.archive = Archive(folder / "archive", SITE, self.clock)
        self.outbox = self.archive.catalogue.outbox
        self.entries: list[Entry] = []
        self.journal = Journal(self.clock)
        self.journal.listen(self.entries.append)

    def file(self, name: str, size: int = 200_000) -> Parcel:
        path = self.archive.root / "lights" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(os.urandom(size))
        return Parcel(f"lights/{name}", hashlib.sha256(path.read_bytes()).hexdigest(), f"T1/raw/{name}")

    def queue(self, recipient: str, *parcels: Parcel) -> int:
        return self.outbox.queue(recipient, parcels, self.clock.now())

    def live(self, places: dict[str, Place], *steps: tuple[float, Callable[[], object]]) -> None:
        """Deliver; after so many hours each, do the steps; then end in good order."""

        def main() -> None:
            post = Post(places, self.archive, self.clock, self.journal)
            post.start(rank=50)
            for hours, step in steps:
                self.clock.sleep(hours * 3600)
                step()
            post.stop()

        self.clock.run(main)

    def alarms(self) -> list[str]:
        return [entry.text for entry in self.entries if entry.kind == "alarm"]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.archive.close()


@pytest.fixture
def there(tmp_path: Path) -> Path:
    folder = tmp_path / "there"
    folder.mkdir()
    return folder


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def nothing() -> None:
    pass


def checked_by_sha256sum(folder: Path) -> str:
    command = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


def test_files_arrive_with_a_manifest_that_another_program_checks(office: Office, there: Path) -> None:
    office.queue("ada", office.file("a.fits"), office.file("b.fits"))
    office.live({"ada": Place("folder", str(there))}, (0.1, nothing))
    assert files(there) == ["T1/raw/SHA256SUMS", "T1/raw/a.fits", "T1/raw/b.fits"]
    assert checked_by_sha256sum(there / "T1/raw") == "a.fits: OK\nb.fits: OK\n"
    assert office.outbox.waiting() == []
    assert office.alarms() == []


def test_a_file_that_comes_later_is_in_the_manifest_within_two_minutes(office: Office, there: Path) -> None:
    office.queue("ada", office.file("a.fits"))
    office.live(
        {"ada": Place("folder", str(there))},
        (1, lambda: office.queue("ada", office.file("b.fits"))),
        (2 / 60, nothing),
    )
    assert checked_by_sha256sum(there / "T1/raw") == "a.fits: OK\nb.fits: OK\n"


def test_what_is_queued_again_is_not_sent_again_unless_it_has_changed(office: Office, there: Path) -> None:
    parcel = office.file("a.fits")
    assert office.queue("ada", parcel) == 1
    office.live({"ada": Place("folder", str(there))}, (0.1, nothing))
    assert office.queue("ada", parcel) == 0
    assert office.outbox.waiting() == []
    assert office.queue("ada", office.file("a.fits")) == 1
    office.live({"ada": Place("folder", str(there))}, (0.1, nothing))
    assert checked_by_sha256sum(there / "T1/raw") == "a.fits: OK\n"


def test_a_server_that_is_down_for_three_days_gets_everything_and_says_so_once_a_day(
    office: Office, there: Path
) -> None:
    office.queue("ada", *(office.file(f"{n}.fits") for n in range(5)))
    with ExitStack() as later, ftp_server(there) as (port, _):
        pass
    place = Place("ftp", "", "127.0.0.1", port, USER, PASSWORD)
    with ExitStack() as later:
        office.live(
            {"ada": place}, (72, lambda: later.enter_context(ftp_server(there, port=port))), (1.1, nothing)
        )
    assert len(checked_by_sha256sum(there / "T1/raw").splitlines()) == 5
    assert office.outbox.waiting() == []
    assert 3 <= len(office.alarms()) <= 4
    assert "5 files for ada cannot be delivered" in office.alarms()[0]
    assert PASSWORD not in str(office.entries)


def test_a_server_that_cuts_every_64_kib_gets_everything(office: Office, there: Path) -> None:
    office.queue("ada", *(office.file(f"{n}.fits", 500_000) for n in range(3)))
    with ftp_server(there) as (port, trouble):
        trouble.cuts = 1000
        office.live({"ada": Place("ftp", "", "127.0.0.1", port, USER, PASSWORD)}, (48, nothing))
    assert len(checked_by_sha256sum(there / "T1/raw").splitlines()) == 3
    assert [name for name in files(there) if name.endswith(".part")] == []


def test_a_place_that_is_down_holds_up_nobody_else(office: Office, there: Path) -> None:
    parcel = office.file("a.fits")
    office.queue("ada", parcel)
    office.queue("bob", parcel)
    places = {"ada": Place("folder", str(there / "not mounted")), "bob": Place("folder", str(there))}
    office.live(places, (0.1, nothing))
    assert checked_by_sha256sum(there / "T1/raw") == "a.fits: OK\n"
    assert [row.recipient for row in office.outbox.waiting()] == ["ada"]
    assert not (there / "not mounted").exists()


def test_one_file_that_a_place_does_not_take_holds_up_no_other(office: Office, there: Path) -> None:
    (there / "T1").mkdir()
    # A folder stands where the file is to be.
    (there / "T1/raw/a.fits").mkdir(parents=True)
    (there / "T1/raw/a.fits/in the way").touch()
    office.queue("ada", office.file("a.fits"), office.file("b.fits"))
    office.live({"ada": Place("folder", str(there))}, (2, nothing))
    (left,) = office.outbox.waiting()
    assert (left.name, left.state) == ("T1/raw/a.fits", DeliveryState.WAITING)
    assert left.attempts > 1
    assert (there / "T1/raw/b.fits").is_file()


def test_a_source_that_has_changed_is_not_sent_as_what_it_was(office: Office, there: Path) -> None:
    office.queue("ada", office.file("a.fits"), office.file("b.fits"))
    (office.archive.root / "lights/a.fits").write_bytes(b"something else")
    office.live({"ada": Place("folder", str(there))}, (0.1, nothing))
    assert checked_by_sha256sum(there / "T1/raw") == "b.fits: OK\n"
    (alarm,) = office.alarms()
    assert "not what it was" in alarm
    assert office.outbox.waiting() == []


def test_a_new_process_goes_on_where_the_last_one_was_killed(office: Office, there: Path) -> None:
    parcel = office.file("a.fits", 300_000)
    office.queue("ada", parcel)
    (row,) = office.outbox.waiting()
    # Killed after most of it was over, and before its name.
    office.outbox.begin(row.id)
    source = (office.archive.root / parcel.path).read_bytes()
    (there / "T1/raw").mkdir(parents=True)
    (there / "T1/raw/a.fits.part").write_bytes(source[:250_000])
    with ftp_server(there) as (port, trouble):
        office.live({"ada": Place("ftp", "", "127.0.0.1", port, USER, PASSWORD)}, (0.1, nothing))
    assert trouble.offsets[0] > 200_000
    assert checked_by_sha256sum(there / "T1/raw") == "a.fits: OK\n"


class TestThePublicPlace:
    @pytest.fixture
    def masters(self, office: Office) -> Office:
        for number in range(6):
            office.archive.save(make_frame(BIAS, minutes=number), None, NIGHT)
        build_masters(office.archive, office.journal)
        return office

    def test_gets_every_master_and_an_index_that_names_the_current_ones(
        self, masters: Office, there: Path
    ) -> None:
        assert publish_masters(masters.archive, masters.journal) == 1
        masters.live({PUBLIC: Place("folder", str(there))}, (0.1, nothing))
        (row,) = masters.archive.catalogue.masters()
        index = json.loads((there / "index.json").read_text())
        (told,) = index["masters"]
        assert told["sha256"] == hashlib.sha256((there / told["file"]).read_bytes()).hexdigest() == row.sha256
        assert (told["current"], told["kind"], told["frames"]) == (True, "bias", 6)
        assert publish_masters(masters.archive, masters.journal) == 0

    def test_sets_aside_what_is_withdrawn_and_names_it_no_more(self, masters: Office, there: Path) -> None:
        publish_masters(masters.archive, masters.journal)
        since = START + timedelta(minutes=4)

        def leak() -> None:
            now = masters.clock.now()
            masters.archive.catalogue.quarantine.set_aside("T1", [Kind.BIAS], since, now, "test", "a leak")
            publish_masters(masters.archive, masters.journal)

        masters.live({PUBLIC: Place("folder", str(there))}, (1, leak), (0.1, nothing))
        assert json.loads((there / "index.json").read_text())["masters"] == []
        (aside,) = [name for name in files(there) if name.endswith(".fits")]
        assert aside.startswith("withdrawn/MasterBias")

    def test_gets_masters_as_they_come_to_be_while_the_service_delivers(
        self, masters: Office, there: Path
    ) -> None:
        text = CONFIG.format(server=NOBODY) + f'[[delivery]]\nto = "public"\nplace = "{there}"\n'
        config = parse_config(text, there / "nightcal.toml")

        def main() -> None:
            with delivering(config, masters.archive, masters.journal):
                masters.clock.sleep(120)

        masters.clock.run(main)
        assert [name for name in files(there) if name.endswith(".fits")] != []
        assert len(json.loads((there / "index.json").read_text())["masters"]) == 1


def test_what_nobody_has_a_place_for_goes_to_everybodys_in_a_folder_of_its_owner() -> None:
    assert recipient_of("ada", ["ada", EVERYBODY]) == "ada"
    assert recipient_of("bob", ["ada", EVERYBODY]) == EVERYBODY
    assert recipient_of(PUBLIC, ["ada", PUBLIC]) is None
    assert recipient_of(None, ["ada"]) is None
    night = datetime(2026, 11, 21, tzinfo=UTC).date()
    assert name_there("ada", "ada", night, "T1", "raw", "m31_1.fits") == "2026-11-21/T1/raw/m31_1.fits"
    hostile = name_there(EVERYBODY, "../../etc", night, "T 1", "raw", "x/../passwd")
    assert hostile == "-..-etc/2026-11-21/T-1/raw/passwd"
