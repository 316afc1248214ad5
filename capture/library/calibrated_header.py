"""The header of a calibrated light: the raw one's cards, and what was done to it with which masters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime

from astropy.io import fits

from capture.config import CalibrationConfig
from capture.frame import Kind
from capture.library.match import Chosen
from capture.store import headers
from capture.store.fits_file import Card, Value

# Cards of the file's structure, which is another now, and what is said anew.
_NOT_COPIED = frozenset(
    (*("SIMPLE", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "EXTEND", "BZERO", "BSCALE", "BLANK", "CHECKSUM"),
     *("DATASUM", "PCOUNT", "GCOUNT", "GROUPS", "END", "DATAMIN", "DATAMAX", "CALSTAT", "PEDESTAL"),
     *("SATURATE", "BUNIT", "FLATMEAN", "DATE", "SWMODIFY", "CBLACK", "CWHITE"))
)  # fmt: skip
_COMMENTARY = ("COMMENT", "HISTORY", "")


def calibrated_cards(
    name: str,
    raw_header: bytes,
    masters: Sequence[Chosen],
    calstat: str,
    flat_mean_adu: float,
    pedestal_adu: int,
    counts: Mapping[str, object],
    now: datetime,
) -> list[Card]:
    """The cards of the calibrated light whose raw file, `name`, begins with `raw_header`."""
    least = counts["least_saturated_adu"]
    # 0 until the pixels are done, so that the header has its final length from the beginning.
    saturate = least if isinstance(least, float) and math.isfinite(least) else 0.0
    cards: list[tuple[str, Value | None, str]] = [
        ("EXTEND", True, "the extension MASK marks pixels"),
        ("CALSTAT", calstat, "B bias, D dark, F flat"),
        ("RAWFILE", name, "the raw light"),
    ]
    for one in masters:
        keyword = one.master.kind.value.upper()
        cards.append((f"{keyword}FILE", one.name, f"master {one.master.kind.value}"))
        cards.append((f"{keyword}SHA", one.master.sha256, ""))
        if one.master.kind is Kind.DARK and one.scale != 1:
            cards.append(("DARKSCAL", one.scale, "the dark current was scaled by this"))
        if one.master.kind is Kind.FLAT:
            cards.append(("FLATMEAN", flat_mean_adu, "[ADU] the flat was divided by this"))
    cards += [
        ("PEDESTAL", -pedestal_adu, "[ADU] add this for values that begin at 0"),
        ("SATURATE", saturate, "[ADU] least value of a saturated pixel; 0: none"),
        ("NHOT", _count(counts["hot"]), "hot pixels, by the dark"),
        ("NUNLIT", _count(counts["unlit"]), "pixels below a fifth of the flat's mean"),
        ("NSATUR", _count(counts["saturated"]), "saturated pixels of the raw light"),
        ("NNOVALUE", _count(counts["no_value"]), "pixels without a value, set to 0"),
        ("BUNIT", "adu", "unit of the pixels"),
        ("DATE", headers.utc_text(now), "UTC of the calibration"),
        ("SWMODIFY", headers.program(), "program that calibrated this"),
    ]
    return [*_copied(raw_header), *headers.known_cards(cards)]


def mask_cards() -> list[Card]:
    """The cards of the extension MASK."""
    return [
        ("MASKBIT0", "HOT", "1: hot, by the dark"),
        ("MASKBIT1", "UNLIT", "2: below a fifth of the flat's mean, divided by that"),
        ("MASKBIT2", "SATURATE", "4: saturated in the raw light"),
        ("MASKBIT3", "NOVALUE", "8: no value, set to 0"),
    ]


def history(policy: CalibrationConfig, masters: Sequence[Chosen]) -> list[str]:
    """The same in words."""
    kinds = {one.master.kind for one in masters}
    said = []
    if {Kind.BIAS, Kind.DARK} <= kinds:
        said.append("Subtracted: bias + DARKSCAL x (dark - bias).")
    elif Kind.DARK in kinds:
        said.append("Subtracted: the dark, which keeps its bias.")
    elif Kind.BIAS in kinds:
        said.append("Subtracted: the bias alone. No dark fitted.")
    if Kind.FLAT in kinds:
        said.append("Divided by flat / FLATMEAN, and by 0.2 where that is less.")
    if policy.output == "uint16":
        said.append("Then -PEDESTAL was added, and the values rounded to 16 bits.")
    return said


def _copied(raw_header: bytes) -> list[Card]:
    """The raw light's cards; those that no writer could write again are left out."""
    kept: list[Card] = []
    for card in fits.Header.fromstring(raw_header).cards:
        try:
            keyword, value, comment = card.keyword, card.value, card.comment
        except (ValueError, fits.VerifyError):
            continue
        if keyword in _NOT_COPIED or isinstance(value, fits.card.Undefined):
            continue
        if isinstance(value, float) and not math.isfinite(value):
            continue
        if isinstance(value, str):
            value = headers.ascii_text(value)
        if keyword in _COMMENTARY and not value:
            continue
        kept.append((keyword, value, headers.ascii_text(comment)))
    return kept


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0
