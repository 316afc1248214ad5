"""Other programs' calibration frames are taken in for what they are, or refused with the reason."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from capture.clock import SimulatedClock
from capture.errors import BadInput
from capture.frame import FrameSpec, Kind
from capture.library.importing import Outcome, import_folder
from capture.library.rebuild import rebuild, verify
from capture.store import fits_file
from capture.store.archive import CATALOGUE, Archive
from tests.capture.library.programs import (
    ACP,
    KSTARS,
    MAXIM,
    NINA,
    SHAPE,
    SHARPCAP,
    SIRIL,
    patched,
    siril_master,
    write,
)
from tests.capture.store.frames import SITE, START, noise


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with closing(Archive(tmp_path / "archive", SITE, SimulatedClock(START))) as archive:
        yield archive


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "theirs"


def quiet(what: str, done: int, of: int) -> None:
    assert 0 < done <= of, what


def take_in(archive: Archive, folder: Path, *, dry_run: bool = False) -> list[Outcome]:
    return import_folder(archive, folder, "T1", quiet, dry_run=dry_run)


@pytest.mark.parametrize(
    ("header", "spec", "electrons_per_adu", "taken"),
    [
        (
            MAXIM,
            FrameSpec(Kind.DARK, 120.0, None, 2, None, None, "Normal", -20.0),
            1.38,
            datetime(2026, 10, 1, 3, 4, 5, tzinfo=UTC),
        ),
        (
            ACP,
            FrameSpec(Kind.FLAT, 3.2, "Ha", 2, None, None, "Normal", -20.0),
            1.38,
            datetime(2026, 10, 1, 3, 4, 5, tzinfo=UTC),
        ),
        (
            {**MAXIM, "DATE-OBS": "2026-10-01", "TIME-OBS": "03:04:05", "IMAGETYP": "BIAS", "EXPTIME": 0.0},
            FrameSpec(Kind.BIAS, 0.0, None, 2, None, None, "Normal", -20.0),
            1.38,
            datetime(2026, 10, 1, 3, 4, 5, tzinfo=UTC),
        ),
        (
            NINA,
            FrameSpec(Kind.DARK, 300.0, None, 1, 100, 50, "Default", -10.0),
            0.246,
            datetime(2026, 10, 2, 3, 4, 5, 123456, tzinfo=UTC),
        ),
        (
            {**NINA, "IMAGETYP": "DARKFLAT", "EXPTIME": 4.5, "GAIN": -1},
            FrameSpec(Kind.DARK, 4.5, None, 1, None, 50, "Default", -10.0),
            0.246,
            datetime(2026, 10, 2, 3, 4, 5, 123456, tzinfo=UTC),
        ),
        (
            SHARPCAP,
            FrameSpec(Kind.BIAS, 0.0, None, 1, 139, 21),
            None,
            datetime(2026, 10, 2, 4, 4, 5, tzinfo=UTC),
        ),
        (
            KSTARS,
            FrameSpec(Kind.FLAT, 1.5, "OIII", 1, 120, 30),
            None,
            datetime(2026, 10, 2, 4, 4, 5, 123000, tzinfo=UTC),
        ),
        (
            {**KSTARS, "GAIN": 1.27},
            FrameSpec(Kind.FLAT, 1.5, "OIII", 1, None, 30),
            1.27,
            datetime(2026, 10, 2, 4, 4, 5, 123000, tzinfo=UTC),
        ),
    ],
    ids=["MaxIm", "ACP", "MaxIm, old", "NINA", "NINA flat dark", "SharpCap", "KStars", "electrons"],
)
def test_a_raw_frame_becomes_one_of_ours_with_what_its_header_says(
    archive: Archive,
    folder: Path,
    header: Mapping[str, object],
    spec: FrameSpec,
    electrons_per_adu: float | None,
    taken: datetime,
) -> None:
    pixels = noise(3, SHAPE)
    original = write(folder / "a.fits", header, pixels)
    before = original.read_bytes()
    (outcome,) = take_in(archive, folder)
    (row,) = archive.catalogue.frames()
    assert (outcome.path, outcome.reason) == (row.path, "")
    assert (row.spec, row.taken, row.rig, row.good) == (spec, taken, "T1", True)
    assert row.facts.electrons_per_adu == electrons_per_adu
    assert (row.facts.camera, row.night) == (header["INSTRUME"], SITE.night_of(taken))
    assert row.facts.sun_altitude_deg == pytest.approx(SITE.sun_altitude_deg(taken))
    ours, kept = fits_file.read(archive.path_of(row))
    assert np.array_equal(kept, pixels)
    assert ours["ORIGFILE"] == "a.fits"
    assert ours["ORIGSHA"] == hashlib.sha256(before).hexdigest()
    assert original.read_bytes() == before


def test_a_master_of_siril_is_known_by_its_name_scaled_to_adu_and_turned_upright(
    archive: Archive, folder: Path
) -> None:
    write(folder / "biases" / "stacked.fit", SIRIL, siril_master(500.0), EXPTIME=0.0)
    write(folder / "masterdark_300s.fit", SIRIL, siril_master(1024.0))
    write(folder / "pp_flat_stacked.fit", SIRIL, siril_master(30000.0), FILTER="Ha", EXPTIME=2.0)
    assert [outcome.refused for outcome in take_in(archive, folder)] == [False] * 3
    masters = {row.spec.kind: row for row in archive.catalogue.masters()}
    assert {kind: row.figures["median_adu"] for kind, row in masters.items()} == pytest.approx(
        {Kind.BIAS: 500.0, Kind.DARK: 1024.0, Kind.FLAT: 30000.0}, rel=1e-5
    )
    dark = masters[Kind.DARK]
    assert (dark.count, dark.method, dark.inputs) == (40, "imported", ())
    assert dark.spec == FrameSpec(Kind.DARK, 300.0, None, 1, 100, 50)
    assert (masters[Kind.FLAT].spec.filter, masters[Kind.FLAT].spec.exposure_s) == ("Ha", 0.0)
    header, pixels = fits_file.read(archive.path_of(dark))
    assert pixels[-1] == pytest.approx(2048.0, rel=1e-5), "its first row was the sensor's last"
    assert (header["IMAGETYP"], header["ROWORDER"]) == ("Master Dark", "TOP-DOWN")


def test_a_master_in_adu_keeps_its_scale(archive: Archive, folder: Path) -> None:
    pixels = noise(1, SHAPE).astype(np.float32)
    write(folder / "a.fits", MAXIM, pixels, IMAGETYP="Master Dark", NCOMBINE=20)
    take_in(archive, folder)
    (row,) = archive.catalogue.masters()
    assert np.array_equal(fits_file.read(archive.path_of(row))[1], pixels)
    assert row.count == 20


def refuse(name: str, why: str, spoil: Callable[[Path], object]) -> object:
    return pytest.param(spoil, why, id=name)


def cut(path: Path, size: int) -> None:
    write(path, NINA)
    path.write_bytes(path.read_bytes()[:size])


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        refuse("empty", "it is empty", lambda path: path.touch()),
        refuse("text", "no whole FITS header", lambda path: path.write_text("SIMPLE, my diary")),
        refuse("cut pixels", "it is cut off", lambda path: cut(path, 5000)),
        refuse("cut header", "no whole FITS header", lambda path: cut(path, 1000)),
        refuse(
            "gzip", "it is compressed: unpack it first", lambda path: path.write_bytes(gzip.compress(b"x"))
        ),
        refuse("light", r"it is a light \(LIGHT\)", lambda path: write(path, NINA, IMAGETYP="LIGHT")),
        refuse("no kind", "says what it is", lambda path: write(path, NINA, IMAGETYP=None)),
        refuse("calibrated", r"already \(CALSTAT BD\)", lambda path: write(path, MAXIM, CALSTAT="BD")),
        refuse(
            "other sensor",
            "20 x 10 pixels are not T1's 60 x 40",
            lambda path: write(path, NINA, noise(1, (10, 20))),
        ),
        refuse(
            "NaN card",
            "its CCD-TEMP is no number: NAN",
            lambda path: patched(write(path, NINA), b"                -10.1", b"                  NAN"),
        ),
        refuse(
            "giant axes",
            "it claims 2147483647 x 40 pixels",
            lambda path: patched(
                write(path, NINA), b"NAXIS1  =                   60", b"NAXIS1  =           2147483647"
            ),
        ),
        refuse(
            "control characters",
            "control characters",
            lambda path: patched(write(path, NINA), b"ZWO EFW", b"ZWO\x1b[2J"),
        ),
        refuse("8 bit", "BITPIX 8", lambda path: write(path, NINA, np.ones(SHAPE, np.uint8))),
        refuse("colour", "it has 3 axes", lambda path: write(path, NINA, np.ones((3, *SHAPE), np.uint16))),
        refuse("negative", "from -5 to -5", lambda path: write(path, NINA, np.full(SHAPE, -5, np.int16))),
        refuse("no date", "DATE-OBS '' is no date", lambda path: write(path, NINA, DATE_OBS=None)),
        refuse("odd date", "is no date and time", lambda path: write(path, NINA, DATE_OBS="01/10/26")),
        refuse("no exposure", "no exposure", lambda path: write(path, NINA, EXPTIME=None, EXPOSURE=None)),
        refuse("odd exposure", "exposure of -1 s", lambda path: write(path, NINA, EXPTIME=-1.0)),
        refuse("uneven binning", "binning of 2 x 1", lambda path: write(path, NINA, XBINNING=2)),
        refuse(
            "flat of unknown scale",
            "neither in ADU nor between 0 and 1",
            lambda path: write(
                path, ACP, np.full(SHAPE, 1.2, np.float32), NCOMBINE=9, XBINNING=1, YBINNING=1
            ),
        ),
        refuse(
            "NaN pixels",
            "no numbers",
            lambda path: write(path, SIRIL, np.full(SHAPE, np.nan, np.float32), IMAGETYP="DARK"),
        ),
        refuse("nightcal's own", "nightcal's own", lambda path: write(path, NINA, SWCREATE="nightcal 0.1.0")),
        refuse(
            "table alone",
            "no image|cannot be unpacked",
            lambda path: fits.HDUList(
                [fits.PrimaryHDU(), fits.BinTableHDU(np.zeros(3, [("a", "f4")]))]
            ).writeto(path),
        ),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason_and_costs_no_other(
    archive: Archive, folder: Path, spoil: Callable[[Path], object], why: str
) -> None:
    for number in range(2):
        write(folder / f"good{number}.fits", NINA, noise(number, SHAPE))
    spoil(folder / "spoilt.fits")
    bad = take_in(archive, folder)[-1]
    assert bad.refused
    assert re.search(why, bad.reason), bad.reason
    assert "\n" not in bad.reason
    assert len(archive.catalogue.frames()) == 2
    assert archive.catalogue.masters() == []
    assert verify(archive, quiet).faults == [], "nothing half-made is left"


def test_frames_packed_by_tiles_are_read_and_damaged_ones_refused(archive: Archive, folder: Path) -> None:
    plain = write(folder / "a.fits", NINA)
    with fits.open(plain) as hdus:
        packed = fits.CompImageHDU(hdus[0].data, hdus[0].header, compression_type="RICE_1")
        packed.writeto(folder / "b.fits.fz")
    content = (folder / "b.fits.fz").read_bytes()
    plain.unlink()
    (folder / "c.fits.fz").write_bytes(content[:-2880])
    whole, damaged = take_in(archive, folder)
    assert (whole.refused, damaged.refused) == (False, True)
    (row,) = archive.catalogue.frames()
    assert np.array_equal(fits_file.read(archive.path_of(row))[1], noise(1, SHAPE))


def test_saturated_and_warm_frames_are_taken_in_as_bad_ones(archive: Archive, folder: Path) -> None:
    write(folder / "a.fits", NINA, np.full(SHAPE, 65535, np.uint16))
    write(folder / "b.fits", NINA, CCD_TEMP=-7.0)
    take_in(archive, folder)
    reasons = [row.verdict.reasons for row in archive.catalogue.frames()]
    assert sorted(reasons) == [
        ("100% of the pixels are saturated",),
        ("the sensor is +3.0 C off its set point of -10 C",),
    ]


LIGHT_ON_A_PART = np.linspace(0, 40, SHAPE[1]).astype(np.uint16)[None, :]


@pytest.mark.parametrize("biases_first", [True, False])
def test_light_in_darks_of_another_program_is_found_by_the_darks_beside_it(
    archive: Archive, folder: Path, biases_first: bool
) -> None:
    for number in range(3):
        write(folder / "bias" / f"{number}.fits", NINA, noise(number, SHAPE), IMAGETYP="BIAS", EXPTIME=0.0)
    if biases_first:
        take_in(archive, folder)
    for number in range(4):
        pixels = noise(9 + number, SHAPE, level=1020.0) + (LIGHT_ON_A_PART if number == 2 else 0)
        write(folder / f"dark{number}.fits", NINA, pixels.astype(np.uint16))
    faults = {one.file.name: one.faults for one in take_in(archive, folder) if one.file.parent == folder}
    assert [name for name, why in faults.items() if why] == ["dark2.fits"]
    assert "light: " in faults["dark2.fits"][0]
    bad = [row for row in archive.catalogue.frames() if not row.good]
    assert [row.verdict.reasons for row in bad] == [faults["dark2.fits"]]


def test_a_folder_of_darks_all_with_light_counts_for_nothing(archive: Archive, folder: Path) -> None:
    for number in range(3):
        write(folder / f"bias{number}.fits", NINA, noise(number, SHAPE), IMAGETYP="BIAS", EXPTIME=0.0)
        write(folder / f"dark{number}.fits", NINA, noise(9 + number, SHAPE, level=9000.0))
    faults = [one.faults for one in take_in(archive, folder, dry_run=True)]
    assert [len(why) for why in faults] == [0, 0, 0, 1, 1, 1]


def test_stars_on_a_flat_and_a_flat_unlike_its_night_do_not_count(archive: Archive, folder: Path) -> None:
    shape = (96, 128)
    write(folder / "bias.fits", KSTARS, noise(1, shape, level=500.0), FRAME="Bias", EXPTIME=0.0)
    for number in range(4):
        flat = noise(number, shape, level=30_000.0, sigma=60.0).astype(float)
        if number == 1:
            flat[::8, ::8] += 4000.0
        if number == 3:
            flat *= np.linspace(0.97, 1.03, shape[1])
        write(
            folder / f"f{number}.fits", KSTARS, flat.astype(np.uint16), DATE_OBS=f"2026-10-02T04:0{number}:00"
        )
    faults = [" ".join(one.faults).split(":")[0] for one in take_in(archive, folder)]
    assert faults == ["", "", "stars", "", "gradient"]


def test_a_master_dark_without_its_bias_or_with_light_is_refused(archive: Archive, folder: Path) -> None:
    for number in range(3):
        write(folder / f"bias{number}.fits", NINA, noise(number, SHAPE), IMAGETYP="BIAS", EXPTIME=0.0)
    for name, level in (("good", 1020.0), ("light", 9000.0), ("no bias", 20.0)):
        pixels = noise(7, SHAPE, level).astype(np.float32)
        write(folder / f"{name}.fits", NINA, pixels, IMAGETYP="Master Dark", NCOMBINE=20)
    reasons = {one.file.stem: one.reason for one in take_in(archive, folder) if one.what.startswith("master")}
    assert reasons["good"] == ""
    assert "there is light in it" in reasons["light"]
    assert "below the bias, which was subtracted" in reasons["no bias"]


def test_a_master_flat_unlike_the_last_one_of_that_time_is_refused(archive: Archive, folder: Path) -> None:
    pixels = np.full((96, 128), 30_000.0, np.float32)
    tilted = (pixels * np.linspace(0.9, 1.1, 128)).astype(np.float32)
    write(folder / "a.fits", KSTARS, pixels, NCOMBINE=20)
    write(folder / "b.fits", KSTARS, tilted, NCOMBINE=20, DATE_OBS="2026-10-05T04:04:05")
    write(folder / "c.fits", KSTARS, tilted, NCOMBINE=20, DATE_OBS="2026-12-05T04:04:05")
    first, unlike, later = take_in(archive, folder)
    assert (first.refused, unlike.refused, later.refused) == (False, True, False)
    assert "unlike the last master of that time: gradient" in unlike.reason


def test_the_same_import_again_takes_nothing_in_twice(archive: Archive, folder: Path) -> None:
    write(folder / "a.fits", NINA)
    write(folder / "copy of a.fits", NINA)
    write(folder / "masterdark.fit", SIRIL, siril_master())
    first = take_in(archive, folder)
    assert [outcome.reason for outcome in first] == ["", "is there already", ""]
    assert [outcome.reason for outcome in take_in(archive, folder)] == ["is there already"] * 3
    assert (len(archive.catalogue.frames()), len(archive.catalogue.masters())) == (1, 1)


def test_what_was_taken_in_is_known_again_when_the_catalogue_is_lost(
    archive: Archive, folder: Path, tmp_path: Path
) -> None:
    write(folder / "a.fits", NINA)
    write(folder / "masterdark.fit", SIRIL, siril_master())
    take_in(archive, folder)
    frames, masters = archive.catalogue.frames(), archive.catalogue.masters()
    archive.close()
    for file in archive.root.glob(f"{CATALOGUE}*"):
        file.unlink()
    with closing(Archive(archive.root, SITE, SimulatedClock(START))) as again:
        rebuild(again, quiet)
        (row,) = again.catalogue.frames()
        assert (row.spec, row.sha256) == (frames[0].spec, frames[0].sha256)
        assert [replace(one, figures={}) for one in again.catalogue.masters()] == [
            replace(one, figures={}) for one in masters
        ]
        assert [outcome.reason for outcome in take_in(again, folder)] == ["is there already"] * 2


def test_a_dry_run_judges_everything_and_writes_nothing(archive: Archive, folder: Path) -> None:
    write(folder / "a.fits", NINA)
    write(folder / "b.fits", NINA, np.full(SHAPE, -5, np.int16))
    files = sorted(archive.root.rglob("*.fits"))
    outcomes = take_in(archive, folder, dry_run=True)
    assert [(outcome.what, outcome.refused) for outcome in outcomes] == [
        ("dark 300 s", False),
        ("dark 300 s", True),
    ]
    assert sorted(archive.root.rglob("*.fits")) == files == []
    assert archive.catalogue.frames() == []


def test_a_folder_that_cannot_be_used_is_said_so(archive: Archive, folder: Path) -> None:
    for place, why in ((folder, "is no folder"), (archive.root, "is in the archive itself")):
        with pytest.raises(BadInput, match=why):
            take_in(archive, place)
    folder.mkdir()
    with pytest.raises(BadInput, match="no FITS file below"):
        take_in(archive, folder)
