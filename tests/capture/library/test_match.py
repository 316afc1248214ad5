"""A light finds the masters that calibrate it, or is told what is missing and how to get it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from capture.config import Config
from capture.errors import BadInput
from capture.frame import Kind
from capture.journal import Journal
from capture.library.light import read_light
from capture.library.masters import build_master, build_masters
from capture.library.masters_for import masters_for, rig_of
from capture.library.match import Match
from capture.store.archive import Archive
from capture.store.events import EventKind
from tests.capture.library.lights import (
    ILLUMINATION,
    SHAPE,
    T2,
    configured,
    dark_level,
    dark_of,
    fill,
    opened,
    save,
    write_light,
)
from tests.capture.store.frames import FLAT, START


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return configured(tmp_path)


@pytest.fixture
def archive(config: Config) -> Iterator[Archive]:
    archive = opened(config)
    fill(archive)
    yield archive
    archive.close()


def matched(
    archive: Archive, config: Config, folder: Path, policy: dict[str, object] | None = None, **cards: object
) -> Match:
    light = read_light(write_light(folder / "light.fits", **cards))  # type: ignore[arg-type]
    chosen = config.calibration.model_copy(update=policy or {})
    return masters_for(archive.catalogue, light, "T1", chosen)


def names(found: Match) -> list[str]:
    return [one.name.split("_")[0] for one in found.masters]


MAXIM = {
    "GAIN": None, "OFFSET": None, "READOUTM": "Normal", "IMAGETYP": "Light Frame",
    "SWCREATE": "MaxIm DL Version 6.20", "EXPOSURE": 120.0, "EGAIN": 0.25, "TELESCOP": "",
}  # fmt: skip
NINA = {
    "IMAGETYP": "LIGHT",
    "EXPOSURE": 120.0,
    "SWCREATE": "N.I.N.A. 3.1",
    "TELESCOP": "FSQ106",
    "READOUTM": "Normal",
}
ACP = MAXIM | {"DATE_OBS": "2026-11-22", "TIME_OBS": "07:00:00", "OBJECT": "M 42", "OBSERVER": "jdoe"}
SHARPCAP = {
    "IMAGETYP": None, "OFFSET": None, "BLKLEVEL": 30, "READOUTM": None, "SWCREATE": "SharpCap v4.1",
    "DATE_OBS": "2026-11-22T07:00:00.1234567", "CCD_TEMP": -9.8, "SET_TEMP": None,
}  # fmt: skip


@pytest.mark.parametrize("cards", [MAXIM, NINA, ACP, SHARPCAP], ids=["MaxIm", "NINA", "ACP", "SharpCap"])
def test_a_light_of_any_program_finds_its_dark_and_its_flat(
    archive: Archive, config: Config, tmp_path: Path, cards: dict[str, object]
) -> None:
    found = matched(archive, config, tmp_path, **cards)
    assert (names(found), found.complete, found.lacking) == (["MasterDark", "MasterFlat"], True, ())
    light = read_light(tmp_path / "light.fits")
    assert rig_of(archive.catalogue, config, light) == "T1"


@pytest.mark.parametrize(
    ("cards", "kind", "reason"),
    [
        ({"EXPTIME": 300.0}, "dark", "it is of 120 s, not 300 s"),
        ({"CCD_TEMP": -5.0}, "dark", "it is of -10 degC, not -5 degC"),
        ({"FILTER": "L"}, "flat", "its filter is Ha, not L"),
        ({"GAIN": 0}, "dark", "its gain is 100, not 0"),
        ({"OFFSET": 10}, "flat", "its offset is 30, not 10"),
        ({"READOUTM": "Fast"}, "dark", "its readout mode is Normal, not Fast"),
        ({"XBINNING": 2, "YBINNING": 2}, "dark", "its binning is 1, not 2"),
        ({"DATE_OBS": "2027-03-01T00:00:00"}, "dark", "days from the light, and 30 are allowed"),
        ({"XORGSUBF": 0}, "flat", "its part of the sensor begins at (4, 8), not (0, 8)"),
    ],
)
def test_what_does_not_fit_is_lacking_with_the_reason(
    archive: Archive, config: Config, tmp_path: Path, cards: dict[str, object], kind: str, reason: str
) -> None:
    found = matched(archive, config, tmp_path, **cards)
    lacking = {one.spec.kind.value: one for one in found.lacking}
    assert not found.complete
    assert reason in lacking[kind].reason
    assert "T1" in lacking[kind].remedy
    assert ("members may ask for it" in lacking[kind].remedy) == (kind != "flat")


def test_a_smaller_part_of_the_sensor_is_refused(archive: Archive, config: Config, tmp_path: Path) -> None:
    light = read_light(write_light(tmp_path / "part.fits", np.zeros((30, 80), np.uint16)))
    found = masters_for(archive.catalogue, light, "T1", config.calibration)
    assert "it has 80 x 60 pixels, not 80 x 30" in found.reason


def test_the_master_nearest_in_time_is_chosen(archive: Archive, config: Config, tmp_path: Path) -> None:
    def at(days: float) -> str:
        return (START + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S")

    (first,) = archive.catalogue.masters(spec=dark_of(120.0))
    save(archive, dark_of(120.0), dark_level(), minutes=10 * 1440)
    frames = archive.catalogue.frames(kind=Kind.DARK)[6:]
    second = build_master(archive, frames)
    for number, (days, nearest) in enumerate([(1, first), (4, first), (6, second), (30, second)]):
        found = matched(archive, config, tmp_path / str(number), DATE_OBS=at(days))
        dark = found.of(Kind.DARK)
        assert dark is not None
        assert dark.master.id == nearest.id, days
    older = matched(archive, config, tmp_path / "older", {"only_older": True}, DATE_OBS=at(6))
    dark = older.of(Kind.DARK)
    assert dark is not None
    assert dark.master.id == first.id


def test_a_flat_from_before_a_change_is_no_flat_any_more(
    archive: Archive, config: Config, tmp_path: Path
) -> None:
    when = START + timedelta(hours=5)
    archive.catalogue.told.add_event("T1", EventKind.FILTER_CLEANED, "Ha", when, when, "somebody", "")
    found = matched(archive, config, tmp_path)
    assert names(found) == ["MasterDark"]
    assert "filter cleaned on 2026-11-22 lies between" in found.reason
    # A light from before it still has the flat of its time.
    before = matched(archive, config, tmp_path / "before", DATE_OBS="2026-11-22T03:00:00")
    assert names(before) == ["MasterDark", "MasterFlat"]


def test_masters_of_frames_that_were_set_aside_drop_out(
    archive: Archive, config: Config, tmp_path: Path
) -> None:
    archive.catalogue.quarantine.set_aside("T1", [Kind.DARK], START, START, "somebody", "stray light")
    found = matched(archive, config, tmp_path)
    assert names(found) == ["MasterFlat"]
    assert "it was withdrawn on 2026-11-22 (stray light)" in found.reason


def test_the_rotator_s_position_counts_the_short_way_round(config: Config, tmp_path: Path) -> None:
    archive = opened(config)
    fill(archive, kinds="bias dark")
    save(archive, replace(FLAT, rotator_deg=359.5), 30000 * ILLUMINATION, 30)
    build_masters(archive, Journal(archive.clock))
    assert matched(archive, config, tmp_path / "a", ROTATANG=0.2).complete
    turned = matched(archive, config, tmp_path / "b", ROTATANG=2.5)
    assert "the rotator is turned by 3.0 deg" in turned.reason
    archive.close()


def test_a_dark_is_scaled_only_down_and_only_where_the_policy_says_so(
    archive: Archive, config: Config, tmp_path: Path
) -> None:
    scaling = {"scale_darks": True}
    assert not matched(archive, config, tmp_path / "a", EXPTIME=60.0).complete
    found = matched(archive, config, tmp_path / "b", scaling, EXPTIME=60.0)
    assert names(found) == ["MasterBias", "MasterDark", "MasterFlat"]
    assert found.masters[1].scale == pytest.approx(0.5)
    assert "scaled by 0.5" in found.notes[0]
    assert not matched(archive, config, tmp_path / "c", scaling, EXPTIME=300.0).complete
    exact = matched(archive, config, tmp_path / "d", scaling)
    assert names(exact) == ["MasterDark", "MasterFlat"]


def test_the_bias_alone_is_subtracted_where_the_policy_says_so(
    archive: Archive, config: Config, tmp_path: Path
) -> None:
    found = matched(archive, config, tmp_path, {"bias_only": True}, EXPTIME=300.0)
    assert names(found) == ["MasterBias", "MasterFlat"]
    assert found.complete


def test_a_setting_that_the_header_leaves_out_is_refused_where_masters_differ_in_it(
    archive: Archive, config: Config, tmp_path: Path
) -> None:
    save(archive, replace(dark_of(120.0), gain=0), dark_level(), 50)
    build_masters(archive, Journal(archive.clock))
    found = matched(archive, config, tmp_path, GAIN=None)
    assert names(found) == ["MasterFlat"]
    assert "the header says no gain, and there are masters of 0 and 100" in found.reason


@pytest.mark.parametrize(
    ("cards", "reason"),
    [
        ({"IMAGETYP": "Dark Frame"}, "is no light"),
        ({"XBINNING": -2, "YBINNING": -2}, "a binning of -2"),
        ({"XBINNING": 1e30, "YBINNING": 1e30}, "a binning of 1e[+]30"),
        ({"IMAGETYP": "Master Light"}, "is a master or a stack"),
        ({"CALSTAT": "BDF"}, "is calibrated already"),
        ({"EXPTIME": None}, "says no exposure"),
        ({"DATE_OBS": "yesterday"}, "is no date and time"),
        ({"YBINNING": 2}, "it is binned 1 x 2"),
    ],
)
def test_what_is_no_light_is_refused_in_one_sentence(
    tmp_path: Path, cards: dict[str, object], reason: str
) -> None:
    with pytest.raises(BadInput, match=reason):
        read_light(write_light(tmp_path / "x.fits", **cards))  # type: ignore[arg-type]


def test_a_file_cut_off_or_missing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cut.fits").write_bytes(write_light(tmp_path / "x.fits").read_bytes()[:1000])
    for name in ("cut.fits", "missing.fits"):
        with pytest.raises(BadInput, match=name):
            read_light(tmp_path / name)


def test_a_light_of_one_of_several_rigs_must_name_it(tmp_path: Path) -> None:
    config = configured(tmp_path, T2)
    archive = opened(config)
    fill(archive)
    foreign = read_light(write_light(tmp_path / "x.fits", TELESCOP="FSQ106", INSTRUME="ZWO"))
    with pytest.raises(BadInput, match="--rig, one of T1, T2"):
        rig_of(archive.catalogue, config, foreign)
    assert rig_of(archive.catalogue, config, foreign, "T2") == "T2"
    archive.close()


def test_the_size_of_the_library_is_no_matter_for_what_is_read(
    archive: Archive, config: Config, tmp_path: Path
) -> None:
    light = read_light(write_light(tmp_path / "x.fits"))
    assert light.shape == SHAPE
    candidates = archive.catalogue.candidates
    (dark,) = candidates.of("T1", Kind.DARK, {"gain": 100}, (119.0, 121.0))
    assert (dark.shape, dark.origin_px) == (SHAPE, (4, 8))
    assert candidates.of("T1", Kind.DARK, {"gain": 100}, (299.0, 301.0)) == []
    assert candidates.of("T1", Kind.FLAT, {"filter": "ha"}) != []
