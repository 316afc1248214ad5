"""Pictures of frames and masters, stretched between percentiles; thumbnails as PNG in a data address."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from capture.errors import StoreError
from capture.store import fits_file

LONGEST_PX = 160
_DARKEST_PERCENT, _BRIGHTEST_PERCENT = 1.0, 99.0


@dataclass(frozen=True)
class Picture:
    """A PNG, or why there is none; `black_adu` and `white_adu` are the ends of its grey scale."""

    png: bytes = b""
    width_px: int = 0
    height_px: int = 0
    black_adu: float = 0.0
    white_adu: float = 0.0
    fault: str = ""


@dataclass(frozen=True)
class Thumbnail:
    """A picture, or why there is none; `black_adu` and `white_adu` are the ends of its grey scale."""

    address: str = ""
    width_px: int = 0
    height_px: int = 0
    black_adu: float = 0.0
    white_adu: float = 0.0
    fault: str = ""


def thumbnail(path: Path) -> Thumbnail:
    """The picture of the master at `path`, row 0 on top; a damaged or missing file gives its fault."""
    made = picture(path, LONGEST_PX)
    if made.fault:
        return Thumbnail(fault=made.fault)
    address = "data:image/png;base64," + base64.b64encode(made.png).decode("ascii")
    return Thumbnail(address, made.width_px, made.height_px, made.black_adu, made.white_adu)


def picture(path: Path, longest_px: int) -> Picture:
    """The file at `path`, row 0 on top, at most so many pixels a side; a damaged one: its fault."""
    try:
        _, pixels = fits_file.read(path)
    except StoreError as error:
        return Picture(fault=str(error))
    if pixels.ndim != 2 or not np.isfinite(pixels).any():
        return Picture(fault=f"{path.name} holds no picture")
    values = pixels.astype(np.float32)
    values[~np.isfinite(values)] = np.nanmedian(values[np.isfinite(values)])
    shrink = min(1.0, longest_px / max(values.shape))
    size = (max(1, round(values.shape[1] * shrink)), max(1, round(values.shape[0] * shrink)))
    # Averaged first and stretched afterwards: what is left is the pattern, not the noise.
    small = np.asarray(Image.fromarray(values).resize(size, Image.Resampling.BOX), np.float32)
    black, white = (float(v) for v in np.percentile(small, (_DARKEST_PERCENT, _BRIGHTEST_PERCENT)))
    stretched = (small - black) / (white - black) if white > black else np.full_like(small, 0.5)
    grey = Image.fromarray((np.clip(stretched, 0, 1) * 255).round().astype(np.uint8))
    file = io.BytesIO()
    grey.save(file, "PNG", optimize=True)
    return Picture(file.getvalue(), *size, black, white)
