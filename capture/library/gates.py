"""What of a set is not fit for a master, judged on all its frames together (shared/masters.md, "Gates").

Verdicts given while frames are taken know one frame at a time, and imported frames have none of them. Here
each frame is compared with the rest of its set and with the set's last master, on a sample of their rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from capture.errors import CombineError
from capture.frame import Kind
from capture.library.clipping import MAD_TO_SIGMA
from capture.library.judging import off_exposure, off_temperature, saturated
from capture.library.measure import clipped_mean
from capture.library.sources import Source
from capture.store.fits_bands import PixelReader
from capture.store.rows import FrameRow

Floats = NDArray[np.float32]

LEAST_SIGNAL_TO_NOISE = 50.0
# Of a bias of 1.5 ADU noise a quarter of the pixels have one value: only flats are judged by this.
MOST_AT_ONE_VALUE = 0.20
OTHER_SIGMA, MOST_OTHER = 6.0, 0.05
# A sky's gradient is another each night: so much of the level is no change of the flat.
_SKY_PART = 0.005
# Levels wander by so much, and darks' by what half a degree changes, or no cooling (light_leak.py).
_WANDER_ADU, _COOLED, _UNCOOLED = 1.5, 0.15, 0.6
_LEVEL_SIGMA, _DRIFT_SIGMA = 6.0, 4.0
# With fewer there is no telling which frame is the odd one.
_FEWEST = 5
_BANDS, _SAMPLE_PX = 8, 64_000


@dataclass(frozen=True)
class Reference:
    """The last master of the set, by name, and its pixels where frames are sampled, float32 ADU."""

    name: str
    pixels: Floats


def rows_looked_at(shape: tuple[int, int]) -> list[tuple[int, int]]:
    """First row and the one after the last of each band of a sample, spread over the image.

    Not the first row: a file that is read from its first row on is summed on the way.
    """
    rows, columns = shape
    height = max(1, min(_SAMPLE_PX // _BANDS // columns, (rows - 1) // _BANDS))
    starts = np.unique(np.linspace(min(1, rows - 1), rows - height, _BANDS).astype(int))
    return [(int(start), int(start) + height) for start in starts]


def sample_of(source: Source) -> Floats:
    """Pixels of a frame in ADU, float32, at the rows looked at."""
    bands = [source.read(*rows).reshape(-1) for rows in rows_looked_at(source.shape)]
    return np.concatenate(bands).astype(np.float32) + np.float32(source.zero)


def sample_of_file(reader: PixelReader) -> Floats:
    """The same of a master's file."""
    columns = reader.shape[1]
    bands = [np.empty((last - first) * columns, np.float32) for first, last in rows_looked_at(reader.shape)]
    for band, (first, _) in zip(bands, rows_looked_at(reader.shape), strict=True):
        reader.read(first * columns, band)
    return np.concatenate(bands)


def unfit(
    frames: Sequence[FrameRow],
    samples: Sequence[Floats],
    bias: Floats | None = None,
    reference: Reference | None = None,
) -> dict[int, str]:
    """Why frames of one set are not to be combined, by their ids; `samples` are theirs, in this order.

    `bias`: the sample of the master bias; `reference`: the set's last master, none for its first. What is
    not known is not judged. Raises CombineError when most of the set is unlike the last master: then it is
    not the frames that are odd.
    """
    kind = frames[0].kind
    reasons = {frame.id: _by_itself(frame) for frame in frames}
    if kind is Kind.FLAT and bias is not None:
        _judge_flats(frames, samples, bias, reference, reasons)
    elif kind is not Kind.FLAT:
        _judge_dark(frames, samples, bias, reference, reasons)
    return {number: "; ".join(said) for number, said in reasons.items() if said}


def _by_itself(frame: FrameRow) -> list[str]:
    said = saturated(frame.statistics)
    if frame.kind is not Kind.FLAT:
        said += off_temperature(frame.spec, frame.facts) + off_exposure(frame.spec, frame.facts)
    return said


def _judge_flats(
    frames: Sequence[FrameRow],
    samples: Sequence[Floats],
    bias: Floats,
    reference: Reference | None,
    reasons: Mapping[int, list[str]],
) -> None:
    levels = [float(np.median(sample - bias)) for sample in samples]
    if min(levels) <= 0:
        raise CombineError("a flat is no brighter than the bias")
    for frame, sample in zip(frames, samples, strict=True):
        part = float(np.bincount(sample.astype(np.int64)).max()) / sample.size
        if part > MOST_AT_ONE_VALUE:
            reasons[frame.id].append(f"{part:.0%} of its pixels have one value")
    stack = np.stack([(s - bias) / np.float32(level) for s, level in zip(samples, levels, strict=True)])
    noises = _noises(stack)
    if len(frames) >= _FEWEST:
        for frame, noise in zip(frames, noises, strict=True):
            if noise * LEAST_SIGNAL_TO_NOISE > 1:
                reasons[frame.id].append(
                    f"a signal of {1 / noise:.0f} times the noise; {LEAST_SIGNAL_TO_NOISE:.0f} are needed"
                )
    if reference is not None:
        expected = reference.pixels / np.median(reference.pixels)
        _compare(frames, stack, np.maximum(noises, _SKY_PART), expected, reference.name, reasons)


def _judge_dark(
    frames: Sequence[FrameRow],
    samples: Sequence[Floats],
    bias: Floats | None,
    reference: Reference | None,
    reasons: Mapping[int, list[str]],
) -> None:
    stack = np.stack(list(samples))
    noises = _noises(stack)
    middle = np.median(stack, axis=0)
    if len(frames) >= _FEWEST and (frames[0].kind is Kind.BIAS or bias is not None):
        current_adu = max(0.0, float(np.median(middle - bias))) if bias is not None else 0.0
        cooled = frames[0].kind is Kind.BIAS or frames[0].spec.set_temperature_c is not None
        wander_adu = _WANDER_ADU + (_COOLED if cooled else _UNCOOLED) * current_adu
        levels = np.array([clipped_mean(sample - middle) for sample in stack])
        _judge_levels(frames, levels, max(wander_adu, float(np.median(noises))), reasons)
    if reference is not None:
        _compare(frames, stack, np.maximum(noises, 0.5), reference.pixels, reference.name, reasons)


def _judge_levels(
    frames: Sequence[FrameRow],
    levels_adu: NDArray[np.float64],
    limit_adu: float,
    reasons: Mapping[int, list[str]],
) -> None:
    """Single levels off the set's, and levels that rise or fall through a night."""
    off = levels_adu - np.median(levels_adu)
    single_adu = max(limit_adu, _LEVEL_SIGMA * MAD_TO_SIGMA * float(np.median(np.abs(off))))
    for frame, value in zip(frames, off, strict=True):
        if abs(value) > single_adu:
            reasons[frame.id].append(
                f"its level is {value:+.1f} ADU off its set's, allowed are {single_adu:.1f}"
            )
    for night in {frame.night for frame in frames}:
        those = [n for n, frame in enumerate(frames) if frame.night == night and not reasons[frame.id]]
        drift_adu, sigma_adu = _drift([frames[n].taken for n in those], off[those])
        if abs(drift_adu) > max(limit_adu, _DRIFT_SIGMA * sigma_adu):
            for n in those:
                reasons[frames[n].id].append(
                    f"the level drifts by {drift_adu:+.1f} ADU through the set of that night, allowed are "
                    f"{limit_adu:.1f}"
                )


def _drift(times: Sequence[datetime], levels_adu: NDArray[np.float64]) -> tuple[float, float]:
    """By how much a line through the levels rises from the first frame to the last, and its deviation."""
    if len(times) < _FEWEST:
        return 0.0, 0.0
    place = np.array([(time - min(times)).total_seconds() for time in times])
    if not place.max() > 0:
        return 0.0, 0.0
    place = place / place.max() - np.mean(place / place.max())
    slope = float(place @ levels_adu / (place @ place))
    rest = levels_adu - levels_adu.mean() - slope * place
    return slope, float(np.sqrt(rest @ rest / (len(times) - 2) / (place @ place)))


def _compare(
    frames: Sequence[FrameRow],
    stack: Floats,
    noises: NDArray[np.float64],
    expected: Floats,
    name: str,
    reasons: Mapping[int, list[str]],
) -> None:
    """Whether too many pixels of a frame are far from the last master's."""
    others = {}
    for frame, sample, noise in zip(frames, stack, noises, strict=True):
        part = float(np.mean(np.abs(sample - expected) >= OTHER_SIGMA * noise))
        if part > MOST_OTHER:
            others[frame.id] = f"{part:.0%} of its pixels are {OTHER_SIGMA:.0f} sigma or more off {name}"
    if 2 * len(others) > len(frames):
        raise CombineError(
            f"{len(others)} of {len(frames)} frames are unlike the last master: of the first "
            f"{next(iter(others.values()))}. When the camera or its light path was changed, tell "
            f"`nightcal event` what: then the masters begin anew"
        )
    for number, reason in others.items():
        reasons[number].append(reason)


def _noises(stack: Floats) -> NDArray[np.float64]:
    """Scatter of each frame about the median of all, by MAD; 0 of a single frame."""
    count = len(stack)
    away = np.abs(stack - np.median(stack, axis=0))
    widened = MAD_TO_SIGMA * (count / max(1, count - 1)) ** 0.5
    noises: NDArray[np.float64] = np.median(away, axis=1).astype(np.float64)
    noises *= widened
    return noises
