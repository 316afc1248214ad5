"""What a master's header says: what it is, how it was made, and of which files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from capture.frame import FrameSpec, Kind
from capture.library.clipping import Clipping
from capture.library.combine import Combined, Method
from capture.library.succession import Succession
from capture.site import Site
from capture.store import headers
from capture.store.fits_file import Card, Value
from capture.store.rows import FrameRow, MasterRow

FIGURES = {
    "median_adu": ("MEDIAN", "[ADU] median level"),
    "noise_adu": ("NOISE", "[ADU] noise of a pixel of this master"),
    "rejected_fraction": ("REJFRAC", "fraction of the input values rejected"),
    "read_noise_adu": ("RDNOISEA", "[ADU] read noise, sigma(b1-b2)/sqrt 2"),
    "read_noise_e": ("RDNOISE", "[e-] read noise"),
    "dark_rate_adu_s": ("DARKRATE", "[ADU/s] median dark rate"),
    "dark_rate_e_s": ("DARKRE", "[e-/s] median dark rate"),
    "flat_mean_adu": ("FLATMEAN", "[ADU] clipped mean of the central quarter"),
    "noise_over_expected": ("NOISEREL", "noise over raw / sqrt N, by the master before"),
    "fixed_pattern_adu": ("FIXPATT", "[ADU] fixed pattern"),
    "row_pattern_adu": ("ROWPATT", "[ADU] noise of whole rows of a single frame"),
    "column_pattern_adu": ("COLPATT", "[ADU] noise of whole columns of a single frame"),
    "wave_adu": ("WAVE", "[ADU] strongest wave in a single frame"),
    "wave_over_chance": ("WAVEREL", "its power over that of noise, 1 in 1000"),
    "hot_pixels": ("HOTPIX", "pixels over 5 read noises of a single frame"),
    "dark_nonlinearity": ("DARKLIN", "distance of darks from a line, over range"),
    "gain_e_per_adu": ("GAINMEAS", "[e-/ADU] measured by photon transfer"),
    "shutter_pattern_s": ("SHUTPATT", "[s] middle exposed longer than corners"),
    "dust_fraction": ("DUSTFRAC", "fraction that differs from the flat before"),
    "dust_deepest": ("DUSTDEEP", "deepest difference, fraction of the light"),
    "dust_row_px": ("DUSTROW", "[px] its row"),
    "dust_column_px": ("DUSTCOL", "[px] its column"),
}


@dataclass(frozen=True)
class MasterBias:
    """A master bias, read: float32 ADU [rows, columns]."""

    row: MasterRow
    pixels: NDArray[np.float32]


def master_cards(
    frames: Sequence[FrameRow],
    spec: FrameSpec,
    method: Method,
    clipping: Clipping,
    combined: Combined,
    figures: Mapping[str, float],
    bias: MasterBias | None,
    site: Site,
    built: datetime,
    succession: Succession | None = None,
) -> list[Card]:
    """The cards of the master of `frames`, whose set is `spec`, made at `built`."""
    # PixInsight's own masters say `Master Dark`, and MaxIm, ASTAP and ccdproc's filters find the kind in it
    # too; readers that look for a frame's plain kind find that in FRAMETYP. Siril goes by the file's name.
    kind = spec.kind.value.capitalize()
    exposure_s = fmean(frame.facts.exposure_s for frame in frames)
    start = min(frame.taken for frame in frames)
    mean_start = start + sum((frame.taken - start for frame in frames), start - start) / len(frames)
    suns = [frame.facts.sun_altitude_deg for frame in frames]
    temperatures = [t for frame in frames if (t := frame.facts.ccd_temperature_c) is not None]
    facts = frames[-1].facts
    width_um, height_um = facts.pixel_size_um or (None, None)
    cards: list[tuple[str, Value | None, str]] = [
        ("IMAGETYP", f"Master {kind}", "type of image"),
        ("DATE", headers.utc_text(built), "UTC when this file was made"),
        ("FRAMETYP", kind, "kind of the frames that it is made of"),
        ("EXPTIME", exposure_s, "[s] mean actual exposure"),
        ("EXPOSURE", exposure_s, "[s] mean actual exposure"),
        *headers.time_cards(mean_start, exposure_s),
        ("DATE-BEG", headers.utc_text(start), "UTC start of the oldest frame"),
        ("DATE-END", headers.utc_text(max(frame.taken for frame in frames)), "UTC start of the newest frame"),
        *(card for card in headers.spec_cards(spec) if spec.kind is not Kind.FLAT or card[0] != "EXPREQ"),
        ("CCD-TEMP", fmean(temperatures) if temperatures else None, "[degC] mean measured temperature"),
        ("XPIXSZ", width_um and width_um * spec.binning, "[um] pixel width after binning"),
        ("YPIXSZ", height_um and height_um * spec.binning, "[um] pixel height after binning"),
        ("XORGSUBF", facts.subframe_origin_px[0], "[px] first column read, binned"),
        ("YORGSUBF", facts.subframe_origin_px[1], "[px] first row read, binned"),
        ("EGAIN", facts.electrons_per_adu, "[e-/ADU] electrons per ADU of a single frame"),
        ("SATURATE", facts.saturation_adu, "[ADU] saturation level of a single frame"),
        ("BAYERPAT", facts.bayer_pattern, "colour filter array"),
        ("XBAYROFF", facts.bayer_pattern and facts.bayer_offset_px[0], "[px] Bayer offset, columns"),
        ("YBAYROFF", facts.bayer_pattern and facts.bayer_offset_px[1], "[px] Bayer offset, rows"),
        ("ROWORDER", "TOP-DOWN", "row 0 is first on the sensor"),
        ("INSTRUME", facts.camera, "camera"),
        ("TELESCOP", facts.rig, "rig"),
        ("BUNIT", "adu", "unit of the pixels"),
        *headers.site_cards(site),
        ("SUNALT", fmean(suns), "[deg] mean altitude of the Sun"),
        ("SUNALTLO", min(suns), "[deg] lowest altitude of the Sun"),
        ("SUNALTHI", max(suns), "[deg] highest altitude of the Sun"),
        ("NCOMBINE", len(frames), "number of frames combined"),
        ("COMBMETH", method.value, "how they were combined"),
        ("REJECTED", int(combined.rejected.sum(dtype=np.int64)), "input values rejected"),
        ("BIASSUB", spec.kind is Kind.FLAT, "bias was subtracted"),
    ]
    if method is Method.CLIP:
        cards.append(("CLIPSIG", clipping.sigma, "deviations kept around the median"))
        cards.append(("CLIPITER", clipping.iterations, "rounds of clipping, at most"))
    if spec.kind is Kind.FLAT and bias is not None:
        cards.append(("BIASFILE", PurePosixPath(bias.row.path).name, "master bias subtracted"))
        cards.append(("BIASSHA", bias.row.sha256, ""))
    if succession is not None:
        cards.append(("SUPERSED", succession.name, "master that this one replaces"))
        cards.append(("SUPERSHA", succession.before.sha256, ""))
    for name, (keyword, comment) in FIGURES.items():
        cards.append((keyword, figures.get(name), comment))
    for number, frame in enumerate(frames, 1):
        cards.append((f"IN{number:04d}", PurePosixPath(frame.path).name, ""))
        cards.append((f"SH{number:04d}", frame.sha256, ""))
    cards.append(("SWCREATE", headers.program(), "program that wrote this file"))
    return headers.known_cards(cards)


def rejection_map_cards(master: Sequence[Card], name: str, sha256: str) -> list[Card]:
    """The cards of the rejection map of the master whose cards, file name and SHA-256 are given."""
    kept = (
        "INSTRUME",
        "TELESCOP",
        "FILTER",
        "XBINNING",
        "YBINNING",
        "NCOMBINE",
        "COMBMETH",
        "REJECTED",
        "DATE",
    )
    return [
        ("IMAGETYP", "Rejection Map", "no calibration frame"),
        ("BUNIT", "frames", "how many were rejected in each pixel"),
        ("MASTER", name, "master that it belongs to"),
        ("MASTSHA", sha256, ""),
        *(card for card in master if card[0] in kept),
    ]


def history(spec: FrameSpec, bias: MasterBias | None, succession: Succession | None = None) -> list[str]:
    """The same in words."""
    said = ["INnnnn name the frames combined, SHnnnn their SHA-256 when they were."]
    if spec.kind is Kind.DARK:
        said.append("This dark keeps its bias: subtract it as it is, and no bias besides.")
    if spec.kind is Kind.FLAT and bias is not None:
        said.append(f"From each frame the master bias {PurePosixPath(bias.row.path).name} was subtracted;")
        said.append("each was scaled by the clipped mean of its central quarter, then combined.")
    if succession is not None:
        said.append(f"supersedes {succession.name}:")
        said.append(f"{succession}.")
    return said
