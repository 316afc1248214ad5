"""Masters: which sets are worth one, built, published for good, and recorded with all they came from.

The figures of a MasterRow, in ADU unless the name says otherwise; each only where it could be measured:
`median_adu`; `noise_adu`, of one pixel of the master, from the scatter between frames over sqrt N;
`rejected_fraction`; for bias `read_noise_adu` and `read_noise_e`; for darks with a master bias
`dark_rate_adu_s` and `dark_rate_e_s` (medians, so without hot pixels); for flats `flat_mean_adu`, the clipped
mean of the central quarter, bias removed. Those of health are told in health/survey.py.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import fmean
from textwrap import wrap

import numpy as np
from numpy.typing import NDArray

from capture.errors import CombineError, StoreError
from capture.frame import FrameSpec, Kind
from capture.journal import Journal
from capture.library.clipping import Clipping
from capture.library.combine import Combined, Method, Scaling, combine
from capture.library.health.survey import survey
from capture.library.health.trends import alarms, trends
from capture.library.measure import clipped_mean, scatter_adu
from capture.library.provenance import MasterBias, history, master_cards, rejection_map_cards
from capture.library.rebuild import adopt_masters
from capture.library.selection import bias_of, select
from capture.library.sources import FileSource, scaled
from capture.library.succession import Succession
from capture.store import fits_file, paths
from capture.store.archive import Archive
from capture.store.rows import FrameRow, MasterRow

# Darks as Ekos keeps them; a flat outlives a week of clouds, but hardly new dust (shared/masters.md).
MAX_AGE_DAYS: Mapping[Kind, float] = {Kind.BIAS: 90.0, Kind.DARK: 30.0, Kind.FLAT: 14.0}
# Flats need the bias, and darks tell their rate by it.
_ORDER = (Kind.BIAS, Kind.DARK, Kind.FLAT)
# What a HISTORY card has room for: FITS would go on in the middle of a word.
_HISTORY_WIDTH = 72


def build_masters(
    archive: Archive,
    journal: Journal,
    *,
    rigs: Collection[str] | None = None,
    method: str = "clip",
    min_frames: int = 5,
    max_age_days: Mapping[Kind, float] = MAX_AGE_DAYS,
    rejection_maps: bool = False,
) -> list[MasterRow]:
    """Build a master of every set that has `min_frames` good frames, some of them in no valid master yet.

    `rigs`: only these. `rejection_maps`: beside each, how many frames were rejected in each pixel. A master
    whose maker was killed before its row was made gets that first. A set that cannot become a master (a
    damaged file, a flat without a master bias) is said so in the journal and left; the others go on. Raises
    StoreError when a master cannot be written, and CombineError when `method` is none.
    """
    if method not in list(Method):
        raise CombineError(f"there is no method {method!r}: choose {', '.join(Method)}")
    now = archive.clock.now()
    built: list[MasterRow] = []
    for path in adopt_masters(archive):
        journal.say("library", "adopted", f"{path.name} had no row in the catalogue; it has one now")
    for kind in _ORDER:
        since = now - timedelta(days=max_age_days[kind])
        for rig, frames in _sets(archive.catalogue.frames(kind=kind, good=True, since=since, valid=True)):
            if (rigs is not None and rig not in rigs) or len(frames) < min_frames:
                continue
            spec = frames[-1].spec.set_key()
            # Valid ones: of a master with frames set aside since, what is left is worth a new one.
            newest = archive.catalogue.masters(rig=rig, spec=spec, valid=True)[:1]
            if newest and {frame.id for frame in frames} <= set(newest[0].inputs):
                continue
            before = archive.catalogue.masters(rig=rig, spec=spec)
            # The same frames would make the master again that somebody took back.
            if any(row.withdrawn and set(row.inputs) == {frame.id for frame in frames} for row in before):
                continue
            try:
                fit = select(archive, journal, frames, max_age_days[kind])
                if len(fit.frames) < min_frames:
                    raise CombineError(f"{len(fit.frames)} fit frames are left, {min_frames} are needed")
                succession = Succession.of(before, fit.frames)
                row = build_master(
                    archive, fit.frames, Method(method), rejection_map=rejection_maps, said=fit.said
                )
            except CombineError as error:
                journal.say("library", "refused", f"{rig}: no master {spec}: {error}", rig=rig, set=str(spec))
                continue
            built.append(row)
            journal.say(
                "library", "master", _announcement(row, succession), rig=rig, path=row.path, **row.figures
            )
            for alarm in alarms(trends(archive.catalogue.masters(rig=rig, spec=row.spec))):
                journal.say("health", "alarm", alarm, rig=rig, path=row.path)
    return built


def build_master(
    archive: Archive,
    frames: Sequence[FrameRow],
    method: Method = Method.CLIP,
    *,
    rejection_map: bool = False,
    said: Sequence[str] = (),
) -> MasterRow:
    """Combine these frames, publish the master's file durably, its rejection map where wanted, then its row.

    `said`: how the frames were chosen, for the header. The gates are not asked again.
    Raises CombineError when they do not belong together, a file is damaged or no raw frame, or the master
    bias that a flat needs is not there; StoreError when the master cannot be written.
    """
    spec = check_set(frames)
    bias = _master_bias(archive, frames[-1])
    if spec.kind is Kind.FLAT and bias is None:
        raise CombineError("there is no master bias of the same gain, offset, binning and readout mode yet")
    with ExitStack() as stack:
        sources = [stack.enter_context(FileSource(archive.path_of(frame), frame)) for frame in frames]
        made = _combine(sources, spec, method, bias)
        for source in sources:
            source.check()
        noise_adu = _noise_adu(sources, made)
    figures = _figures(made, frames, spec, method, bias, noise_adu)
    # A master is worth having even where an older file, to compare it with, cannot be read.
    with suppress(StoreError):
        figures |= survey(archive, frames, made.combined.pixels, figures)
    built = archive.clock.now()
    before = Succession.of(archive.catalogue.masters(rig=frames[-1].rig, spec=spec), frames)
    cards = master_cards(
        frames, spec, method, Clipping(), made.combined, figures, bias, archive.site, built, before
    )
    told = [line for text in (*history(spec, bias, before), *said) for line in wrap(text, _HISTORY_WIDTH)]
    file, sha256 = _publish(archive, frames, spec, made.combined, cards, told, rejection_map=rejection_map)
    return archive.catalogue.add_master(
        rig=frames[-1].rig,
        spec=spec,
        path=file.relative_to(archive.root).as_posix(),
        sha256=sha256,
        method=method.value,
        built=built,
        inputs=frames,
        figures=figures,
    )


def check_set(frames: Sequence[FrameRow]) -> FrameSpec:
    """The one set that these frames are of. Raises CombineError with the reason when they are of none."""
    if not frames:
        raise CombineError("there are no frames to combine")
    first = frames[0]
    for frame in frames:
        if not frame.good:
            raise CombineError(f"{frame.path} was rejected: {frame.verdict}")
        if frame.spec.set_key() != first.spec.set_key():
            raise CombineError(f"{frame.path} ({frame.spec}) and {first.path} ({first.spec}) are of two sets")
        if _origin(frame) != _origin(first):
            raise CombineError(f"{frame.path} and {first.path} are of two cameras, or different parts of one")
    if len({frame.id for frame in frames}) < len(frames):
        raise CombineError("a frame is given twice")
    return first.spec.set_key()


def _publish(
    archive: Archive,
    frames: Sequence[FrameRow],
    spec: FrameSpec,
    combined: Combined,
    cards: Sequence[fits_file.Card],
    told: Sequence[str],
    *,
    rejection_map: bool,
) -> tuple[Path, str]:
    """Write the master under the first name that no master ever had; return its file and SHA-256."""
    night = max(frame.night for frame in frames)
    version = 1
    while True:
        file = paths.master_file(archive.root, frames[-1].rig, spec, night, version)
        if paths.rejection_map_file(file).exists():
            version += 1  # A master of this name was here once.
            continue
        try:
            sha256 = fits_file.write(file, combined.pixels, cards, told)
            break
        except fits_file.NameTaken:
            version += 1
    if rejection_map:
        beside = rejection_map_cards(cards, file.name, sha256)
        fits_file.write(paths.rejection_map_file(file), combined.rejected, beside)
    return file, sha256


@dataclass(frozen=True)
class _Made:
    combined: Combined
    factors: Sequence[float]
    levels_adu: Sequence[float]


def _combine(
    sources: Sequence[FileSource], spec: FrameSpec, method: Method, bias: MasterBias | None
) -> _Made:
    if spec.kind is not Kind.FLAT or bias is None:
        return _Made(combine(sources, method), [1.0] * len(sources), [])
    if bias.pixels.shape != sources[0].shape:
        raise CombineError(f"the master bias {bias.row.path} has another size: {bias.pixels.shape}")
    # Scaled before they are combined: else drifting twilight hides stars from the clipping.
    rows, columns = sources[0].shape
    top, left = rows // 4, columns // 4
    quarter = (slice(top, max(top + 1, rows - top)), slice(left, max(left + 1, columns - left)))
    levels = [
        clipped_mean(
            scaled(s.read(quarter[0].start, quarter[0].stop), bias.pixels[quarter[0]], 1)[:, quarter[1]]
        )
        for s in sources
    ]
    if min(levels) <= 0:
        raise CombineError("a flat is no brighter than the bias")
    target = fmean(levels)
    factors = [target / level for level in levels]
    return _Made(combine(sources, method, scaling=Scaling(bias.pixels, factors)), factors, levels)


def _noise_adu(sources: Sequence[FileSource], made: _Made) -> float | None:
    """Scatter of one frame about the others, from differences of up to four pairs (band of rows each)."""
    rows, columns = sources[0].shape
    band = (0, min(rows, max(2, 2_000_000 // columns)))
    found: list[float] = []
    for number in range(0, min(8, len(sources) - 1), 2):
        one, other = (s.read(*band).astype(np.float32) + 32768 for s in sources[number : number + 2])
        # Only a flat's scale differs from frame to frame, and its bias is the same on both sides.
        ratio = made.factors[number + 1] / made.factors[number]
        found.append(scatter_adu(one, other, ratio))
    return fmean(value**2 for value in found) ** 0.5 if found else None


def _figures(
    made: _Made,
    frames: Sequence[FrameRow],
    spec: FrameSpec,
    method: Method,
    bias: MasterBias | None,
    noise_adu: float | None,
) -> dict[str, float]:
    pixels = made.combined.pixels
    figures = {"median_adu": _median(pixels), "rejected_fraction": made.combined.rejected_fraction}
    electrons = frames[-1].facts.electrons_per_adu
    if noise_adu is not None:
        # Of normal noise, a median keeps sqrt(pi / 2) times as much as an average.
        waste = (math.pi / 2) ** 0.5 if method is Method.MEDIAN else 1.0
        figures["noise_adu"] = waste * noise_adu / len(frames) ** 0.5
        if spec.kind is Kind.BIAS:
            figures["read_noise_adu"] = noise_adu
            if electrons:
                figures["read_noise_e"] = noise_adu * electrons
    exposure_s = fmean(frame.facts.exposure_s for frame in frames)
    if spec.kind is Kind.DARK and bias is not None and bias.pixels.shape == pixels.shape and exposure_s > 0:
        figures["dark_rate_adu_s"] = _median(pixels - bias.pixels) / exposure_s
        if electrons:
            figures["dark_rate_e_s"] = figures["dark_rate_adu_s"] * electrons
    if spec.kind is Kind.FLAT:
        figures["flat_mean_adu"] = fmean(made.levels_adu)
    return figures


def _median(pixels: NDArray[np.float32]) -> float:
    return float(np.median(pixels))


def _master_bias(archive: Archive, frame: FrameRow) -> MasterBias | None:
    """The master bias of a frame, read and verified."""
    row = bias_of(archive, frame)
    if row is None:
        return None
    try:
        _, pixels = fits_file.read(archive.path_of(row))
    except StoreError as error:
        raise CombineError(f"the master bias cannot be used: {error}") from error
    return MasterBias(row, pixels.astype(np.float32))


def _sets(frames: Iterable[FrameRow]) -> list[tuple[str, list[FrameRow]]]:
    """Frames by rig and set; of the cameras and sizes in one set, only those like the newest frame."""
    sets: dict[tuple[str, FrameSpec], list[FrameRow]] = {}
    for frame in frames:
        sets.setdefault((frame.rig, frame.spec.set_key()), []).append(frame)
    return [
        (rig, [frame for frame in members if _origin(frame) == _origin(members[-1])])
        for (rig, _), members in sets.items()
    ]


def _origin(frame: FrameRow) -> tuple[object, ...]:
    return (frame.rig, frame.facts.camera, frame.shape, frame.facts.subframe_origin_px)


def _announcement(row: MasterRow, succession: Succession | None) -> str:
    rejected = row.figures["rejected_fraction"]
    said = f"{row.rig}: master {row.spec} of {row.count} frames, {rejected:.2%} of the values rejected"
    return said if succession is None else f"{said}; it supersedes {succession.name}: {succession}"
