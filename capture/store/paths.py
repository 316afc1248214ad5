"""Where files go: names that sort, tell what is inside, and are never used twice."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

from capture.frame import FrameSpec, Kind
from capture.store.fits_file import TEMPORARY
from capture.store.headers import ascii_text

RAW = "raw"
MASTERS = "masters"
DAMAGED = ".damaged"
REJECTED = "_rejected"
_PLAIN_MODES = ("", "normal", "default", "0")


def raw_folder(root: Path, night: date, rig: str, kind: Kind) -> Path:
    """`<root>/raw/<night>/<rig>/<kind>`."""
    return root / RAW / night.isoformat() / safe_name(rig) / kind.value


def raw_stem(rig: str, spec: FrameSpec) -> str:
    """A frame's name without its number: `T1_flat_Ha`, `T1_dark_120s_-10C`, `T1_bias_BIN2`."""
    words = [rig, spec.kind.value]
    if spec.kind in (Kind.FLAT, Kind.LIGHT) and spec.filter:
        words.append(spec.filter)
    if spec.kind in (Kind.DARK, Kind.LIGHT):
        words.append(f"{spec.exposure_s:g}s")
    if spec.kind is Kind.DARK and spec.set_temperature_c is not None:
        words.append(f"{spec.set_temperature_c:g}C")
    if spec.binning != 1:
        words.append(f"BIN{spec.binning}")
    return "_".join(safe_name(word) for word in words)


def last_number(folder: Path, stem: str) -> int:
    """The highest number that a file of this stem ever had here, finished or not; 0 when there is none."""
    if not folder.is_dir():
        return 0
    suffixes = f"({re.escape(TEMPORARY)}|{re.escape(DAMAGED)})?"
    pattern = re.compile(rf"\.?{re.escape(stem)}_(\d+)\.fits{suffixes}")
    matches = (pattern.fullmatch(path.name) for path in folder.iterdir())
    return max((int(match[1]) for match in matches if match), default=0)


def raw_file(folder: Path, stem: str, number: int) -> Path:
    """`<folder>/<stem>_0007.fits`."""
    return folder / f"{stem}_{number:04d}.fits"


def master_file(root: Path, rig: str, spec: FrameSpec, night: date, version: int = 1) -> Path:
    """`<root>/masters/<rig>/MasterDark_120s_G100_O30_-10C_BIN1_2026-11-21.fits`; `_v2` from version 2 on.

    Gain and offset are named when the camera has them, a readout mode when it is no plain one.
    """
    words = [f"Master{spec.kind.value.capitalize()}"]
    if spec.kind is Kind.FLAT and spec.filter:
        words.append(spec.filter)
    if spec.kind is Kind.DARK:
        words.append(f"{spec.exposure_s:g}s")
    if spec.gain is not None:
        words.append(f"G{spec.gain}")
    if spec.offset is not None:
        words.append(f"O{spec.offset}")
    if spec.set_temperature_c is not None:
        words.append(f"{spec.set_temperature_c:g}C")
    words.append(f"BIN{spec.binning}")
    if spec.readout_mode is not None and spec.readout_mode.lower() not in _PLAIN_MODES:
        words.append(spec.readout_mode)
    if spec.rotator_deg is not None:
        words.append(f"PA{spec.rotator_deg:g}")
    words.append(night.isoformat())
    if version > 1:
        words.append(f"v{version}")
    return root / MASTERS / safe_name(rig) / ("_".join(safe_name(word) for word in words) + ".fits")


def rejection_map_file(master: Path) -> Path:
    """Beside a master, how many frames were rejected in each of its pixels."""
    return master.with_name(f"{master.stem}{REJECTED}.fits")


def is_rejection_map(file: Path) -> bool:
    """Whether a file is named as one."""
    return file.stem.endswith(REJECTED)


def safe_name(text: str) -> str:
    """`text` as a part of a file name on any system: no separators, no spaces, never empty."""
    name = re.sub(r"[^A-Za-z0-9.+-]+", "-", ascii_text(text)).lstrip(".").rstrip(".-")
    return name or "unnamed"
