"""Headers tell the truth, in words that other programs read, and give the frame back."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from capture.errors import StoreError
from capture.frame import Frame, Kind
from capture.store import fits_file, headers
from capture.store.gates import GATES
from tests.capture.store.frames import BIAS, DARK, FLAT, SITE, make_frame


def written(frame: Frame, folder: Path) -> fits.Header:
    fits_file.write(folder / "a.fits", frame.pixels, headers.frame_cards(frame, SITE))
    return fits_file.read(folder / "a.fits")[0]


def flattened(frame: Frame) -> list[object]:
    """A frame's facts as bare values, to be compared approximately: fractions pass through decimals."""
    values = [*vars(frame.facts).values(), *vars(frame.statistics).values(), frame.target_adu]
    return [pytest.approx(v) if isinstance(v, float | tuple) else v for v in values]


@pytest.mark.parametrize("spec", [BIAS, DARK, FLAT, replace(FLAT, binning=2, rotator_deg=12.0, gain=None)])
def test_a_frame_comes_back_from_its_header(tmp_path: Path, spec) -> None:  # type: ignore[no-untyped-def]
    frame = make_frame(spec).judged("too bright: 61000 ADU, aimed at 30000", "stars: " + "x" * 100)
    frame = replace(frame, gates={name: -1.25 * number for number, name in enumerate(GATES)})
    back = headers.frame_of(written(frame, tmp_path), frame.pixels)
    assert back.spec == frame.spec
    assert back.verdict == frame.verdict
    assert back.gates == frame.gates
    assert [*vars(back.facts).values(), *vars(back.statistics).values(), back.target_adu] == flattened(frame)


def test_what_is_unknown_has_no_card_and_comes_back_unknown(tmp_path: Path) -> None:
    frame = make_frame(replace(DARK, set_temperature_c=None, offset=None))
    facts = replace(
        frame.facts, ccd_temperature_c=math.nan, altitude_deg=None, roof_shut=None, bayer_pattern=None,
        pixel_size_um=None, right_ascension_h=None, electrons_per_adu=None,
    )  # fmt: skip
    header = written(replace(frame, facts=facts, target_adu=None), tmp_path)
    absent = ["CCD-TEMP", "SET-TEMP", "OFFSET", "CENTALT", "ROOFSHUT", "BAYERPAT", "XPIXSZ", "RA", "EGAIN"]
    assert [keyword for keyword in absent if keyword in header] == []
    back = headers.frame_of(header, frame.pixels)
    assert back.facts == replace(facts, ccd_temperature_c=None, bayer_offset_px=(0, 0))


def test_other_programs_find_their_keywords(tmp_path: Path) -> None:
    header = written(make_frame(replace(FLAT, binning=2)), tmp_path)
    assert header["IMAGETYP"] == "Flat Field"
    assert header["EXPTIME"] == header["EXPOSURE"] == 2.5
    assert (header["XPIXSZ"], header["XBINNING"]) == (7.52, 2)
    assert (header["DATE-OBS"], header["DATE-AVG"]) == ("2026-11-22T01:00:00.000", "2026-11-22T01:00:01.250")
    assert header["MJD-OBS"] == pytest.approx(61366 + 1 / 24)
    assert header["JD"] == pytest.approx(2461366.5 + 1 / 24, abs=1e-7)
    assert (header["ROWORDER"], header["TELESCOP"], header["INSTRUME"]) == ("TOP-DOWN", "T1", "Camera of T1")
    assert (header["OBJCTRA"], header["OBJCTDEC"]) == ("05 15 00.0", "-05 30 00.0")
    assert header["ROOFSHUT"] is False


def test_the_actual_exposure_is_told_apart_from_the_one_asked_for(tmp_path: Path) -> None:
    frame = make_frame(BIAS)
    frame = replace(frame, facts=replace(frame.facts, exposure_s=0.0001))
    header = written(frame, tmp_path)
    assert (header["EXPTIME"], header["EXPREQ"]) == (0.0001, 0.0)


def test_the_start_is_rounded_to_the_millisecond() -> None:
    frame = make_frame()
    assert (
        headers.utc_text(frame.facts.started + timedelta(microseconds=999_600)) == "2026-11-22T01:00:01.000"
    )


@pytest.mark.parametrize(
    ("text", "plain"),
    [("H\u03b1 3nm", "Halpha 3nm"), ("Zürich", "Zurich"), ("a\nb\x00c", "a?b?c"), ("'x'", "'x'")],
)
def test_texts_become_printable_ascii(text: str, plain: str) -> None:
    assert headers.ascii_text(text) == plain


def test_a_hostile_name_cannot_inject_a_card(tmp_path: Path) -> None:
    frame = make_frame()
    hostile = replace(frame.facts, camera="x" * 62 + "'\nEND" + " " * 77 + "\x00")
    header = written(replace(frame, facts=hostile), tmp_path)
    assert header["INSTRUME"].startswith("x" * 62 + "'?END")


@pytest.mark.parametrize(
    ("words", "kind"),
    [("Bias Frame", Kind.BIAS), ("DARK", Kind.DARK), ("flat field", Kind.FLAT), ("Light Frame", Kind.LIGHT)],
)
def test_kinds_are_read_in_any_case(words: str, kind: Kind) -> None:
    assert headers.kind_of(words) is kind


def test_a_foreign_header_is_refused() -> None:
    with pytest.raises(StoreError, match="none of nightcal's"):
        headers.frame_of(fits.Header(), np.zeros((2, 2), np.uint16))
