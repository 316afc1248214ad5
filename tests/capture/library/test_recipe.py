"""Every way to calibrate makes the same file, byte by byte, of whatever files there are."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from numpy.typing import NDArray

import capture.library
from capture.errors import StoreError
from capture.library.calibrate import fastest
from capture.library.calibrate_numpy import by_numpy
from capture.library.calibrated_file import write_calibrated
from capture.library.recipe import MOST_PIXELS, Recipe, Tally, Way
from capture.store.data_unit import BLOCK, ones_complement_sum, padded
from capture.store.fits_bands import PixelReader
from capture.store.fits_file import Card
from tests.capture.library.conftest import compiled_way

Stored = NDArray[np.generic]
# What arithmetic may stumble over, in the first pixels of every float32 file, each against the others'.
ODD = np.array(
    [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-42, 3e38, -3e38, 0.5, 1.5, 65435.5, -100.5], np.float32
)


def stored(shape: tuple[int, int], kind: str, dtype: type, seed: int) -> Stored:
    """Pixels as such a file has them, with hot, unlit, saturated and odd ones among them."""
    rng = np.random.default_rng(seed)
    level, noise = {"raw": (20000, 9000), "dark": (500, 60), "bias": (480, 5), "flat": (30000, 9000)}[kind]
    pixels = rng.normal(level, noise, shape).astype(np.float32)
    if dtype is np.int16:
        return np.rint(pixels - 32768).clip(-32768, 32767).astype(np.int16)
    if dtype is np.float32:
        few = pixels.ravel()[: len(ODD) ** 2]
        few[:] = np.resize(ODD if seed % 2 else np.repeat(ODD, len(ODD)), few.size)
    return pixels.astype(dtype)


def write(path: Path, pixels: Stored, **cards: float) -> Path:
    """A FITS image with its DATASUM."""
    bits = 8 * pixels.dtype.itemsize * (-1 if pixels.dtype.kind == "f" else 1)
    rows, columns = pixels.shape
    facts = {"SIMPLE": True, "BITPIX": bits, "NAXIS": 2, "NAXIS1": columns, "NAXIS2": rows}
    if pixels.dtype == np.int16:
        facts |= {"BZERO": 32768}
    data = pixels.astype(pixels.dtype.newbyteorder(">")).tobytes()
    data += bytes(padded(len(data)) - len(data))
    total = str(ones_complement_sum(np.frombuffer(data, np.uint8)))
    header = fits.Header([*(facts | cards).items(), ("DATASUM", total)])
    path.write_bytes(header.tostring().encode() + data)
    return path


@contextmanager
def recipe(whole: bool = False, **files: Path) -> Iterator[Recipe]:
    """What to do with these files: raw, dark, bias, flat."""
    with ExitStack() as stack:
        readers = {kind: stack.enter_context(PixelReader(path)) for kind, path in files.items()}
        numbers = [np.float32(number) for number in (40000.3, 700.1, 0.37, 1 / 29876.5)]
        bias, dark, flat = (readers.get(kind) for kind in ("bias", "dark", "flat"))
        yield Recipe(readers["raw"], bias, dark, flat, *numbers, whole)


def made(folder: Path, way: Way, whole: bool, mask: bool, **files: Path) -> tuple[bytes, Tally]:
    """The file that this way makes, which says its tally, and that."""

    def cards(tally: Tally) -> list[Card]:
        said = (tally.hot, tally.unlit, tally.saturated, tally.no_value, tally.least_saturated_adu)
        return [("SAID", " ".join(map(repr, said)).ljust(60), "")]

    out = folder / "made.fits"
    with recipe(whole, **files) as steps:
        tally = write_calibrated(out, steps, way(steps), cards, (), mask)
    content = out.read_bytes()
    out.unlink()
    return content, tally


def equal(folder: Path, whole: bool = False, mask: bool = True, **files: Path) -> Tally:
    """The tally of the files that both ways make, which are equal."""
    expected, tally = made(folder, by_numpy, whole, mask, **files)
    assert made(folder, compiled_way(), whole, mask, **files)[0] == expected
    return tally


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("masters", ["", "dark", "bias", "flat", "dark flat", "bias flat", "dark bias flat"])
@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_both_ways_make_the_same_file_of_any_masters(
    tmp_path: Path, dtype: type, masters: str, whole: bool
) -> None:
    shape = (41, 67)
    files = {"raw": write(tmp_path / "raw", stored(shape, "raw", dtype, 0))}
    for seed, kind in enumerate(masters.split(), 1):
        files[kind] = write(tmp_path / kind, stored(shape, kind, np.float32, seed))
    tally = equal(tmp_path, whole, **files)
    assert tally.saturated > 10
    assert (tally.hot > 10) == ("dark" in masters)
    assert (tally.unlit > 10) == ("flat" in masters)
    assert (tally.no_value > 0) == (masters not in ("", "flat") or dtype is np.float32)


# A whole piece and an odd rest; less than a word; blocks that end within a word.
@pytest.mark.parametrize("shape", [(MOST_PIXELS // 1000 + 1, 1001), (1, 1), (1, 3), (1, 1025), (3, 2049)])
@pytest.mark.parametrize("whole", [False, True])
def test_both_ways_make_the_same_file_of_any_size(
    tmp_path: Path, shape: tuple[int, int], whole: bool
) -> None:
    kinds = {"raw": np.int16, "dark": np.float32, "flat": np.int16}
    files = {
        kind: write(tmp_path / kind, stored(shape, kind, dtype, seed))
        for seed, (kind, dtype) in enumerate(kinds.items())
    }
    equal(tmp_path, whole, mask=shape[1] != 3, **files)


def test_both_ways_scale_what_is_stored_alike(tmp_path: Path) -> None:
    shape = (9, 31)
    files = {
        "raw": write(tmp_path / "raw", stored(shape, "raw", np.int16, 0), BSCALE=0.7, BZERO=30000.1),
        "dark": write(tmp_path / "dark", stored(shape, "dark", np.float32, 1), BSCALE=1.1),
        "flat": write(tmp_path / "flat", stored(shape, "flat", np.float32, 2), BZERO=-3.3),
    }
    equal(tmp_path, **files)


def test_both_ways_give_a_least_saturated_value_of_zero_no_sign(tmp_path: Path) -> None:
    # With the pedestal it is -0.3, which is rounded.
    raw = write(tmp_path / "raw", np.full((2, 9), 50000, np.float32))
    dark = write(tmp_path / "dark", np.full((2, 9), 50100.3, np.float32))
    assert repr(equal(tmp_path, whole=True, raw=raw, dark=dark).least_saturated_adu) == "0.0"


@pytest.mark.parametrize("damaged", ["raw", "dark", "bias", "flat"])
def test_damage_is_seen_in_every_file(tmp_path: Path, damaged: str, way: Way) -> None:
    files = {
        kind: write(tmp_path / kind, stored((5, 1025), kind, np.int16 if kind == "raw" else np.float32, 3))
        for kind in ("raw", "dark", "bias", "flat")
    }
    made(tmp_path, way, False, True, **files)
    content = bytearray(files[damaged].read_bytes())
    content[BLOCK + 5 * 1024] ^= 4
    files[damaged].write_bytes(content)
    with pytest.raises(StoreError, match=f"{damaged} is damaged"):
        made(tmp_path, way, False, True, **files)
    assert not list(tmp_path.glob("*made*"))


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.int32, np.float64])
def test_numpy_computes_what_the_compiled_way_does_not_know_and_all_without_numba(
    tmp_path: Path, dtype: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = importlib.util.find_spec("numba") is not None
    file = write(tmp_path / "raw", stored((3, 4), "raw", dtype, 0))
    with recipe(raw=file) as steps:
        assert (fastest(steps) is not by_numpy) == (installed and dtype in (np.int16, np.float32))
        monkeypatch.setitem(sys.modules, "capture.library.calibrate_compiled", None)
        monkeypatch.delattr(capture.library, "calibrate_compiled", raising=False)
        assert fastest(steps) is by_numpy
