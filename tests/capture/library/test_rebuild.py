"""A lost catalogue is made again from the files; what rots on a disk is found."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from capture.clock import SimulatedClock
from capture.errors import StoreError
from capture.frame import Kind
from capture.journal import Journal
from capture.library.masters import build_masters
from capture.library.rebuild import rebuild, verify
from capture.store import fits_file
from capture.store.archive import CATALOGUE, Archive
from capture.store.events import EventKind
from capture.store.rescue import move_damaged_catalogue
from tests.capture.store.frames import BIAS, DARK, FLAT, NIGHT, SITE, START, make_frame, noise

NOON = START + timedelta(hours=12)


def opened(folder: Path) -> Archive:
    return Archive(folder, SITE, SimulatedClock(NOON))


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    """Two nights' runs of frames, good and bad, masters of them, an event, and a frame set aside."""
    with closing(opened(tmp_path)) as archive:
        for number, (spec, level) in enumerate(((BIAS, 1000), (DARK, 1010), (FLAT, 20000))):
            run = archive.catalogue.open_run(
                "T1", f"sequence {number}", NIGHT, START + timedelta(hours=number)
            )
            for count in range(6):
                pixels = noise(10 * number + count, level=level)
                frame = make_frame(spec, pixels, minutes=60 * number + count)
                frame = replace(frame, gates={"stars_percent": 0.25}) if spec is FLAT else frame
                archive.save(frame.judged("a cloud passed") if count == 5 else frame, run, NIGHT)
        assert len(build_masters(archive, Journal(archive.clock))) == 3
        archive.catalogue.told.add_event("T1", EventKind.OPTICS_CLEANED, None, NOON, NOON, "ann", "")
        when = START + timedelta(minutes=64)
        archive.catalogue.quarantine.set_aside("T1", (Kind.DARK,), when, NOON, "ann", "stray light")
        yield archive


def contents(archive: Archive) -> dict[str, object]:
    """All that files can tell of a catalogue, without the numbers of rows."""
    rows = archive.catalogue.frames()
    paths = {row.id: row.path for row in rows}
    runs = {run.id: (run.rig, run.sequence, run.night, run.started) for run in archive.catalogue.runs()}
    catalogue = archive.catalogue
    return {
        "runs": sorted(runs.values()),
        "frames": [
            (replace(row, id=0, run=None), None if row.run is None else runs[row.run]) for row in rows
        ],
        "masters": [
            (replace(row, id=0, inputs=(), figures=rounded(row.figures)), {paths[n] for n in row.inputs})
            for row in catalogue.masters()
        ],
        "events": [replace(event, id=0) for event in catalogue.told.events()],
        "quarantine": [(paths[one.frame], replace(one, frame=0)) for one in catalogue.quarantine.all()],
        "board": catalogue.board(),
    }


def rounded(figures: dict[str, float]) -> dict[str, float]:
    """As a card of 20 characters may keep them."""
    return {name: float(f"{value:.12g}") for name, value in figures.items()}


def quiet(what: str, done: int, of: int) -> None:
    assert what in ("frames", "masters", "files")
    assert 0 < done <= of


def lose_the_catalogue(folder: Path) -> None:
    for file in folder.glob(f"{CATALOGUE}*"):
        file.unlink()


def test_a_rebuilt_catalogue_equals_the_lost_one(archive: Archive, tmp_path: Path) -> None:
    lost = contents(archive)
    archive.close()
    lose_the_catalogue(tmp_path)
    with closing(opened(tmp_path)) as again:
        rebuilt = rebuild(again, quiet)
        assert (len(rebuilt.frames), len(rebuilt.masters), rebuilt.damaged) == (18, 3, [])
        assert contents(again) == lost
        assert rebuild(again, quiet) == replace(rebuilt, frames=[], masters=[])
        assert contents(again) == lost


def test_a_rebuild_that_is_cut_off_goes_on_where_it_was(archive: Archive, tmp_path: Path) -> None:
    lost = contents(archive)
    archive.close()
    lose_the_catalogue(tmp_path)

    class Killed(Exception):
        pass

    def kill(what: str, done: int, of: int) -> None:
        if what == "masters":
            raise Killed

    with closing(opened(tmp_path)) as again, pytest.raises(Killed):
        rebuild(again, kill)
    with closing(opened(tmp_path)) as again:
        assert len(rebuild(again, quiet).masters) == 2
        assert contents(again) == lost


def test_what_is_damaged_is_set_aside_and_costs_nothing_else(archive: Archive, tmp_path: Path) -> None:
    archive.close()
    lose_the_catalogue(tmp_path)
    flat, master = sorted(tmp_path.rglob("*flat*0001.fits"))[0], sorted(tmp_path.rglob("MasterDark*"))[0]
    for file in (flat, master):
        file.write_bytes(file.read_bytes()[:-100])
    stranger = tmp_path / "masters" / "T1" / "notes.fits"
    fits_file.write(stranger, make_frame(DARK).pixels, [("OBJECT", "somebody's", "")])
    with closing(opened(tmp_path)) as again:
        rebuilt = rebuild(again, quiet)
        assert (len(rebuilt.frames), len(rebuilt.masters)) == (17, 2)
        assert rebuilt.damaged == sorted(f.with_name(f.name + ".damaged") for f in (flat, master))
    assert stranger.exists(), "a whole file that is none of ours stays where it is"


@pytest.mark.parametrize("spoil", ["header", "page"])
def test_a_damaged_catalogue_is_moved_aside_whole_and_a_sound_one_is_not(
    archive: Archive, tmp_path: Path, spoil: str
) -> None:
    lost = contents(archive)
    archive.close()
    assert move_damaged_catalogue(tmp_path) is None
    file = tmp_path / CATALOGUE
    content = bytearray(file.read_bytes())
    start = 0 if spoil == "header" else 4096
    content[start : start + 3000] = b"\xa5" * 3000
    file.write_bytes(content)
    aside = move_damaged_catalogue(tmp_path)
    assert aside is not None
    assert (aside / CATALOGUE).read_bytes() == content
    with closing(opened(tmp_path)) as again:
        rebuild(again, quiet)
        assert contents(again) == lost


def test_verifying_finds_each_file_that_is_missing_damaged_another_or_unknown(
    archive: Archive, tmp_path: Path
) -> None:
    sound = verify(archive, quiet)
    assert (sound.files, sound.faults) == (21, [])
    assert sound.size_bytes == sum(file.stat().st_size for file in tmp_path.rglob("*.fits"))
    bias = sorted((tmp_path / "raw").rglob("*bias*.fits"))
    bias[0].unlink()
    content = bytearray(bias[1].read_bytes())
    content[-1000] ^= 1
    bias[1].write_bytes(content)
    shutil.copy(bias[3], bias[2])
    shutil.copy(bias[4], bias[4].with_name("unknown.fits"))
    faults = verify(archive, quiet).faults
    assert len(faults) == 4
    for fault, file, text in zip(
        faults,
        [*bias[:3], bias[4].with_name("unknown.fits")],
        ["cannot be read", "is damaged", "is not the file that the catalogue knows", "not in the catalogue"],
        strict=True,
    ):
        assert fault.startswith(str(file))
        assert text in fault


def test_a_catalogue_that_another_program_holds_is_not_called_damaged(tmp_path: Path) -> None:
    (tmp_path / CATALOGUE).mkdir()
    with pytest.raises(StoreError, match="cannot be looked at"):
        move_damaged_catalogue(tmp_path)
