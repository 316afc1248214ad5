"""The health figures that one new master gives, beside those that its own making gave.

In ADU unless the name says otherwise. Bias: `fixed_pattern_adu`, `row_pattern_adu`, `column_pattern_adu`,
`wave_adu` and `wave_over_chance`. Darks: `hot_pixels`, and `dark_nonlinearity` over all exposures. Flats:
`gain_e_per_adu`, `shutter_pattern_s`, and against the master before `dust_fraction`, `dust_deepest` at
`dust_row_px`, `dust_column_px`. All: `noise_over_expected` against the master before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from capture.frame import FrameSpec, Kind
from capture.library.health.measures import (
    dark_line,
    dust_moved,
    fixed_pattern_adu,
    gain_e_per_adu,
    hot_pixels,
    noise_over_expected,
    pattern_noise,
    shutter_pattern_s,
)
from capture.store import fits_file
from capture.store.archive import Archive
from capture.store.rows import FrameRow, MasterRow

Image = NDArray[Any]


def survey(
    archive: Archive, frames: Sequence[FrameRow], pixels: NDArray[np.float32], figures: Mapping[str, float]
) -> dict[str, float]:
    """The figures of the master `pixels` [rows, columns] of `frames`, whose own `figures` are known.

    What cannot be measured, for want of a second frame or an older master, is left out. Raises StoreError
    when a file cannot be read.
    """
    frames = sorted(frames, key=lambda frame: frame.taken)
    spec, rig = frames[-1].spec.set_key(), frames[-1].rig
    found: dict[str, float] = {}
    match spec.kind:
        case Kind.BIAS:
            found |= _of_bias(archive, frames, pixels, figures)
        case Kind.DARK:
            found |= _of_dark(archive, rig, spec, pixels, figures)
        case Kind.FLAT:
            found |= _of_flat(archive, frames)
    before = _master_before(archive, rig, spec, frames[-1].facts.camera)
    if before is not None:
        old = fits_file.read(archive.path_of(before))[1]
        if old.shape == pixels.shape:
            if spec.kind is Kind.FLAT:
                dust = dust_moved(pixels, old)
                found |= {"dust_fraction": dust.fraction, "dust_deepest": dust.deepest}
                found |= {"dust_row_px": float(dust.row_px), "dust_column_px": float(dust.column_px)}
            noises = [of.get("noise_adu") for of in (figures, before.figures)]
            if noises[0] and noises[1] and not set(before.inputs) & {frame.id for frame in frames}:
                found["noise_over_expected"] = noise_over_expected(pixels, old, noises[0], noises[1])
    return {name: value for name, value in found.items() if np.isfinite(value)}


def _of_bias(
    archive: Archive, frames: Sequence[FrameRow], pixels: Image, figures: Mapping[str, float]
) -> dict[str, float]:
    found = {}
    if (noise_adu := figures.get("noise_adu")) is not None:
        found["fixed_pattern_adu"] = fixed_pattern_adu(pixels, noise_adu)
    if len(frames) > 1:
        pattern = pattern_noise(*(_raw(archive, frame) for frame in frames[-2:]))
        found |= {
            "row_pattern_adu": pattern.rows_adu,
            "column_pattern_adu": pattern.columns_adu,
            "wave_adu": pattern.wave_adu,
            "wave_over_chance": pattern.wave_over_chance,
        }
    return found


def _of_dark(
    archive: Archive, rig: str, spec: FrameSpec, pixels: Image, figures: Mapping[str, float]
) -> dict[str, float]:
    found = {}
    masters = archive.catalogue.masters(rig=rig, valid=True)
    noise_adu = next(
        (
            m.figures["read_noise_adu"]
            for m in masters
            if m.spec.kind is Kind.BIAS and _setup(m.spec) == _setup(spec) and "read_noise_adu" in m.figures
        ),
        None,
    )
    if noise_adu:
        found["hot_pixels"] = float(hot_pixels(pixels, noise_adu))
    if "dark_rate_adu_s" in figures:
        levels = {spec.exposure_s: figures["dark_rate_adu_s"] * spec.exposure_s}
        for master in masters:
            theirs, rate = master.spec, master.figures.get("dark_rate_adu_s")
            alike = (*_setup(theirs), theirs.set_temperature_c) == (*_setup(spec), spec.set_temperature_c)
            if theirs.kind is Kind.DARK and alike and rate is not None:
                levels.setdefault(theirs.exposure_s, rate * theirs.exposure_s)
        line = dark_line(list(levels), list(levels.values()))
        if line is not None:
            found["dark_nonlinearity"] = line.nonlinearity
    return found


def _of_flat(archive: Archive, frames: Sequence[FrameRow]) -> dict[str, float]:
    found: dict[str, float] = {}
    spec, facts = frames[-1].spec, frames[-1].facts
    biases = [
        frame
        for frame in archive.catalogue.frames(rig=frames[-1].rig, kind=Kind.BIAS, good=True, valid=True)
        if _setup(frame.spec) == _setup(spec) and frame.shape == frames[-1].shape
    ][-2:]
    if len(biases) < 2:
        return found
    first, second = (_raw(archive, frame) for frame in biases)
    if len(frames) > 1:
        # Those two whose levels are most alike.
        pair = min(pairwise(frames), key=lambda two: abs(np.log(_level(two[0]) / _level(two[1]))))
        flats = (_raw(archive, pair[0]), _raw(archive, pair[1]))
        gain = gain_e_per_adu(flats, (first, second), mosaic=facts.bayer_pattern is not None)
        if gain is not None:
            found["gain_e_per_adu"] = gain
    by_exposure = sorted(frames, key=lambda frame: frame.facts.exposure_s)
    short, long = by_exposure[0], by_exposure[-1]
    if long.facts.exposure_s >= 2 * short.facts.exposure_s > 0:
        bias = (first.astype(np.float32) + second) / 2
        late_s = shutter_pattern_s(
            _raw(archive, short), _raw(archive, long), bias, short.facts.exposure_s, long.facts.exposure_s
        )
        if late_s is not None:
            found["shutter_pattern_s"] = late_s
    return found


def _master_before(archive: Archive, rig: str, spec: FrameSpec, camera: str) -> MasterRow | None:
    masters = archive.catalogue.masters(rig=rig, spec=spec)
    return next((master for master in masters if master.camera == camera), None)


def _raw(archive: Archive, frame: FrameRow) -> Image:
    return fits_file.read(archive.path_of(frame))[1]


def _level(frame: FrameRow) -> float:
    return max(1.0, frame.statistics.median_adu)


def _setup(spec: FrameSpec) -> tuple[object, ...]:
    return spec.binning, spec.gain, spec.offset, spec.readout_mode
