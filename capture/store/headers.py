"""A frame's facts as FITS cards, and back: what MaxIm, NINA, PixInsight, Siril and ccdproc read, and ours.

The header tells what was measured. What was only asked for has cards of its own (EXPREQ, SET-TEMP, ROTREQ),
and what is unknown has none: NaN cannot be written in FITS, and a reader would take a zero for a fact.
"""

from __future__ import annotations

import importlib.metadata
import math
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import numpy as np
from astropy.io import fits

from capture.errors import StoreError
from capture.frame import Facts, Frame, FrameSpec, Kind, Statistics, Verdict
from capture.site import Site
from capture.store.data_unit import Image
from capture.store.fits_file import Card, Value
from capture.store.gates import gate_cards, gates_of

IMAGE_TYPES = {
    Kind.BIAS: "Bias Frame",
    Kind.DARK: "Dark Frame",
    Kind.FLAT: "Flat Field",
    Kind.LIGHT: "Light Frame",
}


def frame_cards(frame: Frame, site: Site) -> list[Card]:
    """The cards of a frame, without those of the file's structure and checksums."""
    facts = frame.facts
    return known_cards(
        [
            ("IMAGETYP", IMAGE_TYPES[frame.spec.kind], "type of image"),
            ("EXPTIME", facts.exposure_s, "[s] actual exposure"),
            ("EXPOSURE", facts.exposure_s, "[s] actual exposure"),
            *time_cards(facts.started, facts.exposure_s),
            *spec_cards(frame.spec),
            *_device_cards(facts, frame.spec.binning),
            *_pointing_cards(facts),
            *site_cards(site),
            ("SUNALT", round(facts.sun_altitude_deg, 4), "[deg] altitude of the Sun, unrefracted"),
            ("ROOFSHUT", facts.roof_shut, "the roof was shut throughout"),
            ("ROOFOPEN", facts.roof_open, "the roof was open throughout"),
            *_verdict_cards(frame),
            ("SWCREATE", program(), "program that wrote this file"),
        ]
    )


def frame_of(header: fits.Header, pixels: Image) -> Frame:
    """The frame whose header `frame_cards` made; times come back to the millisecond.

    Raises StoreError when a card that every frame of ours has is missing or makes no sense, or when the
    pixels are not raw ones.
    """
    if pixels.dtype != np.uint16:
        raise StoreError(f"raw frames are uint16, not {pixels.dtype}")
    raw = pixels.astype(np.uint16, copy=False)
    try:
        spec = spec_of(header)
        facts = _facts_of(header)
        statistics = Statistics(
            float(header["MEDIAN"]),
            float(header["MEAN"]),
            float(header["DEVIATN"]),
            float(header["PCT999"]),
            float(header["SATFRAC"]),
        )
        reasons = [str(header[f"REASON{number}"]) for number in range(1, header.get("NREASON", 0) + 1)]
        target = header.get("TARGADU")
        return Frame(raw, spec, facts, statistics, Verdict(tuple(reasons)), target, gates_of(header))
    except (KeyError, ValueError, TypeError) as error:
        raise StoreError(f"this header is none of nightcal's frames: {error}") from error


def spec_cards(spec: FrameSpec) -> list[tuple[str, Value | None, str]]:
    """What was asked of the devices."""
    return [
        ("EXPREQ", spec.exposure_s, "[s] exposure asked for"),
        ("FILTER", spec.filter, "filter"),
        ("XBINNING", spec.binning, "columns per pixel"),
        ("YBINNING", spec.binning, "rows per pixel"),
        ("GAIN", spec.gain, "gain setting of the camera"),
        ("OFFSET", spec.offset, "offset setting of the camera"),
        ("READOUTM", spec.readout_mode, "readout mode"),
        ("SET-TEMP", spec.set_temperature_c, "[degC] set temperature"),
        ("ROTREQ", spec.rotator_deg, "[deg] rotator position asked for"),
    ]


def spec_of(header: fits.Header) -> FrameSpec:
    """The spec that `spec_cards` wrote. Raises KeyError or ValueError when it is none."""
    return FrameSpec(
        kind=kind_of(str(header["IMAGETYP"])),
        exposure_s=float(header["EXPREQ"]),
        filter=header.get("FILTER"),
        binning=int(header["XBINNING"]),
        gain=header.get("GAIN"),
        offset=header.get("OFFSET"),
        readout_mode=header.get("READOUTM"),
        set_temperature_c=header.get("SET-TEMP"),
        rotator_deg=header.get("ROTREQ"),
    )


def kind_of(image_type: str) -> Kind:
    """The kind that an IMAGETYP names, in any program's case and wording. Raises ValueError."""
    for kind in Kind:
        if kind.value in image_type.lower():
            return kind
    raise ValueError(f"IMAGETYP {image_type!r} is neither bias, dark, flat nor light")


def time_cards(started: datetime, exposure_s: float) -> list[tuple[str, Value | None, str]]:
    """Start and middle of an exposure, UTC."""
    epoch = datetime(1858, 11, 17, tzinfo=UTC)
    mjd = (started - epoch) / timedelta(days=1)
    middle = started + timedelta(seconds=exposure_s / 2)
    return [
        ("DATE-OBS", utc_text(started), "UTC start of the exposure"),
        ("DATE-AVG", utc_text(middle), "UTC middle of the exposure"),
        ("TIMESYS", "UTC", "time scale"),
        ("JD", round(mjd + 2400000.5, 8), "[d] Julian date of the start"),
        ("MJD-OBS", round(mjd, 8), "[d] modified Julian date of the start"),
    ]


def site_cards(site: Site) -> list[tuple[str, Value | None, str]]:
    """Where the telescope stands."""
    return [
        ("SITELAT", site.latitude_deg, "[deg] latitude, north positive"),
        ("SITELONG", site.longitude_deg, "[deg] longitude, east positive"),
        ("SITEELEV", site.elevation_m, "[m] elevation"),
    ]


def known_cards(cards: Iterable[tuple[str, Value | None, str]]) -> list[Card]:
    """The cards without unknown values (None, NaN, infinite), texts in printable ASCII."""
    known: list[Card] = []
    for keyword, value, comment in cards:
        if value is None or (isinstance(value, float) and not math.isfinite(value)):
            continue
        known.append((keyword, ascii_text(value) if isinstance(value, str) else value, comment))
    return known


def ascii_text(text: str) -> str:
    """`text` in printable ASCII, as FITS demands: accents dropped, Greek letters spelt, others `?`."""
    letters: list[str] = []
    for letter in unicodedata.normalize("NFKD", text):
        name = unicodedata.name(letter, "")
        if " " <= letter <= "~":
            letters.append(letter)
        elif name.startswith("GREEK"):
            letters.append(name.rpartition(" ")[2].lower())
        elif not unicodedata.combining(letter):
            letters.append("?")
    return "".join(letters)


def utc_text(when: datetime) -> str:
    """`when` as FITS writes it: UTC, no zone, rounded to the millisecond."""
    rounded = when.astimezone(UTC) + timedelta(microseconds=500)
    return rounded.replace(tzinfo=None).isoformat(timespec="milliseconds")


def program() -> str:
    """The program's name and version."""
    try:
        return f"nightcal {importlib.metadata.version('nightcal')}"
    except importlib.metadata.PackageNotFoundError:
        return "nightcal"


def _device_cards(facts: Facts, binning: int) -> list[tuple[str, Value | None, str]]:
    width_um, height_um = facts.pixel_size_um or (None, None)
    return [
        ("CCD-TEMP", facts.ccd_temperature_c, "[degC] measured temperature"),
        ("XPIXSZ", width_um and width_um * binning, "[um] pixel width after binning"),
        ("YPIXSZ", height_um and height_um * binning, "[um] pixel height after binning"),
        ("XORGSUBF", facts.subframe_origin_px[0], "[px] first column read, binned"),
        ("YORGSUBF", facts.subframe_origin_px[1], "[px] first row read, binned"),
        ("EGAIN", facts.electrons_per_adu, "[e-/ADU] electrons per ADU"),
        ("SATURATE", facts.saturation_adu, "[ADU] saturation level"),
        ("BAYERPAT", facts.bayer_pattern, "colour filter array"),
        ("XBAYROFF", facts.bayer_pattern and facts.bayer_offset_px[0], "[px] Bayer offset, columns"),
        ("YBAYROFF", facts.bayer_pattern and facts.bayer_offset_px[1], "[px] Bayer offset, rows"),
        ("ROWORDER", "TOP-DOWN", "row 0 is first on the sensor"),
        ("INSTRUME", facts.camera, "camera"),
        ("TELESCOP", facts.rig, "rig"),
        ("DOWNLOAD", facts.downloaded_s, "[s] time to download"),
    ]


def _pointing_cards(facts: Facts) -> list[tuple[str, Value | None, str]]:
    hours, degrees = facts.right_ascension_h, facts.declination_deg
    return [
        ("ROTATANG", facts.rotator_deg, "[deg] measured rotator position"),
        ("CENTALT", facts.altitude_deg, "[deg] altitude of the pointing"),
        ("CENTAZ", facts.azimuth_deg, "[deg] azimuth, north through east"),
        ("RA", None if hours is None else hours * 15, "[deg] right ascension of the pointing"),
        ("DEC", degrees, "[deg] declination of the pointing"),
        ("OBJCTRA", None if hours is None else _sexagesimal(hours), "right ascension, h m s"),
        ("OBJCTDEC", None if degrees is None else _sexagesimal(degrees, "+"), "declination, d m s"),
    ]


def _verdict_cards(frame: Frame) -> list[tuple[str, Value | None, str]]:
    measured = frame.statistics
    cards: list[tuple[str, Value | None, str]] = [
        ("MEDIAN", measured.median_adu, "[ADU] median level, bias included"),
        ("MEAN", measured.mean_adu, "[ADU] mean level, bias included"),
        ("DEVIATN", measured.deviation_adu, "[ADU] 1.4826 MAD"),
        ("PCT999", measured.percentile_999_adu, "[ADU] 99.9th percentile"),
        ("SATFRAC", measured.saturated_fraction, "saturated fraction"),
        ("TARGADU", frame.target_adu, "[ADU] level aimed at"),
        *gate_cards(frame.gates),
        ("VERDICT", "good" if frame.verdict.good else "rejected", "whether the frame counts"),
        ("NREASON", len(frame.verdict.reasons), "number of reasons against it"),
    ]
    for number, reason in enumerate(frame.verdict.reasons, 1):
        cards.append((f"REASON{number}", reason, ""))
    return cards


def _facts_of(header: fits.Header) -> Facts:
    binning = int(header["XBINNING"])
    pixel = None if "XPIXSZ" not in header else (header["XPIXSZ"] / binning, header["YPIXSZ"] / binning)
    return Facts(
        rig=str(header["TELESCOP"]),
        camera=str(header["INSTRUME"]),
        started=datetime.fromisoformat(str(header["DATE-OBS"])).replace(tzinfo=UTC),
        exposure_s=float(header["EXPTIME"]),
        sun_altitude_deg=float(header["SUNALT"]),
        ccd_temperature_c=header.get("CCD-TEMP"),
        altitude_deg=header.get("CENTALT"),
        azimuth_deg=header.get("CENTAZ"),
        right_ascension_h=None if "RA" not in header else header["RA"] / 15,
        declination_deg=header.get("DEC"),
        rotator_deg=header.get("ROTATANG"),
        roof_shut=header.get("ROOFSHUT"),
        roof_open=header.get("ROOFOPEN"),
        saturation_adu=float(header["SATURATE"]),
        electrons_per_adu=header.get("EGAIN"),
        pixel_size_um=pixel,
        subframe_origin_px=(int(header["XORGSUBF"]), int(header["YORGSUBF"])),
        bayer_pattern=header.get("BAYERPAT"),
        bayer_offset_px=(int(header.get("XBAYROFF", 0)), int(header.get("YBAYROFF", 0))),
        downloaded_s=header.get("DOWNLOAD"),
    )


def _sexagesimal(value: float, sign: str = "") -> str:
    """`value` as MaxIm writes it: `05 34 31.9`."""
    tenths = round(abs(value) * 36000)
    whole, rest = divmod(tenths, 36000)
    minutes, seconds = divmod(rest, 600)
    prefix = "-" if value < 0 else sign
    return f"{prefix}{whole:02d} {minutes:02d} {seconds / 10:04.1f}"
