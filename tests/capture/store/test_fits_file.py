"""Files are whole or not there, and the checksums are those of the standard."""

from __future__ import annotations

import hashlib
import warnings
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from numpy.typing import NDArray

from capture.errors import StoreError
from capture.store import fits_file
from tests.capture.store.frames import SITE, make_frame, noise


def opened(path: Path) -> tuple[fits.Header, NDArray[np.generic]]:
    """What astropy reads, with every warning an error and the checksums checked."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with fits.open(path, checksum=True, memmap=False) as hdus:
            hdus.verify("exception")
            return hdus[0].header.copy(), hdus[0].data.copy()


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (24, 32), (101, 77), (36, 40), (2000, 3001)])
@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_astropy_reads_back_what_was_written_and_agrees_on_both_checksums(
    tmp_path: Path, shape: tuple[int, int], dtype: type
) -> None:
    pixels = np.random.default_rng(7).integers(0, 65536, shape).astype(dtype)
    path = tmp_path / "a.fits"
    fits_file.write(path, pixels, [("FILTER", "Ha", "filter")], history=["one line", "two " * 40])
    header, read = opened(path)
    assert np.array_equal(read, pixels)
    assert header["FILTER"] == "Ha"
    with fits.open(path, do_not_scale_image_data=True, memmap=False) as hdus:
        ours = hdus[0].header["DATASUM"]
        hdus[0].add_datasum(when="now")
        assert hdus[0].header["DATASUM"] == ours


@pytest.mark.parametrize("shape", [(1501, 2003), (1, 2), (3, 2), (1502, 2004), (1503, 2006), (1504, 2008)])
@pytest.mark.parametrize("highest", [65535, 0])
@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_a_transposed_view_gives_the_same_file_as_its_copy(
    tmp_path: Path, dtype: type, highest: int, shape: tuple[int, int]
) -> None:
    # All 0 is stored as 0x8000, and 65535 beside 0 carries furthest.
    image = np.random.default_rng(4).integers(0, highest, shape, endpoint=True).astype(dtype)
    view = np.ascontiguousarray(image.T).T
    assert view.flags.f_contiguous
    fits_file.write(tmp_path / "copy.fits", image, [])
    fits_file.write(tmp_path / "view.fits", view, [])
    opened(tmp_path / "view.fits")
    assert (tmp_path / "copy.fits").read_bytes() == (tmp_path / "view.fits").read_bytes()


def test_many_checksums_are_all_what_astropy_expects(tmp_path: Path) -> None:
    for seed in range(60):
        path = tmp_path / f"{seed}.fits"
        fits_file.write(path, noise(seed, (7, 9), sigma=900), [("NUMBER", seed, "")])
        opened(path)
        fits_file.verify(path)


def test_the_hash_is_that_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    assert fits_file.write(path, noise(1), []) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_same_frame_gives_the_same_bytes(tmp_path: Path) -> None:
    hashes = {fits_file.write(tmp_path / name, noise(1), []) for name in ("a.fits", "b.fits")}
    assert len(hashes) == 1


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    fits_file.write(path, noise(1), [])
    before = path.read_bytes()
    with pytest.raises(fits_file.NameTaken):
        fits_file.write(path, noise(2), [])
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.fits"]


def test_only_the_file_is_left_in_a_folder_made_for_it(tmp_path: Path) -> None:
    fits_file.write(tmp_path / "deep" / "down" / "a.fits", noise(1), [])
    assert [path.name for path in tmp_path.rglob("*")] == ["deep", "down", "a.fits"]


def test_a_folder_that_is_a_file_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(StoreError, match=r"taken/a\.fits could not be written: .* writable"):
        fits_file.write(tmp_path / "taken" / "a.fits", noise(1), [])


@pytest.mark.parametrize("step", ["fsync", "write"])
def test_a_full_disk_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"os.{step}", fail)
    with pytest.raises(StoreError, match="No space left on device"):
        fits_file.write(tmp_path / "a.fits", noise(1), [])
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda content: content[:1000], "cut off"),
        (lambda content: content[:-2880], "cut off"),
        (lambda content: content + bytes(2880), "cut off"),
        (lambda content: content[:-1500] + b"\x55" + content[-1499:], "pixels do not match"),
        (lambda content: content.replace(b"'Ha", b"'OI", 1), "CHECKSUM"),
        (lambda content: content[:0], "no FITS file"),
    ],
)
def test_damage_is_found_and_said_in_one_sentence(tmp_path: Path, damage, complaint: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "a.fits"
    fits_file.write(path, noise(1, (48, 60)), [("FILTER", "Ha", "filter")])
    fits_file.verify(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(StoreError, match=complaint):
        fits_file.verify(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nowhere"):
        fits_file.verify(tmp_path / "nowhere.fits")


def test_a_frame_reads_back_through_our_own_reader(tmp_path: Path) -> None:
    from capture.store import headers  # noqa: PLC0415

    frame = make_frame()
    fits_file.write(tmp_path / "a.fits", frame.pixels, headers.frame_cards(frame, SITE))
    header, pixels = fits_file.read(tmp_path / "a.fits")
    assert np.array_equal(pixels, frame.pixels)
    assert datetime.fromisoformat(header["DATE-OBS"]).replace(tzinfo=UTC) == frame.facts.started
