"""Calibration frames as other programs write them: their keywords, words and number formats."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from tests.capture.store.frames import noise

SHAPE = (40, 60)

MAXIM: Mapping[str, object] = {
    "DATE-OBS": "2026-10-01T03:04:05", "EXPTIME": 120.0, "EXPOSURE": 120.0, "SET-TEMP": -20.0,
    "CCD-TEMP": -19.96, "XPIXSZ": 18.0, "YPIXSZ": 18.0, "XBINNING": 2, "YBINNING": 2, "XORGSUBF": 0,
    "YORGSUBF": 0, "READOUTM": "Normal", "IMAGETYP": "Dark Frame", "SITELAT": "32 54 11",
    "JD": 2461314.6278, "FOCALLEN": 2280.0, "INSTRUME": "FLI PL16803", "EGAIN": 1.38, "FLIPSTAT": "",
    "SWCREATE": "MaxIm DL Version 6.29 200812 1HKKX", "SBSTDVER": "SBFITSEXT Version 1.0",
    "CBLACK": 1012, "CWHITE": 1043, "SWOWNER": "observatory", "SWSERIAL": "1HKKX-0", "NOTES": "",
}  # fmt: skip
ACP = {
    **MAXIM, "IMAGETYP": "Flat Field", "FILTER": "Ha", "EXPTIME": 3.2, "EXPOSURE": 3.2, "PIERSIDE": "WEST",
    "OBJECT": "AutoFlat", "HISTORY": "File was processed by ACP Expert",
}  # fmt: skip
NINA: Mapping[str, object] = {
    "IMAGETYP": "DARK", "EXPOSURE": 300.0, "EXPTIME": 300.0, "DATE-LOC": "2026-10-01T21:04:05.1234567",
    "DATE-OBS": "2026-10-02T03:04:05.1234567", "XBINNING": 1, "YBINNING": 1, "GAIN": 100, "OFFSET": 50,
    "EGAIN": 0.246, "XPIXSZ": 3.76, "YPIXSZ": 3.76, "INSTRUME": "ZWO ASI2600MM Pro", "SET-TEMP": -10.0,
    "CCD-TEMP": -10.1, "READOUTM": "Default", "USBLIMIT": 40, "ROWORDER": "TOP-DOWN", "EQUINOX": 2000.0,
    "SWCREATE": "N.I.N.A. 3.1.2.9001 (x64)", "FWHEEL": "ZWO EFW", "FILTER": "L",
}  # fmt: skip
SHARPCAP: Mapping[str, object] = {
    "EXTEND": True, "FRAMETYP": "Bias", "EXPTIME": 3.2e-05, "GAIN": 139, "BLKLEVEL": 21, "XBINNING": 1,
    "YBINNING": 1, "XPIXSZ": 3.8, "YPIXSZ": 3.8, "INSTRUME": "ZWO ASI1600MM Pro", "CCD-TEMP": -15,
    "DATE-OBS": "2026-10-02T04:04:05.0000000", "SWCREATE": "SharpCap v4.1.12645.0, 64 bit",
}  # fmt: skip
KSTARS: Mapping[str, object] = {
    "FRAME": "Flat", "EXPTIME": 1.5, "GAIN": 120.0, "OFFSET": 30.0, "CCD-TEMP": -9.9, "XBINNING": 1,
    "YBINNING": 1, "XPIXSZ": 4.63, "YPIXSZ": 4.63, "INSTRUME": "QHY CCD QHY294M", "FILTER": "OIII",
    "ROWORDER": "TOP-DOWN", "DATE-OBS": "2026-10-02T04:04:05.123", "TELESCOP": "EQMod Mount",
}  # fmt: skip
SIRIL: Mapping[str, object] = {
    "ROWORDER": "BOTTOM-UP", "INSTRUME": "ZWO ASI2600MM Pro", "XPIXSZ": 3.76, "YPIXSZ": 3.76, "XBINNING": 1,
    "YBINNING": 1, "DATE-OBS": "2026-09-20T02:00:00.000", "STACKCNT": 40, "EXPTIME": 300.0,
    "EXPOSURE": 300.0, "LIVETIME": 12000.0, "CCD-TEMP": -10.0, "GAIN": 100, "OFFSET": 50,
    "PROGRAM": "Siril 1.2.1", "MIPS-HI": 1.0, "MIPS-LO": 0.0,
}  # fmt: skip


def write(
    path: Path, header: Mapping[str, object], pixels: NDArray[Any] | None = None, **changed: object
) -> Path:
    """Write a file with these cards; keywords in `changed` have `_` for `-`, and None takes one out."""
    values = dict(header) | {name.replace("_", "-"): value for name, value in changed.items()}
    hdu = fits.PrimaryHDU(noise(1, SHAPE) if pixels is None else pixels)
    for name, value in values.items():
        if value is not None:
            hdu.header[name] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    hdu.writeto(path)
    return path


def siril_master(level_adu: float = 1024.0) -> NDArray[np.float32]:
    """A stack of Siril: 0 to 65535 ADU as 0 to 1; a brighter first row tells which end is up."""
    pixels = np.full(SHAPE, level_adu / 65535, np.float32)
    pixels[0] *= 2
    return pixels


def patched(path: Path, old: bytes, new: bytes) -> Path:
    """Change bytes of a header that no library would write."""
    content = path.read_bytes()
    assert content.count(old) == 1
    assert len(old) == len(new)
    path.write_bytes(content.replace(old, new))
    return path
