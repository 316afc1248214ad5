"""Masters are built of good frames of one set, keep their provenance, and are never touched again."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from numpy.typing import NDArray

from capture.clock import SimulatedClock
from capture.errors import CombineError, StoreError
from capture.frame import Frame, FrameSpec, Kind, Pixels
from capture.journal import Entry, Journal
from capture.library.masters import build_master, build_masters, check_set
from capture.library.rebuild import adopt_masters, verify
from capture.store.archive import Archive
from capture.store.events import EventKind
from capture.store.rows import FrameRow, MasterRow
from tests.capture.store.frames import BIAS, DARK, FLAT, NIGHT, SITE, START, make_frame, noise

SHAPE = (60, 80)
PATTERN = 500 + 5 * np.sin(np.arange(SHAPE[1]) / 3)[None, :] * np.ones(SHAPE)
_Y, _X = np.mgrid[-1 : 1 : SHAPE[0] * 1j, -1 : 1 : SHAPE[1] * 1j]
ILLUMINATION = 1 - 0.2 * (_X**2 + _Y**2)


@dataclass
class Library:
    archive: Archive
    journal: Journal
    said: list[Entry]

    def save(
        self, spec: FrameSpec, stack: Sequence[Pixels], rig: str = "T1", minutes: int = 0
    ) -> list[FrameRow]:
        return [
            self.archive.save(make_frame(spec, pixels, minutes + n, rig), None, NIGHT)
            for n, pixels in enumerate(stack)
        ]

    def build(self, **options: object) -> list[MasterRow]:
        return build_masters(self.archive, self.journal, **options)  # type: ignore[arg-type]

    def pixels(self, row: MasterRow) -> NDArray[np.float32]:
        return self.opened(row)[1]

    def opened(self, row: MasterRow) -> tuple[fits.Header, NDArray[np.float32]]:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with fits.open(self.archive.path_of(row), checksum=True, memmap=False) as hdus:
                hdus.verify("exception")
                return hdus[0].header.copy(), hdus[0].data.astype(np.float32)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    clock = SimulatedClock(START + timedelta(hours=12))
    archive, journal = Archive(tmp_path, SITE, clock), Journal(clock)
    said: list[Entry] = []
    journal.listen(said.append)
    yield Library(archive, journal, said)
    archive.close()


def biases(count: int = 12, seed: int = 1) -> list[Pixels]:
    rng = np.random.default_rng(seed)
    return [np.rint(PATTERN + rng.normal(0, 4, SHAPE)).astype(np.uint16) for _ in range(count)]


def darks(count: int = 12) -> list[Pixels]:
    rng = np.random.default_rng(2)
    stack = [np.rint(PATTERN + 24 + rng.normal(0, 5, SHAPE)).astype(np.uint16) for _ in range(count)]
    for pixels in stack:
        pixels[7, 9] = 9000  # a hot pixel is in every frame, and in the master
    stack[4][30:33, 40] = 50000  # a cosmic ray is in one
    return stack


def flats(count: int = 12) -> list[Pixels]:
    """Twilight that falls by two thirds, with a star's streak at another place in every frame."""
    rng = np.random.default_rng(3)
    stack = []
    for number in range(count):
        light = 30000 * 0.9**number * ILLUMINATION
        light[5 + 4 * number, 10:40] += 3000
        stack.append(np.rint(PATTERN + rng.normal(light, np.sqrt(light))).astype(np.uint16))
    return stack


def test_a_whole_set_of_masters_is_built_in_the_order_bias_dark_flat(library: Library) -> None:
    library.save(FLAT, flats())
    library.save(DARK, darks())
    library.save(BIAS, biases())
    rows = library.build()
    assert [Path(row.path).name for row in rows] == [
        "MasterBias_G100_O30_BIN1_2026-11-21.fits",
        "MasterDark_120s_G100_O30_-10C_BIN1_2026-11-21.fits",
        "MasterFlat_Ha_G100_O30_BIN1_2026-11-21.fits",
    ]
    assert library.archive.catalogue.masters(rig="T1")[::-1] == rows
    assert [entry.kind for entry in library.said] == ["master"] * 3
    for row in rows:
        assert row.sha256 == hashlib.sha256(library.archive.path_of(row).read_bytes()).hexdigest()


def test_a_master_bias_is_the_pattern_and_its_noise_proves_the_averaging(library: Library) -> None:
    library.save(BIAS, biases(25))
    (row,) = library.build()
    error = library.pixels(row) - PATTERN
    assert abs(error.mean()) < 0.05
    assert row.figures["read_noise_adu"] == pytest.approx(4, rel=0.03)
    assert row.figures["read_noise_e"] == pytest.approx(1, rel=0.03)
    assert error.std() == pytest.approx(row.figures["noise_adu"], rel=0.1)


def test_a_master_dark_keeps_its_bias_and_its_hot_pixel_but_no_cosmic_ray(library: Library) -> None:
    library.save(BIAS, biases())
    library.save(DARK, darks())
    row = library.build()[1]
    header, pixels = library.opened(row)
    assert pixels.mean() == pytest.approx(524, abs=2)
    assert pixels[7, 9] == 9000
    assert np.abs(pixels[30:33, 40] - 524).max() < 15
    assert row.figures["dark_rate_adu_s"] == pytest.approx(24 / 120, rel=0.05)
    assert row.figures["dark_rate_e_s"] == pytest.approx(24 / 120 * 0.25, rel=0.05)
    assert header["BIASSUB"] is False
    assert "keeps its bias" in str(header["HISTORY"])


def test_a_master_flat_is_clean_of_bias_drift_and_stars(library: Library) -> None:
    library.save(BIAS, biases())
    library.save(FLAT, flats())
    row = library.build()[1]
    header, pixels = library.opened(row)
    scale = np.median(pixels / ILLUMINATION)
    residual = pixels / ILLUMINATION / scale - 1
    assert residual.std() < 0.003
    assert np.abs(residual).max() < 0.02
    centre = pixels[15:45, 20:60].mean()
    assert header["FLATMEAN"] == pytest.approx(centre, rel=1e-3)
    assert row.figures["flat_mean_adu"] == pytest.approx(centre, rel=1e-3)
    bias = library.archive.catalogue.masters(spec=BIAS)[0]
    assert (header["BIASSUB"], header["BIASFILE"]) == (True, Path(bias.path).name)
    assert header["BIASSHA"] == bias.sha256


def test_the_header_names_everything_that_the_master_came_from(library: Library) -> None:
    inputs = library.save(DARK, darks())
    (row,) = library.build()
    header, _ = library.opened(row)
    assert (header["IMAGETYP"], header["FRAMETYP"]) == ("Master Dark", "Dark")
    assert (header["NCOMBINE"], header["COMBMETH"], header["CLIPSIG"], header["CLIPITER"]) == (
        12,
        "clip",
        3.0,
        5,
    )
    assert [header[f"IN{n:04d}"] for n in range(1, 13)] == [Path(frame.path).name for frame in inputs]
    assert [header[f"SH{n:04d}"] for n in range(1, 13)] == [frame.sha256 for frame in inputs]
    assert header["REJFRAC"] == pytest.approx(row.figures["rejected_fraction"])
    assert header["REJECTED"] >= 3
    assert header["DATE-OBS"] == "2026-11-22T01:05:30.000"
    assert (header["DATE-BEG"], header["DATE-END"]) == ("2026-11-22T01:00:00.000", "2026-11-22T01:11:00.000")
    assert (header["EXPTIME"], header["SET-TEMP"], header["CCD-TEMP"]) == (120, -10, pytest.approx(-10.02))
    assert (header["SUNALTLO"], header["SUNALTHI"]) == (-25.5, -25.5)
    assert (header["GAIN"], header["OFFSET"], header["TELESCOP"]) == (100, 30, "T1")
    assert row.inputs == tuple(frame.id for frame in inputs)


def test_a_master_is_built_once_and_again_only_of_more_frames(library: Library) -> None:
    library.save(BIAS, biases(6))
    (first,) = library.build()
    before = library.archive.path_of(first).read_bytes()
    assert library.build() == []
    library.save(BIAS, biases(2, seed=9), minutes=30)
    (second,) = library.build()
    assert (second.count, Path(second.path).stem[-2:]) == (8, "v2")
    assert library.archive.path_of(first).read_bytes() == before
    assert library.archive.catalogue.masters() == [second, first]


def test_rejected_old_and_too_few_frames_make_no_master(library: Library) -> None:
    library.save(BIAS, biases(4))
    library.archive.save(make_frame(BIAS, biases(1)[0], 50).judged("too noisy"), None, NIGHT)
    library.save(BIAS, biases(3), minutes=-60 * 24 * 100)
    assert library.build() == []
    assert len(library.build(min_frames=4)) == 1


def test_rigs_and_the_method_can_be_chosen(library: Library) -> None:
    library.save(BIAS, biases(6))
    library.save(BIAS, biases(6, seed=5), rig="T2")
    (row,) = library.build(rigs=["T2"], method="median")
    assert (row.rig, row.method) == ("T2", "median")
    expected = np.median(np.stack(biases(6, seed=5)), axis=0).astype(np.float32)
    assert np.array_equal(library.pixels(row), expected)
    with pytest.raises(CombineError, match="'mode'"):
        library.build(method="mode")


def test_a_flat_without_a_master_bias_is_not_built_and_the_journal_says_why(library: Library) -> None:
    library.save(FLAT, flats(6))
    library.save(replace(BIAS, gain=200), biases(6))
    assert [row.spec.kind for row in library.build()] == ["bias"]
    (refusal,) = (entry.text for entry in library.said if entry.kind == "refused")
    assert refusal.startswith("T1: no master flat Ha: there is no master bias of the same gain, offset,")


def test_a_damaged_frame_stops_its_own_set_only(library: Library) -> None:
    damaged = library.archive.path_of(library.save(BIAS, biases(6))[2])
    content = bytearray(damaged.read_bytes())
    content[-6000] ^= 1
    damaged.write_bytes(content)
    library.save(DARK, darks())
    assert [row.spec.kind for row in library.build()] == ["dark"]
    assert "damaged" in library.said[0].text
    damaged.unlink()
    assert library.build() == []
    assert "cannot be read" in library.said[-1].text


def test_mixed_sets_rejected_frames_and_twice_the_same_are_refused(library: Library) -> None:
    short, long = library.save(replace(DARK, exposure_s=60.0), biases(1)) + library.save(DARK, biases(1))
    with pytest.raises(CombineError, match="two sets"):
        build_master(library.archive, [short, long])
    (other,) = library.save(DARK, biases(1), rig="T2")
    with pytest.raises(CombineError, match="two cameras"):
        check_set([long, other])
    with pytest.raises(CombineError, match="was rejected: a reason"):
        check_set([replace(long, verdict=replace(long.verdict, reasons=("a reason",)))])
    with pytest.raises(CombineError, match="twice"):
        check_set([long, long])
    with pytest.raises(CombineError, match="no frames"):
        check_set([])


def test_a_master_never_becomes_an_input(library: Library) -> None:
    frames = library.save(DARK, darks(6))
    (row,) = library.build()
    with pytest.raises(CombineError, match="masters are never combined again"):
        build_master(library.archive, [*frames[:5], replace(frames[5], path=row.path)])


def test_a_frame_that_is_not_what_the_catalogue_says_is_refused(library: Library) -> None:
    frames = library.save(DARK, darks(5))
    (bias,) = library.save(BIAS, biases(1))
    with pytest.raises(CombineError, match="says bias"):
        build_master(library.archive, [*frames, replace(frames[0], id=99, path=bias.path)])


def test_after_a_change_of_camera_only_the_new_ones_frames_are_combined(library: Library) -> None:
    library.save(BIAS, biases(6))

    def of_new_camera(frame: Frame) -> Frame:
        return replace(frame, facts=replace(frame.facts, camera="A new one"))

    for n, pixels in enumerate(biases(5)):
        library.archive.save(of_new_camera(make_frame(BIAS, pixels, 100 + n)), None, NIGHT)
    (row,) = library.build()
    assert (row.count, row.camera) == (5, "A new one")


def test_a_disk_that_fails_leaves_neither_master_nor_row(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.save(BIAS, biases(6))

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", fail)
        with pytest.raises(StoreError, match=r"MasterBias.* could not be written: No space"):
            library.build()
    assert library.archive.catalogue.masters() == []
    assert list(library.archive.root.rglob("Master*")) == []
    assert len(library.build()) == 1


def test_frames_from_before_an_event_go_into_no_master_and_a_bias_from_before_serves_no_flat(
    library: Library,
) -> None:
    told = library.archive.catalogue.told
    library.save(BIAS, biases(6))
    flat = [noise(n, SHAPE, 20000, 100) for n in range(6)]
    library.save(FLAT, flat, minutes=20)
    at = START + timedelta(minutes=23)
    told.add_event("T1", EventKind.FILTER_CLEANED, FLAT.filter, at, at, "ann", "")
    assert [str(row.spec) for row in library.build()] == ["bias"]
    library.save(FLAT, flat, minutes=40)
    (master,) = library.build()
    assert (str(master.spec), master.count, master.oldest_input) == ("flat Ha", 9, at)
    later = START + timedelta(minutes=60)
    told.add_event("T1", EventKind.CAMERA_REPLACED, None, later, later, "ann", "")
    library.save(FLAT, flat, minutes=80)
    assert library.build() == []
    assert "there is no master bias" in library.said[-1].text


def test_a_better_master_says_what_it_supersedes_in_its_header_and_the_journal(library: Library) -> None:
    library.save(BIAS, biases(6))
    (first,) = library.build()
    assert "SUPERSED" not in library.opened(first)[0]
    library.save(BIAS, biases(2, seed=9), minutes=30)
    (second,) = library.build()
    header, _ = library.opened(second)
    assert (header["SUPERSED"], header["SUPERSHA"]) == (Path(first.path).name, first.sha256)
    told = f"supersedes {Path(first.path).name}: 2 of its frames are new"
    assert told in " ".join(header["HISTORY"])
    assert told in next(entry.text for entry in library.said[::-1] if entry.kind == "master")


def test_frames_set_aside_since_cost_the_master_its_place_and_the_rest_makes_another(
    library: Library,
) -> None:
    frames = library.save(BIAS, biases(9))
    (first,) = library.build()
    library.archive.catalogue.quarantine.set_aside(
        "T1", (Kind.BIAS,), frames[7].taken, START + timedelta(hours=1), "ann", "stray light"
    )
    (second,) = library.build()
    assert set(first.inputs) - set(second.inputs) == {frames[7].id, frames[8].id}
    assert "2 of the master before are no longer used" in " ".join(library.opened(second)[0]["HISTORY"])
    assert library.build() == []


def test_a_master_that_somebody_took_back_is_not_made_again_of_the_same_frames(library: Library) -> None:
    library.save(BIAS, biases(6))
    (first,) = library.build()
    library.archive.catalogue.withdrawals.withdraw(first.id, START + timedelta(hours=1), "ann", "a lamp")
    assert library.build() == []
    library.save(BIAS, biases(1))
    assert len(library.build()) == 1


def kill_the_maker(library: Library, monkeypatch: pytest.MonkeyPatch, *, maps: bool = False) -> None:
    """Build a master, and die when its file is there: before its row, or with `maps` before its map."""

    class Killed(BaseException):
        pass

    def kill(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        if maps:
            patch.setattr("capture.library.masters.rejection_map_cards", kill)
        else:
            patch.setattr(library.archive.catalogue, "add_master", kill)
        with pytest.raises(Killed):
            library.build(rejection_maps=maps)
    assert library.archive.catalogue.masters() == []


@pytest.mark.parametrize("maps", [False, True])
def test_a_master_killed_before_its_row_gets_it_and_is_not_built_again(
    library: Library, monkeypatch: pytest.MonkeyPatch, maps: bool
) -> None:
    library.save(DARK, darks(6))
    kill_the_maker(library, monkeypatch, maps=maps)
    assert library.build(rejection_maps=maps) == []
    (row,) = library.archive.catalogue.masters()
    assert (row.count, len(row.inputs), row.method) == (6, 6, "clip")
    assert [file.name for file in library.archive.root.rglob("Master*")] == [Path(row.path).name]
    assert [entry.kind for entry in library.said] == ["adopted"]


def test_a_master_killed_before_its_row_is_withdrawn_with_frames_set_aside_since_and_comes_back_with_them(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.save(DARK, darks(6))
    kill_the_maker(library, monkeypatch)
    catalogue, later = library.archive.catalogue, START + timedelta(hours=9)
    aside = catalogue.quarantine.set_aside("T1", (Kind.DARK,), START, later, "ann", "a lamp")
    (file,) = adopt_masters(library.archive)
    assert catalogue.masters(valid=True) == []
    back = catalogue.quarantine.release(aside, later, "ann", "it was off")
    assert [library.archive.root / path for path in back.masters] == [file]
    assert library.build() == [], "it is the master of these frames"


def test_a_rejection_map_beside_the_master_counts_what_was_left_out_and_is_no_master(
    library: Library,
) -> None:
    library.save(DARK, darks(12))
    (row,) = library.build(rejection_maps=True)
    master = library.archive.path_of(row)
    with fits.open(master.with_name(f"{master.stem}_rejected.fits"), checksum=True, memmap=False) as hdus:
        counts, header = hdus[0].data, hdus[0].header
    assert counts[31, 40] == 1, "the cosmic ray"
    assert counts[7, 9] == 0, "the hot pixel"
    assert int(counts.sum(dtype=np.int64)) == library.opened(row)[0]["REJECTED"] == header["REJECTED"]
    assert (header["MASTER"], header["MASTSHA"]) == (master.name, row.sha256)
    assert adopt_masters(library.archive) == []
    assert verify(library.archive, lambda *_: None).faults == []
    assert library.build(rejection_maps=True) == []
