"""What became of runs, lights and deliveries outlives a lost catalogue."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from capture.clock import SimulatedClock
from capture.library.rebuild import rebuild
from capture.store.archive import Archive
from capture.store.catalogue import Catalogue
from capture.store.history import HISTORY
from capture.store.lights import LightState, NewLight
from capture.store.outbox import Parcel
from tests.capture.store.conftest import lose
from tests.capture.store.frames import DARK, FLAT, NIGHT, SITE, START, make_frame

LATER = START + timedelta(hours=1)


def silent(*_: object) -> None:
    pass


def after(folder: Path, place: str, work: Callable[[Archive], None]) -> list[object]:
    """All that the catalogue tells of runs, lights and deliveries after some work in the archive."""
    with closing(Archive(folder, SITE, SimulatedClock(LATER), place)) as archive:
        work(archive)
        return told(archive.catalogue)


def told(catalogue: Catalogue) -> list[object]:
    deliveries = [
        replace(row, id=0)
        for path in ("raw.fits", "cal.fits", "m.fits")
        for row in catalogue.outbox.of_path(path)
    ]
    return [
        [replace(run, id=0) for run in catalogue.runs()],
        [replace(row, id=0) for row in catalogue.lights.all()],
        [catalogue.lights.made_with(sha256 * 64) for sha256 in "12"],
        deliveries,
        sorted((*key, count) for key, count in catalogue.outbox.counts().items()),
    ]


def live(archive: Archive) -> None:
    catalogue = archive.catalogue
    run = catalogue.open_run("T1", "darks", NIGHT, START)
    archive.save(make_frame(DARK), run, NIGHT)
    catalogue.close_run(run, LATER, "complete")
    catalogue.close_run(catalogue.open_run("T1", "bias", NIGHT, LATER), LATER, "the roof opened")
    light = NewLight("/lights/m42.fits", "a" * 64, "T1", "ada", NIGHT, START, FLAT)
    row = catalogue.lights.add(light, LATER, LightState.WAITING, "")
    catalogue.lights.settle(row.id, LightState.CALIBRATED, "", "cal.fits", "b" * 64, ["1" * 64, "2" * 64])
    other = catalogue.lights.add(replace(light, path="/lights/m43.fits"), LATER, LightState.WAITING, "")
    catalogue.lights.settle(other.id, LightState.RAW, "no flat")
    outbox = catalogue.outbox
    outbox.queue("ada", [Parcel("raw.fits", "a" * 64, "T1/raw.fits")], START)
    (sent,) = outbox.waiting("ada")
    outbox.deliver(sent.id, 100, LATER)
    outbox.queue("ada", [Parcel("cal.fits", "b" * 64, "T1/cal.fits")], LATER)
    outbox.queue("public", [Parcel("m.fits", "c" * 64, "m.fits")], START)
    (taken_back,) = outbox.waiting("public")
    outbox.withdraw(taken_back.id)


def adopting(archive: Archive) -> None:
    archive.reconcile()


def again(archive: Archive) -> None:
    rebuild(archive, silent)
    rebuild(archive, silent)


def test_a_lost_catalogue_knows_all_of_it_again(tmp_path: Path, place: str) -> None:
    before = after(tmp_path, place, live)
    lose(place)
    assert after(tmp_path, place, again)[:-1] == before[:-1]


def test_a_catalogue_that_is_begun_anew_without_a_rebuild_knows_it_too(tmp_path: Path, place: str) -> None:
    before = after(tmp_path, place, live)
    lose(place)
    assert after(tmp_path, place, adopting)[:-1] == before[:-1]


def test_lines_that_make_no_sense_are_left_out(tmp_path: Path, place: str) -> None:
    before = after(tmp_path, place, live)
    lose(place)
    with (tmp_path / HISTORY).open("a") as file:
        file.write('{"runs": {"rig": "T9"}}\n{"party": {}}\n{"lights": 3}\n{"runs": ')
    assert after(tmp_path, place, again)[:-1] == before[:-1]


def test_what_the_catalogue_has_is_left_as_it_is(tmp_path: Path, place: str) -> None:
    before = after(tmp_path, place, live)
    assert after(tmp_path, place, again) == before
