"""What a master's header says: what it is, how it was made, and of which files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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

# Keyword, value, comment; what is not known has no value, and gets no card.
_Card = tuple[str, Value | None, str]


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
    cards: list[_Card] = [
        ("IMAGETYP", f"Master {kind}", "type of image"),
        ("DATE", headers.utc_text(built), "UTC when this file was made"),
        ("FRAMETYP", kind, "kind of the frames that it is made of"),
        *_exposure_cards(frames),
        *(card for card in headers.spec_cards(spec) if spec.kind is not Kind.FLAT or card[0] != "EXPREQ"),
        *_camera_cards(frames, spec),
        ("BUNIT", "adu", "unit of the pixels"),
        *headers.site_cards(site),
        *_sun_cards(frames),
        ("NCOMBINE", len(frames), "number of frames combined"),
        *_method_cards(spec, method, clipping, combined),
        *_relation_cards(spec, bias, succession),
        *((keyword, figures.get(name), comment) for name, (keyword, comment) in FIGURES.items()),
        *_input_cards(frames),
        ("SWCREATE", headers.program(), "program that wrote this file"),
    ]
    return headers.known_cards(cards)


def _exposure_cards(frames: Sequence[FrameRow]) -> Iterator[_Card]:
    exposure_s = fmean(frame.facts.exposure_s for frame in frames)
    start = min(frame.taken for frame in frames)
    mean_start = start + sum((frame.taken - start for frame in frames), start - start) / len(frames)
    yield "EXPTIME", exposure_s, "[s] mean actual exposure"
    yield "EXPOSURE", exposure_s, "[s] mean actual exposure"
    yield from headers.time_cards(mean_start, exposure_s)
    yield "DATE-BEG", headers.utc_text(start), "UTC start of the oldest frame"
    yield "DATE-END", headers.utc_text(max(frame.taken for frame in frames)), "UTC start of the newest frame"


def _camera_cards(frames: Sequence[FrameRow], spec: FrameSpec) -> Iterator[_Card]:
    """The newest frame's camera, as the others' is the same; the temperature of them all."""
    temperatures = [t for frame in frames if (t := frame.facts.ccd_temperature_c) is not None]
    facts = frames[-1].facts
    width_um, height_um = facts.pixel_size_um or (None, None)
    yield "CCD-TEMP", fmean(temperatures) if temperatures else None, "[degC] mean measured temperature"
    yield "XPIXSZ", width_um and width_um * spec.binning, "[um] pixel width after binning"
    yield "YPIXSZ", height_um and height_um * spec.binning, "[um] pixel height after binning"
    yield "XORGSUBF", facts.subframe_origin_px[0], "[px] first column read, binned"
    yield "YORGSUBF", facts.subframe_origin_px[1], "[px] first row read, binned"
    yield "EGAIN", facts.electrons_per_adu, "[e-/ADU] electrons per ADU of a single frame"
    yield "SATURATE", facts.saturation_adu, "[ADU] saturation level of a single frame"
    yield "BAYERPAT", facts.bayer_pattern, "colour filter array"
    yield "XBAYROFF", facts.bayer_pattern and facts.bayer_offset_px[0], "[px] Bayer offset, columns"
    yield "YBAYROFF", facts.bayer_pattern and facts.bayer_offset_px[1], "[px] Bayer offset, rows"
    yield "ROWORDER", "TOP-DOWN", "row 0 is first on the sensor"
    yield "INSTRUME", facts.camera, "camera"
    yield "TELESCOP", facts.rig, "rig"


def _sun_cards(frames: Sequence[FrameRow]) -> Iterator[_Card]:
    altitudes_deg = [frame.facts.sun_altitude_deg for frame in frames]
    yield "SUNALT", fmean(altitudes_deg), "[deg] mean altitude of the Sun"
    yield "SUNALTLO", min(altitudes_deg), "[deg] lowest altitude of the Sun"
    yield "SUNALTHI", max(altitudes_deg), "[deg] highest altitude of the Sun"


def _method_cards(spec: FrameSpec, method: Method, clipping: Clipping, combined: Combined) -> Iterator[_Card]:
    yield "COMBMETH", method.value, "how they were combined"
    yield "REJECTED", int(combined.rejected.sum(dtype=np.int64)), "input values rejected"
    yield "BIASSUB", spec.kind is Kind.FLAT, "bias was subtracted"
    if method is Method.CLIP:
        yield "CLIPSIG", clipping.sigma, "deviations kept around the median"
        yield "CLIPITER", clipping.iterations, "rounds of clipping, at most"


def _relation_cards(
    spec: FrameSpec, bias: MasterBias | None, succession: Succession | None
) -> Iterator[_Card]:
    """The master that was subtracted, and the one that is replaced."""
    if spec.kind is Kind.FLAT and bias is not None:
        yield "BIASFILE", PurePosixPath(bias.row.path).name, "master bias subtracted"
        yield "BIASSHA", bias.row.sha256, ""
    if succession is not None:
        yield "SUPERSED", succession.name, "master that this one replaces"
        yield "SUPERSHA", succession.before.sha256, ""


def _input_cards(frames: Sequence[FrameRow]) -> Iterator[_Card]:
    for number, frame in enumerate(frames, 1):
        yield f"IN{number:04d}", PurePosixPath(frame.path).name, ""
        yield f"SH{number:04d}", frame.sha256, ""


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
