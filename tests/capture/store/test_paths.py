"""Names sort, tell what is inside, and are safe on any system."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from capture.store import paths
from tests.capture.store.frames import BIAS, DARK, FLAT, NIGHT


def test_raw_frames_lie_in_folders_of_night_rig_and_kind() -> None:
    folder = paths.raw_folder(Path("root"), NIGHT, "T1", DARK.kind)
    assert folder == Path("root/raw/2026-11-21/T1/dark")
    assert paths.raw_file(folder, paths.raw_stem("T1", DARK), 7).name == "T1_dark_120s_-10C_0007.fits"
    assert paths.raw_stem("T1", FLAT) == "T1_flat_Ha"
    assert paths.raw_stem("T1", replace(BIAS, binning=2)) == "T1_bias_BIN2"
    assert paths.raw_stem("T 1/2", replace(FLAT, filter="../H\u03b1 3nm!")) == "T-1-2_flat_-Halpha-3nm"


def test_masters_tell_their_set_and_night() -> None:
    folder = Path("root/masters/T1")
    dark = paths.master_file(Path("root"), "T1", DARK, NIGHT)
    assert dark == folder / "MasterDark_120s_G100_O30_-10C_BIN1_2026-11-21.fits"
    flat = replace(FLAT, readout_mode="High gain", rotator_deg=90.0, gain=None).set_key()
    assert paths.master_file(Path("root"), "T1", flat, NIGHT, 2) == (
        folder / "MasterFlat_Ha_O30_BIN1_High-gain_PA90_2026-11-21_v2.fits"
    )
    assert paths.master_file(Path("root"), "T1", replace(BIAS, set_temperature_c=None), NIGHT) == (
        folder / "MasterBias_G100_O30_BIN1_2026-11-21.fits"
    )


def test_numbers_go_on_from_every_trace_of_an_earlier_file(tmp_path: Path) -> None:
    assert paths.last_number(tmp_path / "nowhere", "T1_bias") == 0
    for name in ("T1_bias_0002.fits", "T1_bias_BIN2_0100.fits", "XT1_bias_0050.fits", "T1_bias_0009.txt"):
        (tmp_path / name).touch()
    assert paths.last_number(tmp_path, "T1_bias") == 2
    (tmp_path / ".T1_bias_0003.fits.part").touch()
    assert paths.last_number(tmp_path, "T1_bias") == 3
    (tmp_path / "T1_bias_0012.fits.damaged").touch()
    assert paths.last_number(tmp_path, "T1_bias") == 12


@pytest.mark.parametrize(
    ("text", "name"), [("..", "unnamed"), ("/etc/passwd", "-etc-passwd"), ("g'", "g"), ("-10C", "-10C")]
)
def test_no_name_escapes_its_folder(text: str, name: str) -> None:
    assert paths.safe_name(text) == name
