"""Calibration frames of other programs: what their headers say, in each program's words, and their pixels.

Keywords as MaxIm DL, ACP, NINA, SharpCap, KStars, CCDciel and Siril write them. Nothing is assumed that a
file does not tell: what cannot be trusted is refused with the reason.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from capture.errors import NightcalError
from capture.frame import FrameSpec, Kind, Pixels
from capture.library.cards import Cards, number, setting, start_of, started, text, time_of
from capture.store import fits_file
from capture.store.data_unit import padded

SUFFIXES = (".fit", ".fits", ".fts", ".fz", ".gz")
# No sensor is longer: what claims more is damaged, or meant to exhaust the memory.
_LONGEST_AXIS = 40_000
_MOST_PIXELS = 400_000_000
_LONGEST_EXPOSURE_S = 86_400.0
_FULL_SCALE_ADU = 65_535.0
_WORDS = (
    (r"bias|offset|zero", Kind.BIAS),
    (r"flat[ _-]*dark|dark[ _-]*flat", Kind.DARK),
    (r"dark", Kind.DARK),
    (r"flat", Kind.FLAT),
    (r"light|object|science|tricolou?r", Kind.LIGHT),
)


class Refused(NightcalError):
    """Raised when a file is not taken in, with the reason."""


@dataclass(frozen=True)
class Foreign:
    """What a header tells. `spec` is the frame's, a master's too; `size_px` is (rows, columns) as stored.

    `combined` is how many frames are in a master, 0 when it does not tell; `upside_down`: its first row is
    the sensor's last.
    """

    path: Path
    program: str
    spec: FrameSpec
    is_master: bool
    combined: int
    taken: datetime
    exposure_s: float
    camera: str
    size_px: tuple[int, int]
    origin_px: tuple[int, int]
    ccd_temperature_c: float | None
    pixel_size_um: tuple[float, float] | None
    electrons_per_adu: float | None
    saturation_adu: float
    bayer_pattern: str | None
    bayer_offset_px: tuple[int, int]
    upside_down: bool
    packed: bool

    @property
    def unbinned_px(self) -> tuple[int, int]:
        """Rows and columns of the sensor's pixels that it covers."""
        return self.size_px[0] * self.spec.binning, self.size_px[1] * self.spec.binning


def look(path: Path) -> Foreign:
    """Read a file's header, and no pixels. Raises Refused."""
    cards, packed = _cards(path)
    try:
        return _foreign(path, cards, packed=packed)
    except ValueError as error:
        raise Refused(str(error)) from error


def _foreign(path: Path, cards: Cards, *, packed: bool) -> Foreign:
    """Raises Refused, and ValueError for cards that make no sense."""
    if cards.get("SWCREATE", "").startswith("nightcal"):
        raise Refused("it is nightcal's own: copy it into the archive's raw folder and run library rebuild")
    said = text(cards, "IMAGETYP", "FRAMETYP", "FRAME", "OBSTYPE")
    program = text(cards, "SWCREATE", "PROGRAM", "CREATOR", "SOFTWARE") or "unknown"
    combined = int(number(cards, "NCOMBINE", "STACKCNT", "NIMAGES") or 0)
    is_master = "master" in said.lower() or combined > 1 or int(cards["BITPIX"]) < 0
    kind = _kind(path, said, is_master=is_master)
    _check_calibration(cards, kind, is_master=is_master)
    exposure_s = number(cards, "EXPTIME", "EXPOSURE")
    if exposure_s is None and kind is not Kind.BIAS:
        raise Refused("its header says no exposure (EXPTIME)")
    exposure_s = exposure_s or 0.0
    if not 0 <= exposure_s <= _LONGEST_EXPOSURE_S:
        raise Refused(f"its exposure of {exposure_s:g} s cannot be")
    gain = number(cards, "GAIN")
    # CCD programs write electrons per ADU there, mostly a broken number.
    gain_setting = setting(gain)
    binning = _binning(cards)
    width_um, height_um = number(cards, "XPIXSZ"), number(cards, "YPIXSZ")
    return Foreign(
        path=path,
        program=program,
        spec=FrameSpec(
            kind,
            0.0 if kind is Kind.BIAS else exposure_s,
            (text(cards, "FILTER") or None) if kind is Kind.FLAT else None,
            binning,
            gain_setting,
            setting(number(cards, "OFFSET", "BLKLEVEL")),
            text(cards, "READOUTM", "READMODE") or None,
            number(cards, "SET-TEMP", "SETTEMP"),
        ),
        is_master=is_master,
        combined=combined,
        taken=_taken(cards, is_master=is_master),
        exposure_s=exposure_s,
        camera=text(cards, "INSTRUME") or "unknown",
        size_px=(int(cards["NAXIS2"]), int(cards["NAXIS1"])),
        origin_px=(
            int(number(cards, "XORGSUBF") or 0),
            int(number(cards, "YORGSUBF") or 0),
        ),
        ccd_temperature_c=number(cards, "CCD-TEMP", "CCDTEMP", "DET-TEMP"),
        pixel_size_um=None if not width_um or not height_um else (width_um / binning, height_um / binning),
        electrons_per_adu=number(cards, "EGAIN")
        or (gain if gain_setting is None and gain and gain > 0 else None),
        saturation_adu=number(cards, "SATURATE", "DATAMAX") or _FULL_SCALE_ADU,
        bayer_pattern=text(cards, "BAYERPAT").upper() or None,
        bayer_offset_px=(
            int(number(cards, "XBAYROFF") or 0),
            int(number(cards, "YBAYROFF") or 0),
        ),
        upside_down=text(cards, "ROWORDER").upper() == "BOTTOM-UP",
        packed=packed,
    )


def raw_pixels(foreign: Foreign) -> Pixels:
    """The pixels of a raw frame, uint16 [rows, columns], first row first on the sensor. Raises Refused."""
    values = _values(foreign)
    if values.dtype.kind not in "iu":
        raise Refused("its pixels are no whole numbers, and nothing says that it is a master")
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65535:
        raise Refused(f"its pixels reach from {low} to {high}, which is no raw frame of 16 bit")
    return _upright(values, foreign).astype(np.uint16)


def master_pixels(foreign: Foreign) -> NDArray[np.float32]:
    """The pixels of a master, float32 ADU [rows, columns], first row first on the sensor. Raises Refused.

    Siril keeps 0 to 65535 ADU as 0 to 1: its masters are multiplied back. A scale that is neither is refused.
    """
    values = _upright(_values(foreign), foreign).astype(np.float32)
    if not np.isfinite(values).all():
        raise Refused("some of its pixels are no numbers")
    middle, high = float(np.median(values)), float(np.percentile(values, 99.9))
    if high <= 1.0 and middle > 0:
        return values * np.float32(_FULL_SCALE_ADU)
    if middle < 2.0:
        raise Refused(f"its level of {middle:.3g} is neither in ADU nor between 0 and 1")
    return values


def _cards(path: Path) -> tuple[dict[str, str], bool]:
    """The image's cards, and whether its pixels are packed. Raises Refused."""
    try:
        size = path.stat().st_size
        start, end = start_of(path)
    except OSError as error:
        raise Refused(f"it cannot be read: {error.strerror}") from error
    if not size:
        raise Refused("it is empty")
    if start.startswith((b"\x1f\x8b", b"PK", b"BZh")):
        raise Refused("it is compressed: unpack it first")
    if end is None:
        raise Refused("it has no whole FITS header: it was cut off, or is no FITS file")
    cards = _checked(start[:end])
    if cards.get("NAXIS") == "0":
        return _packed_cards(path), True
    bits = cards.get("BITPIX")
    if bits not in ("16", "32", "-32", "-64"):
        raise Refused(f"its pixels have BITPIX {bits}, which no camera's 16 bit frame nor a master has")
    rows, columns = _axes(cards)
    expected = end + padded(rows * columns * abs(int(bits)) // 8)
    if size < expected:
        raise Refused(f"it is cut off: {size} bytes instead of {expected}")
    return cards, False


def _checked(header: bytes) -> dict[str, str]:
    if re.search(rb"[^ -~]", header):
        raise Refused("its header has control characters, which no FITS header may have")
    return fits_file.structure(header)


def _packed_cards(path: Path) -> dict[str, str]:
    """The cards of an image that is packed by tiles, as NINA and fpack do."""
    try:
        with _quietly(), fits.open(path, memmap=True, lazy_load_hdus=True) as hdus:
            if not isinstance(hdus[1], fits.CompImageHDU):
                raise Refused("it has no image in its first part")
            text = hdus[1].header.tostring(endcard=False, padding=False)
            cards = _checked(text.encode("ascii", "replace"))
    except Refused:
        raise
    except Exception as error:
        # Whatever astropy makes of a hostile file, it is that file's fault alone.
        raise Refused(f"it is packed, and cannot be unpacked: {error}") from error
    _axes(cards)
    return cards


def _axes(cards: Cards) -> tuple[int, int]:
    if cards.get("NAXIS") != "2":
        raise Refused(f"it has {cards.get('NAXIS', 'no')} axes; a sensor's frame has two")
    try:
        rows, columns = int(cards["NAXIS2"]), int(cards["NAXIS1"])
    except (KeyError, ValueError):
        raise Refused("its header does not tell its size") from None
    fits_a_sensor = 0 < rows <= _LONGEST_AXIS and 0 < columns <= _LONGEST_AXIS
    if not fits_a_sensor or rows * columns > _MOST_PIXELS:
        raise Refused(f"it claims {columns} x {rows} pixels, which no sensor has")
    return rows, columns


def _kind(path: Path, said: str, *, is_master: bool) -> Kind:
    # Siril's masters say nothing: their names do, and so does the folder that people sort them into.
    phrases = [said] if said else [path.stem, path.parent.name] if is_master else []
    for phrase in phrases:
        for words, kind in _WORDS:
            if re.search(words, phrase.lower()):
                if kind is Kind.LIGHT:
                    raise Refused(f"it is a light ({phrase})")
                return kind
    raise Refused(f"neither its header ({said or 'no IMAGETYP'}) nor its name says what it is")


def _check_calibration(cards: Cards, kind: Kind, *, is_master: bool) -> None:
    done = set(cards.get("CALSTAT", "").upper()) & set("BDF")
    if done and not (is_master and kind is Kind.FLAT and done <= {"B", "D"}):
        raise Refused(f"it is calibrated already (CALSTAT {cards['CALSTAT']})")


def _binning(cards: Cards) -> int:
    across, down = (
        number(cards, "XBINNING", "CCDXBIN"),
        number(cards, "YBINNING", "CCDYBIN"),
    )
    across = 1.0 if across is None else across
    if across not in range(1, 17) or (down is not None and down != across):
        raise Refused(f"its binning of {across:g} x {down or across:g} cannot be used")
    return int(across)


def _taken(cards: Cards, *, is_master: bool) -> datetime:
    # A master without a start tells when it was made.
    dated = is_master and not cards.get("DATE-OBS", "") and "DATE" in cards
    taken = time_of(cards["DATE"]) if dated else started(cards)
    said = cards.get("DATE-OBS", "")
    if not is_master and "T" not in said and not text(cards, "TIME-OBS", "UT"):
        raise Refused(f"its DATE-OBS {said!r} has no time of day")
    if not 1980 <= taken.year <= 2100:
        raise Refused(f"it says that it was taken in {taken.year}")
    return taken


def _values(foreign: Foreign) -> NDArray[Any]:
    try:
        with _quietly(), fits.open(foreign.path, memmap=False) as hdus:
            values: NDArray[Any] = hdus[1 if foreign.packed else 0].data
    except Exception as error:
        raise Refused(f"its pixels cannot be read: {error}") from error
    if values is None or values.shape != foreign.size_px:
        raise Refused("its pixels are not those that its header tells of")
    return values


@contextmanager
def _quietly() -> Iterator[None]:
    """Without astropy's warnings: what matters of them is refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _upright(values: NDArray[Any], foreign: Foreign) -> NDArray[Any]:
    return values[::-1] if foreign.upside_down else values
