"""A frame counts when its row is committed; whatever happens before, nothing whole is lost."""

from __future__ import annotations

import errno
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from capture.clock import SimulatedClock
from capture.errors import StoreError
from capture.store import fits_file
from capture.store.archive import Archive, NotCatalogued
from tests.capture.store.conftest import another_program
from tests.capture.store.frames import BIAS, DARK, FLAT, NIGHT, SITE, START, make_frame


def rename(place: str, table: str, name: str) -> None:
    """As a full disk does: without its table no row of it can be committed."""
    with another_program(place) as other:
        other.execute(text(f"ALTER TABLE {table} RENAME TO {name}"))


def test_a_saved_frame_is_a_whole_file_and_a_row(archive: Archive) -> None:
    frame = make_frame(FLAT).judged("stars in the corner")
    row = archive.save(frame, archive.catalogue.open_run("T1", "sky_flats", NIGHT, START), NIGHT)
    assert row.path == "raw/2026-11-21/T1/flat/T1_flat_Ha_0001.fits"
    assert archive.catalogue.frames() == [row]
    fits_file.verify(archive.path_of(row))
    header, pixels = fits_file.read(archive.path_of(row))
    assert np.array_equal(pixels, frame.pixels)
    assert (header["VERDICT"], header["REASON1"]) == ("rejected", "stars in the corner")
    assert row.sha256 == hashlib.sha256(archive.path_of(row).read_bytes()).hexdigest()


def test_numbers_go_on_after_a_restart_and_nothing_is_overwritten(archive: Archive, place: str) -> None:
    archive.save(make_frame(BIAS), None, NIGHT)
    second = Archive(archive.root, SITE, SimulatedClock(START), place)
    names = [second.save(make_frame(BIAS, minutes=n), None, NIGHT).path for n in (1, 2)]
    second.close()
    # The first program does not know of the second's files, yet overwrites none.
    names.append(archive.save(make_frame(BIAS, minutes=3), None, NIGHT).path)
    assert [name[-9:] for name in names] == ["0002.fits", "0003.fits", "0004.fits"]


def test_twenty_threads_save_at_once(archive: Archive) -> None:
    frames = [make_frame(DARK, minutes=n, rig=f"T{n % 2}") for n in range(60)]
    with ThreadPoolExecutor(20) as pool:
        rows = list(pool.map(lambda frame: archive.save(frame, None, NIGHT), frames))
    assert len({row.path for row in rows}) == 60
    assert [row.taken for row in archive.catalogue.frames()] == [frame.facts.started for frame in frames]
    assert archive.reconcile() == []


def test_a_frame_killed_between_file_and_row_is_adopted(archive: Archive, place: str) -> None:
    archive.save(make_frame(DARK), None, NIGHT)
    lost = make_frame(DARK, minutes=5).judged("light leak: 30 ADU above the last master")
    rename(place, "frames", "frames_away")
    with pytest.raises(StoreError, match=r"no such (database or )?table"):
        archive.save(lost, None, NIGHT)
    rename(place, "frames_away", "frames")
    assert len(archive.catalogue.frames()) == 1

    with closing(Archive(archive.root, SITE, SimulatedClock(START), place)) as restarted:
        (adopted,) = restarted.reconcile()
    row = archive.catalogue.frames()[1]
    assert (archive.path_of(row), row.night, row.run) == (adopted, NIGHT, None)
    assert (row.spec, row.verdict, row.taken) == (lost.spec, lost.verdict, lost.facts.started)
    assert row.statistics == lost.statistics
    assert row.sha256 == hashlib.sha256(adopted.read_bytes()).hexdigest()
    assert archive.reconcile() == []


def test_frames_of_a_time_without_a_catalogue_get_their_rows_and_their_run(
    archive: Archive, place: str
) -> None:
    run = archive.catalogue.open_run("T1", "darks", NIGHT, START)
    rename(place, "frames", "frames_away")
    frames = [make_frame(DARK, minutes=minutes) for minutes in range(3)]
    for frame in frames[:2]:
        with pytest.raises(NotCatalogued, match="is safe on disk and gets its row later"):
            archive.save(frame, run, NIGHT)
    assert archive.pay_rows() == 2
    rename(place, "frames_away", "frames")
    archive.save(frames[2], run, NIGHT)
    assert archive.pay_rows() == 0
    rows = archive.catalogue.frames()
    assert [(row.run, row.taken) for row in rows] == [(run, frame.facts.started) for frame in frames]
    for row, frame in zip(rows, frames, strict=True):
        assert np.array_equal(fits_file.read(archive.path_of(row))[1], frame.pixels)
    assert archive.reconcile() == []


def test_a_lost_catalogue_is_made_again_from_the_files(archive: Archive, tmp_path: Path) -> None:
    before = [
        archive.save(make_frame(spec, minutes=n), None, NIGHT) for n, spec in enumerate((BIAS, DARK, FLAT))
    ]
    again = Archive(archive.root, SITE, SimulatedClock(START), str(tmp_path / "again.sqlite"))
    assert len(again.reconcile()) == 3
    assert again.catalogue.frames() == [replace(row, id=row.id) for row in before]
    again.close()


def test_a_half_written_file_is_removed_and_its_number_not_blocked(archive: Archive) -> None:
    leftover = archive.root / "raw/2026-11-21/T1/bias/.T1_bias_0001.fits.part"
    leftover.parent.mkdir(parents=True)
    leftover.write_bytes(b"SIMPLE")
    assert archive.save(make_frame(BIAS), None, NIGHT).path.endswith("T1_bias_0002.fits")
    assert archive.reconcile() == []
    assert not leftover.exists()


def test_a_file_that_is_still_being_written_is_left_alone(archive: Archive) -> None:
    fcntl = pytest.importorskip("fcntl")
    busy = archive.root / ".T1_bias_0001.fits.part"
    with busy.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        archive.reconcile()
        assert busy.exists()
    archive.reconcile()
    assert not busy.exists()


def test_a_damaged_orphan_is_set_aside_and_said_so(archive: Archive) -> None:
    file = archive.root / "raw/2026-11-21/T1/bias/T1_bias_0001.fits"
    fits_file.write(file, make_frame(BIAS).pixels, [])
    file.write_bytes(file.read_bytes()[:3000])
    assert archive.reconcile() == []
    assert file.with_name("T1_bias_0001.fits.damaged").exists()
    assert [entry.kind for entry in archive.catalogue.entries()] == ["damaged"]
    assert archive.save(make_frame(BIAS), None, NIGHT).path.endswith("T1_bias_0002.fits")


def test_a_failing_disk_leaves_neither_file_nor_row(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(StoreError, match=r"could not be written: Input/output error"):
            archive.save(make_frame(), None, NIGHT)
    assert archive.catalogue.frames() == []
    assert list(archive.root.rglob("*.fits*")) == []
    assert archive.save(make_frame(), None, NIGHT).good


@pytest.mark.parametrize("folder", ["file", "file/below"])
def test_an_unusable_folder_is_named_with_the_remedy(tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StoreError, match=f"archive folder .*{folder} cannot be written.*config"):
        Archive(tmp_path / folder, SITE, SimulatedClock(START))


def test_on_a_full_disk_the_archive_is_read_and_what_cannot_be_saved_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Archive(tmp_path, SITE, SimulatedClock(START))) as archive:
        row = archive.save(make_frame(), None, NIGHT)

    def fail(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", fail)
    monkeypatch.setattr(os, "fsync", fail)
    with closing(Archive(tmp_path, SITE, SimulatedClock(START))) as archive:
        assert archive.catalogue.frames() == [row]
        with pytest.raises(StoreError, match="could not be written: No space left on device"):
            archive.save(make_frame(), None, NIGHT)
