"""A small library with masters of one rig, and lights of several programs that want them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from capture.clock import SimulatedClock
from capture.config import Config, parse_config
from capture.frame import FrameSpec, Pixels
from capture.journal import Journal
from capture.library.masters import build_masters
from capture.store.archive import Archive
from tests.capture.store.frames import BIAS, DARK, FLAT, NIGHT, SITE, START, make_frame

SHAPE = (60, 80)
SATURATION_ADU = 60000.0
Y, X = np.mgrid[-1 : 1 : SHAPE[0] * 1j, -1 : 1 : SHAPE[1] * 1j]
PATTERN: NDArray[np.float64] = 500 + 5 * np.sin(np.arange(SHAPE[1]) / 3)[None, :] * np.ones(SHAPE)
ILLUMINATION: NDArray[np.float64] = 1 - 0.2 * (X**2 + Y**2)
# A corner that no light reaches, and a hot pixel.
ILLUMINATION[:3, :4] = 0.1
HOT = (7, 9)
DARK_ADU = 24.0

CONFIG = """
site = {name = "Mayhill", latitude_deg = 32.9, longitude_deg = -105.5, elevation_m = 2225, time_zone = "UTC"}
storage = {folder = "archive"}
[[rig]]
name = "T1"
camera = "127.0.0.1:1/0"
"""
T2 = """
[[rig]]
name = "T2"
camera = "127.0.0.1:1/1"
"""


def configured(folder: Path, more: str = "") -> Config:
    """The config, written to `folder` and read."""
    file = folder / "nightcal.toml"
    file.write_text(CONFIG + more)
    return parse_config(file.read_text(), file)


def opened(config: Config, hours: float = 12.0) -> Archive:
    """The archive that the config names, on a clock that stands so long after the first frame."""
    return Archive(config.storage.folder, SITE, SimulatedClock(START + timedelta(hours=hours)))


def frames_of(spec: FrameSpec, level_adu: NDArray[np.float64], seed: int, count: int = 6) -> list[Pixels]:
    """Frames of PATTERN and that level, with 2 ADU of noise."""
    rng = np.random.default_rng(seed)
    return [np.rint(PATTERN + level_adu + rng.normal(0, 2, SHAPE)).astype(np.uint16) for _ in range(count)]


def dark_level() -> NDArray[np.float64]:
    """What a dark of 120 s has above the bias."""
    level = np.full(SHAPE, DARK_ADU)
    level[HOT] = 9000
    return level


def save(archive: Archive, spec: FrameSpec, level_adu: NDArray[np.float64], minutes: float = 0.0) -> None:
    """Take a set."""
    for number, pixels in enumerate(frames_of(spec, level_adu, seed=round(spec.exposure_s) + 7)):
        archive.save(make_frame(spec, pixels, minutes + number), None, NIGHT)


def fill(archive: Archive, *, kinds: str = "bias dark flat") -> None:
    """Masters of bias, darks of 120 s, and flats in Ha."""
    if "bias" in kinds:
        save(archive, BIAS, np.zeros(SHAPE))
    if "dark" in kinds:
        save(archive, DARK, dark_level(), 10)
    if "flat" in kinds:
        save(archive, FLAT, 30000 * ILLUMINATION, 30)
    build_masters(archive, Journal(archive.clock))


CARDS: dict[str, str | int | float] = {
    "IMAGETYP": "Light Frame",
    "EXPTIME": 120.0,
    "FILTER": "Ha",
    "XBINNING": 1,
    "YBINNING": 1,
    "GAIN": 100,
    "OFFSET": 30,
    "READOUTM": "Normal",
    "SET-TEMP": -10.0,
    "CCD-TEMP": -10.1,
    "INSTRUME": "Camera of T1",
    "TELESCOP": "T1",
    "XORGSUBF": 4,
    "YORGSUBF": 8,
    "DATE-OBS": (START + timedelta(hours=6)).strftime("%Y-%m-%dT%H:%M:%S.000"),
    "SATURATE": SATURATION_ADU,
}


def sky(seed: int = 5, level_adu: float = 3000.0) -> Pixels:
    """An even sky as the telescope renders it, with two saturated pixels."""
    rng = np.random.default_rng(seed)
    light = PATTERN + dark_level() + level_adu * ILLUMINATION + rng.normal(0, 2, SHAPE)
    light[20, 30:32] = 65000
    return np.clip(np.rint(light), 0, 65535).astype(np.uint16)


def write_light(
    path: Path, pixels: NDArray[np.generic] | None = None, **cards: str | int | float | None
) -> Path:
    """A light as another program writes it; a card of None is left out. `_` in names stands for `-`."""
    header = fits.Header()
    changed = {name.replace("_", "-"): value for name, value in cards.items()}
    for name, value in (CARDS | changed).items():
        if value is not None:
            header[name] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.PrimaryHDU(sky() if pixels is None else pixels, header).writeto(path)
    return path


def dark_of(exposure_s: float) -> FrameSpec:
    """A dark like DARK, of another exposure."""
    return replace(DARK, exposure_s=exposure_s)
