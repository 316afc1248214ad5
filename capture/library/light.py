"""A light frame of any program: what its FITS header says of it, and what it leaves unsaid.

Keywords as MaxIm DL, NINA, ACP, SharpCap, KStars, APT, Siril and nightcal itself write them. What is
broken and not needed is left unsaid.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from capture.errors import BadInput
from capture.frame import FrameSpec, Kind
from capture.library.cards import Cards, setting, sound_number, start_of, started, text
from capture.store import fits_file

# What may be absent from another program's header although the camera has it.
SETTINGS = ("gain", "offset", "readout_mode")
_COARSEST_BINNING = 64
_LIGHT_WORDS = ("light", "object", "science", "tricolor", "luminance")


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
        start, end = start_of(path)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from error
    if end is None:
        raise BadInput(f"{path} has no whole FITS header: it was cut off, or is no FITS file")
    return light_of(path, fits_file.structure(start[:end]))


def light_of(path: Path, cards: Cards) -> Light:
    """The light whose header holds these cards, values as bare text. Raises BadInput."""
    try:
        _check_kind(path, cards)
        return _light_of(path, cards)
    except ValueError as error:
        raise BadInput(f"{path} cannot be used as a light: {error}") from error


def _check_kind(path: Path, cards: Cards) -> None:
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


def _light_of(path: Path, cards: Cards) -> Light:
    binning = [int(sound_number(cards, key) or 1) for key in ("XBINNING", "YBINNING")]
    if binning[0] != binning[1] and "YBINNING" in cards:
        raise ValueError(f"it is binned {binning[0]} x {binning[1]}, and masters are binned evenly")
    if not 1 <= binning[0] <= _COARSEST_BINNING:
        raise ValueError(f"its header says a binning of {binning[0]:g}")
    exposure_s = sound_number(cards, "EXPTIME", "EXPOSURE")
    if exposure_s is None or exposure_s < 0:
        raise ValueError("its header says no exposure (EXPTIME)")
    gain, offset = setting(sound_number(cards, "GAIN")), setting(sound_number(cards, "OFFSET", "BLKLEVEL"))
    mode = text(cards, "READOUTM", "READMODE") or None
    # A missing card of ours says that the camera has no such thing.
    ours = cards.get("SWCREATE", "").startswith("nightcal")
    found = {"gain": gain, "offset": offset, "readout_mode": mode}
    spec = FrameSpec(
        Kind.LIGHT,
        exposure_s,
        text(cards, "FILTER") or None,
        binning[0],
        gain,
        offset,
        mode,
        sound_number(cards, "SET-TEMP"),
        # ROTATANG and ROTATOR are mechanical; a position angle on the sky tells nothing of the dust.
        sound_number(cards, "ROTATANG", "ROTATOR"),
    )
    return Light(
        path=path,
        spec=spec,
        taken=started(cards),
        shape=(int(cards["NAXIS2"]), int(cards["NAXIS1"])),
        origin_px=(int(sound_number(cards, "XORGSUBF") or 0), int(sound_number(cards, "YORGSUBF") or 0)),
        ccd_temperature_c=sound_number(cards, "CCD-TEMP", "DET-TEMP", "CCDTEMP"),
        camera=text(cards, "INSTRUME"),
        telescope=text(cards, "TELESCOP"),
        observer=text(cards, "OBSERVER"),
        target=text(cards, "OBJECT"),
        saturation_adu=sound_number(cards, "SATURATE"),
        unsaid=frozenset(() if ours else (name for name in SETTINGS if found[name] is None)),
    )
