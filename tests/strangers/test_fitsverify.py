"""NASA's checker of FITS files finds nothing to complain of in any kind of file that we write."""

from __future__ import annotations

import subprocess
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from astropy.io import fits

from capture.clock import SimulatedClock
from capture.config import CalibrationConfig
from capture.frame import Kind
from capture.library.calibrate import calibrate
from capture.library.combine import Method
from capture.library.light import read_light
from capture.library.masters import build_master
from capture.library.masters_for import masters_for
from capture.store import fits_file
from capture.store.archive import Archive
from tests.capture.store.frames import BIAS, DARK, FLAT, NIGHT, SITE, START, make_frame, noise
from tests.strangers.conftest import Files
from tests.strangers.installed import program

LONG = "T1_it's_" + "a_name_of_someone_who_says_everything_in_it_" * 4


@pytest.mark.parametrize("kind", ["bias", "dark", "flat", "rejected", "masters", "rejection maps"])
def test_fitsverify_finds_no_error_and_no_warning(files: Files, kind: str) -> None:
    judged = {
        "bias": files.raw[BIAS],
        "dark": files.raw[DARK],
        "flat": files.raw[FLAT],
        "rejected": [files.rejected],
        "masters": list(files.masters.values()),
        "rejection maps": files.maps,
    }[kind]
    result = subprocess.run(
        [program("fitsverify", "fitsverify"), "-q", *map(str, judged)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    assert result.stdout.count("verification OK") == len(judged), result.stdout


@pytest.fixture(scope="module")
def long_names(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A master of frames, and a calibrated light, whose files' names fill more than a card."""
    folder = tmp_path_factory.mktemp("long")
    clock = SimulatedClock(START + timedelta(hours=12))
    with closing(Archive(folder, SITE, clock)) as archive:
        frames = []
        for number in range(5):
            row = archive.save(make_frame(DARK, noise(number), number), None, NIGHT)
            long = archive.path_of(row).with_name(f"{LONG}{number}.fits")
            archive.path_of(row).rename(long)
            frames.append(replace(row, path=long.relative_to(folder).as_posix()))
        master = build_master(archive, frames, said=[f"Left out: {LONG}: a reason."])
        raw = archive.save(make_frame(replace(DARK, kind=Kind.LIGHT), noise(9), 30), None, NIGHT)
        light = archive.path_of(raw).with_name(f"{LONG}.fits")
        archive.path_of(raw).rename(light)
        out, policy = folder / "calibrated.fits", CalibrationConfig(require=("dark",))
        read = read_light(light)
        found = masters_for(archive.catalogue, read, "T1", policy)
        calibrate(read, found, archive.root, out, policy, clock.now())
        return {"master": archive.path_of(master), "calibrated light": out}


@pytest.mark.parametrize("kind", ["master", "calibrated light"])
def test_fitsverify_finds_nothing_in_files_made_of_ones_with_very_long_names(
    long_names: dict[str, Path], kind: str
) -> None:
    file = long_names[kind]
    result = subprocess.run(
        [program("fitsverify", "fitsverify"), "-q", str(file)], capture_output=True, text=True, check=False
    )
    assert "verification OK" in result.stdout, result.stdout
    cards = fits_file.structure(fits.getheader(file).tostring().encode())
    assert {cards.get("IN0001"), cards.get("RAWFILE")} & {f"{LONG}0.fits", f"{LONG}.fits"}


def test_fitsverify_would_have_found_a_damaged_file(files: Files) -> None:
    sound = files.masters[DARK, Method.CLIP]
    damaged = sound.with_name("damaged.txt")
    damaged.write_bytes(sound.read_bytes()[:-2880])
    result = subprocess.run(
        [program("fitsverify", "fitsverify"), "-q", str(damaged)], capture_output=True, text=True, check=False
    )
    assert result.returncode != 0
