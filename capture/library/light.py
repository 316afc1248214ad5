"""A light frame of any program: what its FITS header says of it, and what it leaves unsaid.

Keywords as MaxIm DL, NINA, ACP, SharpCap, KStars, APT, Siril and nightcal itself write them; values are read
as they stand, without astropy's parser, which takes longer than the whole match.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from capture.errors import BadInput
from capture.frame import FrameSpec, Kind
from capture.store import fits_file
from capture.store.data_unit import BLOCK

# What may be absent from another program's header although the camera has it.
SETTINGS = ("gain", "offset", "readout_mode")
_LIGHT_WORDS = ("light", "object", "science", "tricolor", "luminance")
_LONGEST_HEADER = 400 * BLOCK


@dataclass(frozen=True)
class Light:
    """A light frame's file. `shape` is (rows, columns); `spec.set_temperature_c` is what was asked for.

    `unsaid` names the fields of `spec` of which the header says nothing: not the same as a camera that has
    no such setting. Empty texts and None are unknown. `rotator_deg` is the rotator's mechanical position.
    """

    path: Path
    spec: FrameSpec
    taken: datetime
    shape: tuple[int, int]
    origin_px: tuple[int, int] = (0, 0)
    ccd_temperature_c: float | None = None
    camera: str = ""
    telescope: str = ""
    observer: str = ""
    target: str = ""
    saturation_adu: float | None = None
    unsaid: frozenset[str] = frozenset()

    @property
    def temperature_c(self) -> float | None:
        """How cold the sensor was: as measured, else as asked for."""
        return self.spec.set_temperature_c if self.ccd_temperature_c is None else self.ccd_temperature_c


def read_light(path: Path) -> Light:
    """Read a light's header. Raises BadInput with the reason when it is none that could be calibrated."""
    try:
        with path.open("rb") as file:
            start = file.read(8 * BLOCK)
            while (end := fits_file.header_length(start)) is None and len(start) < _LONGEST_HEADER:
                more = file.read(32 * BLOCK)
                if not more:
                    break
                start += more
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from error
    if end is None:
        raise BadInput(f"{path} has no whole FITS header: it was cut off, or is no FITS file")
    return light_of(path, fits_file.structure(start[:end]))


def light_of(path: Path, cards: Mapping[str, str]) -> Light:
    """The light whose header holds these cards, values as bare text. Raises BadInput."""
    try:
        _check_kind(path, cards)
        return _light_of(path, cards)
    except ValueError as error:
        raise BadInput(f"{path} cannot be used as a light: {error}") from error


def _check_kind(path: Path, cards: Mapping[str, str]) -> None:
    if cards.get("NAXIS") == "0":
        raise BadInput(f"{path} has no image of its own: unpack it first (funpack), or name its image")
    if cards.get("NAXIS") != "2":
        raise BadInput(f"{path} has {cards.get('NAXIS', 'no')} axes; a raw light has two")
    if "D" in cards.get("CALSTAT", "") or "F" in cards.get("CALSTAT", ""):
        raise BadInput(f"{path} is calibrated already (CALSTAT {cards['CALSTAT']})")
    said = cards.get("IMAGETYP", cards.get("FRAME", cards.get("OBSTYPE", ""))).lower()
    if "master" in said or "NCOMBINE" in cards:
        raise BadInput(f"{path} is a master or a stack, no raw light")
    if said and not any(word in said for word in _LIGHT_WORDS):
        raise BadInput(f"{path} is no light: its header says {said!r}")


def _light_of(path: Path, cards: Mapping[str, str]) -> Light:
    binning = [int(_number(cards, key) or 1) for key in ("XBINNING", "YBINNING")]
    if binning[0] != binning[1] and "YBINNING" in cards:
        raise ValueError(f"it is binned {binning[0]} x {binning[1]}, and masters are binned evenly")
    exposure_s = _number(cards, "EXPTIME", "EXPOSURE")
    if exposure_s is None or exposure_s < 0:
        raise ValueError("its header says no exposure (EXPTIME)")
    gain, offset = _setting(cards, "GAIN"), _setting(cards, "OFFSET", "BLKLEVEL")
    mode = _text(cards, "READOUTM", "READMODE") or None
    # A missing card of ours says that the camera has no such thing.
    ours = cards.get("SWCREATE", "").startswith("nightcal")
    found = {"gain": gain, "offset": offset, "readout_mode": mode}
    spec = FrameSpec(
        Kind.LIGHT,
        exposure_s,
        _text(cards, "FILTER") or None,
        binning[0],
        gain,
        offset,
        mode,
        _number(cards, "SET-TEMP"),
        # ROTATANG and ROTATOR are mechanical; a position angle on the sky tells nothing of the dust.
        _number(cards, "ROTATANG", "ROTATOR"),
    )
    return Light(
        path=path,
        spec=spec,
        taken=_taken(cards),
        shape=(int(cards["NAXIS2"]), int(cards["NAXIS1"])),
        origin_px=(int(_number(cards, "XORGSUBF") or 0), int(_number(cards, "YORGSUBF") or 0)),
        ccd_temperature_c=_number(cards, "CCD-TEMP", "DET-TEMP", "CCDTEMP"),
        camera=_text(cards, "INSTRUME"),
        telescope=_text(cards, "TELESCOP"),
        observer=_text(cards, "OBSERVER"),
        target=_text(cards, "OBJECT"),
        saturation_adu=_number(cards, "SATURATE"),
        unsaid=frozenset(() if ours else (name for name in SETTINGS if found[name] is None)),
    )


def _taken(cards: Mapping[str, str]) -> datetime:
    """The UTC start. MaxIm's old form keeps the time of day in a card of its own."""
    text = cards.get("DATE-OBS", "")
    clock = cards.get("TIME-OBS", cards.get("UT", ""))
    if text and "T" not in text and clock:
        text = f"{text}T{clock}"
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise ValueError(f"its DATE-OBS {text!r} is no date and time") from None


def _text(cards: Mapping[str, str], *names: str) -> str:
    return next((cards[name].strip() for name in names if cards.get(name, "").strip()), "")


def _number(cards: Mapping[str, str], *names: str) -> float | None:
    for name in names:
        try:
            value = float(cards.get(name, "").replace("D", "E"))
        except ValueError:
            continue
        if math.isfinite(value):
            return value
    return None


def _setting(cards: Mapping[str, str], *names: str) -> int | None:
    """A setting of the camera: a broken number under GAIN is electrons per ADU, as CCD programs write it."""
    value = _number(cards, *names)
    return int(value) if value is not None and value == int(value) and value >= 0 else None
