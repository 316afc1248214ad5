"""Folders of other programs' calibration frames, taken into the archive.

Each file is copied: rewritten as a file of ours, with what its header said in our words and with its
original's name and SHA-256 (docs/decisions/0017-imports-are-rewritten.md). The original is only read.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from capture.errors import BadInput
from capture.frame import Facts, Frame, Kind, Statistics
from capture.library.foreign import SUFFIXES, Foreign, Refused, look, master_pixels, raw_pixels
from capture.library.import_gates import ImportGates
from capture.library.rebuild import Progress, rebuild
from capture.store import fits_file, headers, paths
from capture.store.archive import Archive
from capture.store.fits_file import Card, Value
from capture.store.original import Original
from capture.store.rows import NewMaster

# Darks are judged by the bias that is there, and flats as well.
_KINDS = (Kind.BIAS, Kind.DARK, Kind.FLAT)


@dataclass(frozen=True)
class Outcome:
    """What became of one file: its `path` in the archive; `reason` why it is refused, or is there already.

    `faults`: why a frame that was taken in does not count.
    """

    file: Path
    what: str
    path: str | None = None
    reason: str = ""
    faults: tuple[str, ...] = ()

    @property
    def refused(self) -> bool:
        return bool(self.reason) and self.path is None


def import_folder(
    archive: Archive, folder: Path, rig: str, progress: Progress, *, dry_run: bool = False
) -> list[Outcome]:
    """Take the calibration frames below `folder` in as those of `rig`; one outcome a FITS file, by path.

    With `dry_run` everything is read and judged, and nothing written. Raises BadInput when the folder cannot
    be used, StoreError when the archive cannot be written: the same import again goes on from there.
    """
    files = _files(archive, folder)
    if not dry_run:
        # What an import that was cut off has written may lack its row, and with it its original's hash.
        rebuild(archive, progress)
    outcomes, seen = [], {}
    for done, file in enumerate(files, 1):
        try:
            seen[file] = look(file)
        except Refused as refused:
            outcomes.append(Outcome(file, "", reason=str(refused)))
        progress("headers", done, len(files))
    size_px = _sensor(archive, rig, seen.values())
    known = archive.catalogue.imported()
    gates = ImportGates(archive, rig, seen.values())
    in_order = sorted(
        seen.items(), key=lambda item: (_KINDS.index(item[1].spec.kind), item[1].taken, item[0])
    )
    for done, (file, foreign) in enumerate(in_order, 1):
        what = f"{'master ' if foreign.is_master else ''}{foreign.spec}"
        try:
            if foreign.unbinned_px != size_px:
                rows, columns = foreign.unbinned_px
                raise Refused(f"{columns} x {rows} pixels are not {rig}'s {size_px[1]} x {size_px[0]}")
            original = Original(foreign.program, file.name, _sha256(file))
            if original.sha256 in known:
                outcomes.append(Outcome(file, what, known[original.sha256], "is there already"))
            else:
                path, faults = _take_in(archive, rig, foreign, original, gates, dry_run=dry_run)
                known[original.sha256] = path
                outcomes.append(Outcome(file, what, path, faults=faults))
        except Refused as refused:
            outcomes.append(Outcome(file, what, reason=str(refused)))
        progress("files", done, len(seen))
    return sorted(outcomes, key=lambda outcome: outcome.file)


def _files(archive: Archive, folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise BadInput(f"{folder} is no folder")
    inside = folder.resolve()
    if inside == archive.root.resolve() or archive.root.resolve() in inside.parents:
        raise BadInput(f"{folder} is in the archive itself: library rebuild takes in what is there")
    found = sorted(f for f in folder.rglob("*") if f.suffix.lower() in SUFFIXES and f.is_file())
    # An archive below the folder is ours, not another program's.
    found = [file for file in found if archive.root.resolve() not in file.resolve().parents]
    if not found:
        raise BadInput(f"there is no FITS file below {folder}")
    return found


def _sensor(archive: Archive, rig: str, found: Iterable[Foreign]) -> tuple[int, int]:
    """Rows and columns of the rig's sensor: as its last frame had them, else as most of these files have."""
    newest = archive.catalogue.newest(rig)
    if newest is not None:
        return newest.shape[0] * newest.spec.binning, newest.shape[1] * newest.spec.binning
    sizes = Counter(foreign.unbinned_px for foreign in found)
    return sizes.most_common(1)[0][0] if sizes else (0, 0)


def _take_in(
    archive: Archive, rig: str, foreign: Foreign, original: Original, gates: ImportGates, *, dry_run: bool
) -> tuple[str, tuple[str, ...]]:
    """Its path, empty in a dry run, and why it does not count."""
    if foreign.is_master:
        return _take_master(archive, rig, foreign, original, gates, dry_run=dry_run), ()
    night = archive.site.night_of(foreign.taken)
    frame = gates.judge(_frame(archive, rig, foreign), night)
    path = "" if dry_run else archive.save(frame, None, night, original).path
    return path, frame.verdict.reasons


def _frame(archive: Archive, rig: str, foreign: Foreign) -> Frame:
    pixels = raw_pixels(foreign)
    statistics = Statistics.of(pixels, foreign.saturation_adu, mosaic=foreign.bayer_pattern is not None)
    facts = Facts(
        rig=rig,
        camera=foreign.camera,
        started=foreign.taken,
        exposure_s=foreign.exposure_s,
        sun_altitude_deg=archive.site.sun_altitude_deg(foreign.taken),
        ccd_temperature_c=foreign.ccd_temperature_c,
        saturation_adu=foreign.saturation_adu,
        electrons_per_adu=foreign.electrons_per_adu,
        pixel_size_um=foreign.pixel_size_um,
        subframe_origin_px=foreign.origin_px,
        bayer_pattern=_bayer(foreign),
        bayer_offset_px=foreign.bayer_offset_px,
    )
    return Frame(pixels, foreign.spec, facts, statistics)


def _bayer(foreign: Foreign) -> str | None:
    """The colours in our order of rows: when an even number of rows is turned over, its pairs change."""
    pattern = foreign.bayer_pattern
    if pattern is None or len(pattern) != 4:
        return None
    return pattern[2:] + pattern[:2] if foreign.upside_down and foreign.size_px[0] % 2 == 0 else pattern


def _take_master(
    archive: Archive, rig: str, foreign: Foreign, original: Original, gates: ImportGates, *, dry_run: bool
) -> str:
    pixels, spec = master_pixels(foreign), foreign.spec.set_key()
    gates.refuse(foreign, pixels)
    if dry_run:
        return ""
    figures = {"median_adu": float(np.median(pixels))}
    if spec.kind is Kind.FLAT:
        rows, columns = pixels.shape
        middle = pixels[rows // 4 : rows - rows // 4, columns // 4 : columns - columns // 4]
        figures["flat_mean_adu"] = float(np.mean(middle))
    cards = [*_master_cards(archive, rig, foreign, figures), *original.cards()]
    version = 1
    while True:
        night = archive.site.night_of(foreign.taken)
        file = paths.master_file(archive.root, rig, spec, night, version)
        try:
            sha256 = fits_file.write(file, pixels, cards)
            break
        except fits_file.NameTaken:
            version += 1
    path = file.relative_to(archive.root).as_posix()
    archive.catalogue.adopt_master(
        NewMaster(
            rig=rig,
            camera=foreign.camera,
            spec=spec,
            path=path,
            sha256=sha256,
            method="imported",
            count=max(1, foreign.combined),
            built=foreign.taken,
            newest_input=foreign.taken,
            oldest_input=foreign.taken,
            figures=figures,
            inputs=(),
            original=original.sha256,
            shape=(pixels.shape[0], pixels.shape[1]),
            origin_px=foreign.origin_px,
        )
    )
    return path


def _master_cards(archive: Archive, rig: str, foreign: Foreign, figures: dict[str, float]) -> Sequence[Card]:
    spec, kind = foreign.spec, foreign.spec.kind.value.capitalize()
    when = headers.utc_text(foreign.taken)
    width_um, height_um = foreign.pixel_size_um or (None, None)
    cards: list[tuple[str, Value | None, str]] = [
        ("IMAGETYP", f"Master {kind}", "type of image"),
        ("FRAMETYP", kind, "kind of the frames that it is made of"),
        ("DATE", when, "UTC of the original"),
        ("EXPTIME", foreign.exposure_s, "[s] exposure"),
        ("EXPOSURE", foreign.exposure_s, "[s] exposure"),
        *headers.time_cards(foreign.taken, foreign.exposure_s),
        ("DATE-BEG", when, "UTC of the original"),
        ("DATE-END", when, "UTC of the original"),
        *(card for card in headers.spec_cards(spec) if spec.kind is not Kind.FLAT or card[0] != "EXPREQ"),
        ("CCD-TEMP", foreign.ccd_temperature_c, "[degC] measured temperature"),
        ("XPIXSZ", width_um and width_um * spec.binning, "[um] pixel width after binning"),
        ("YPIXSZ", height_um and height_um * spec.binning, "[um] pixel height after binning"),
        ("XORGSUBF", foreign.origin_px[0], "[px] first column read, binned"),
        ("YORGSUBF", foreign.origin_px[1], "[px] first row read, binned"),
        ("EGAIN", foreign.electrons_per_adu, "[e-/ADU] electrons per ADU of a single frame"),
        ("SATURATE", foreign.saturation_adu, "[ADU] saturation level of a single frame"),
        ("BAYERPAT", _bayer(foreign), "colour filter array"),
        ("ROWORDER", "TOP-DOWN", "row 0 is first on the sensor"),
        ("INSTRUME", foreign.camera, "camera"),
        ("TELESCOP", rig, "rig"),
        ("BUNIT", "adu", "unit of the pixels"),
        *headers.site_cards(archive.site),
        ("NCOMBINE", max(1, foreign.combined), "number of frames combined, as far as told"),
        ("COMBMETH", "imported", "how they were combined"),
        ("MEDIAN", figures["median_adu"], "[ADU] median level"),
        ("FLATMEAN", figures.get("flat_mean_adu"), "[ADU] mean of the central quarter"),
        ("SWCREATE", headers.program(), "program that wrote this file"),
    ]
    return headers.known_cards(cards)


def _sha256(file: Path) -> str:
    try:
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        raise Refused(f"it cannot be read: {error.strerror}") from error
