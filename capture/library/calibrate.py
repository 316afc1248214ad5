"""A light less its dark, over its flat: (light - dark) / (flat / FLATMEAN), piece by piece.

The dark keeps its bias; one that is scaled does not: bias + scale x (dark - bias) is subtracted. The raw file
is only read. The calibrated one has its header, the masters by name and SHA-256, and an extension MASK.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from capture.config import CalibrationConfig
from capture.errors import BadInput, StoreError
from capture.frame import Kind
from capture.library.calibrated_header import calibrated_cards, history, mask_cards
from capture.library.light import Light
from capture.library.match import Chosen, Match
from capture.store.data_unit import padded
from capture.store.fits_bands import PixelReader, Values, sum_of_words
from capture.store.fits_file import begin_write_back, header_bytes, new_file

# The bits of MASK; a pixel of 0 is good.
HOT, UNLIT, SATURATED, NO_VALUE = 1, 2, 4, 8
_FULL_WELL_MARGIN = 0.98
# A flat's pixels below this part of its mean are dust, edges or defects: lights are divided by this instead.
LEAST_FLAT = 0.2
# A pixel of a dark so many deviations above its median is hot.
HOT_SIGMA = 10.0
# Added to whole numbers, which know no sign; readers add PEDESTAL, its negative, to take it off.
PEDESTAL_ADU = 100
# Pixels at once: what the threads have in hand stays in their caches.
_PIECE = 1 << 17
_THREADS = 2


@dataclass(frozen=True)
class Calibrated:
    """What was made: the file, its letters of CALSTAT, and how many pixels MASK marks for which reason."""

    path: Path
    calstat: str
    counts: dict[str, int]


@dataclass
class _Counts:
    """Sums over all pieces, and the least value of a saturated pixel."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    hot: int = 0
    unlit: int = 0
    saturated: int = 0
    no_value: int = 0
    least_saturated_adu: float = float("inf")
    pixels_sum: int = 0
    mask_sum: int = 0

    def add(self, mask: NDArray[np.uint8], values: Values, pixels_sum: int, mask_sum: int) -> None:
        marked = mask[mask != 0] if mask_sum else mask[:0]
        counted = [int(np.count_nonzero(marked & bit)) for bit in (HOT, UNLIT, SATURATED, NO_VALUE)]
        least = float(values[(mask & SATURATED) != 0].min()) if counted[2] else float("inf")
        with self.lock:
            self.hot += counted[0]
            self.unlit += counted[1]
            self.saturated += counted[2]
            self.no_value += counted[3]
            self.least_saturated_adu = min(self.least_saturated_adu, least)
            self.pixels_sum += pixels_sum
            self.mask_sum += mask_sum


def calibrate(
    light: Light, found: Match, root: Path, out: Path, policy: CalibrationConfig, now: datetime
) -> Calibrated:
    """Calibrate a light with the masters that were found for it, into the new file `out`.

    `root` is the archive's folder. Raises BadInput when the match is not complete, or the light no raw frame
    of the masters' size; StoreError when a file is damaged, or `out` is there or cannot be written.
    """
    if not found.complete:
        raise BadInput(f"{light.path} stays raw: {found.reason or 'no master fits'}")
    with ExitStack() as stack:
        raw = stack.enter_context(_open_light(light))
        masters = {
            one.master.kind: (one, stack.enter_context(PixelReader(root / one.master.path)))
            for one in found.masters
        }
        for one, reader in masters.values():
            if reader.shape != raw.shape:
                raise BadInput(
                    f"{light.path} has {raw.shape[1]} x {raw.shape[0]} pixels, and the master "
                    f"{one.name} {reader.shape[1]} x {reader.shape[0]}"
                )
        work = _Work(light, raw, masters, policy)
        counts = _write(work, out, policy, found.masters, now)
    counted = {
        "hot": counts.hot, "unlit": counts.unlit, "saturated": counts.saturated, "no_value": counts.no_value
    }  # fmt: skip
    return Calibrated(out, calstat(found.masters), counted)


def calibrated_name(raw: Path, folder: Path | None = None) -> Path:
    """`x_cal.fits` in `folder`, or beside the raw light `x.fits`."""
    return (folder or raw.parent) / f"{raw.stem}_cal.fits"


def calstat(masters: Sequence[Chosen]) -> str:
    """What was done, in MaxIm's letters: a dark takes its bias along."""
    kinds = {one.master.kind for one in masters}
    letters = "B" if kinds & {Kind.BIAS, Kind.DARK} else ""
    return letters + ("D" if Kind.DARK in kinds else "") + ("F" if Kind.FLAT in kinds else "")


def _open_light(light: Light) -> PixelReader:
    try:
        raw = PixelReader(light.path)
    except StoreError as error:
        raise BadInput(str(error)) from error
    try:
        pedestal = float(raw.cards.get("PEDESTAL", "0") or 0)
    except ValueError:
        pedestal = 0.0
    if pedestal:
        with raw:
            raise BadInput(
                f"{light.path} has a PEDESTAL of {pedestal:g} and no CALSTAT: whether its bias is whole "
                f"cannot be told, and a pedestal that is divided inverts the vignetting"
            )
    return raw


class _Work:
    """The arithmetic on one piece of pixels, and the buffers that it needs."""

    def __init__(
        self,
        light: Light,
        raw: PixelReader,
        masters: dict[Kind, tuple[Chosen, PixelReader]],
        policy: CalibrationConfig,
    ) -> None:
        self.raw = raw
        self.readers = [reader for _, reader in masters.values()]
        self._bias = masters[Kind.BIAS][1] if Kind.BIAS in masters else None
        self._dark, self._scale, self._hot_adu = None, 1.0, float("inf")
        if Kind.DARK in masters:
            chosen, self._dark = masters[Kind.DARK]
            self._scale = chosen.scale
            sample = self._dark.sample(200_000)
            self._hot_adu = float(np.median(sample)) + HOT_SIGMA * max(0.5, _scatter(sample))
        self._flat, self.flat_mean_adu = None, 1.0
        if Kind.FLAT in masters:
            self._flat, self.flat_mean_adu = masters[Kind.FLAT][1], _flat_mean_adu(*masters[Kind.FLAT])
        self._saturation_adu = _saturation_adu(light, raw, self.readers)
        self._whole = policy.output == "uint16"
        self._own = threading.local()

    def do(self, first: int, count: int) -> tuple[Values, NDArray[np.uint8]]:
        """The calibrated pixels from `first` on and their mask; good until this thread asks again."""
        if not hasattr(self._own, "buffers"):
            self._own.buffers = np.empty((3, _PIECE), np.float32)
            self._own.mask = np.empty(_PIECE, np.uint8)
        values, other, third = (buffer[:count] for buffer in self._own.buffers)
        mask: NDArray[np.uint8] = self._own.mask[:count]
        self.raw.read(first, values)
        np.multiply(values >= self._saturation_adu, np.uint8(SATURATED), out=mask)
        if self._dark is not None:
            self._dark.read(first, other)
            mask |= (other > self._hot_adu).view(np.uint8)
            if self._bias is not None:
                self._bias.read(first, third)
                other -= third
                other *= np.float32(self._scale)
                other += third
            values -= other
        elif self._bias is not None:
            self._bias.read(first, other)
            values -= other
        if self._flat is not None:
            self._flat.read(first, other)
            other *= np.float32(1 / self.flat_mean_adu)
            # One look at the least value spares most pieces the search; NaN fails it, too.
            if not other.min() >= LEAST_FLAT:
                unlit = ~(other >= LEAST_FLAT)
                mask |= unlit.view(np.uint8) << 1
                other[unlit] = LEAST_FLAT
            values /= other
        # NaN passes on to both, and looking twice takes half as long as a sum.
        if not (np.isfinite(values.min()) and np.isfinite(values.max())):
            lost = ~np.isfinite(values)
            mask |= lost.view(np.uint8) << 3
            values[lost] = 0
        if self._whole:
            values += np.float32(PEDESTAL_ADU)
            np.clip(np.rint(values, out=values), 0, 65535, out=values)
        return values, mask


def _scatter(values: Values) -> float:
    """The normal-equivalent width that hot pixels do not move: 1.4826 x MAD."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def _saturation_adu(light: Light, raw: PixelReader, masters: Sequence[PixelReader]) -> float:
    """Where the sensor clips: as the light says, else as the camera did when the masters were taken."""
    if light.saturation_adu is not None:
        return light.saturation_adu
    said = [float(cards["SATURATE"]) for cards in (one.cards for one in masters) if "SATURATE" in cards]
    if not said:
        return 65535.0 if raw.cards["BITPIX"] == "16" else np.inf
    least = min(said)
    # A converter ends at one number; wells differ by percents, and what they hold has its noise.
    return least if least >= 65535 else _FULL_WELL_MARGIN * least


def _flat_mean_adu(chosen: Chosen, reader: PixelReader) -> float:
    try:
        said = float(reader.cards["FLATMEAN"])
    except (KeyError, ValueError):
        said = chosen.master.flat_mean_adu or float(np.median(reader.sample(200_000)))
    if not (np.isfinite(said) and said > 0):
        raise StoreError(f"{reader.path} says a mean of {said}: it is no flat")
    return said


def _write(
    work: _Work, out: Path, policy: CalibrationConfig, masters: Sequence[Chosen], now: datetime
) -> _Counts:
    counts = _Counts()
    shape, pixels = work.raw.shape, work.raw.shape[0] * work.raw.shape[1]
    dtype = np.dtype(np.uint16) if policy.output == "uint16" else np.dtype(np.float32)
    said = history(policy, masters)

    def header() -> bytes:
        cards = calibrated_cards(
            work.raw.path.name, work.raw.header, masters, calstat(masters), work.flat_mean_adu,
            PEDESTAL_ADU if policy.output == "uint16" else 0, vars(counts), now,
        )  # fmt: skip
        return header_bytes(shape, dtype, cards, said, counts.pixels_sum % 0xFFFFFFFF)

    def mask_header() -> bytes:
        return header_bytes(
            shape, np.dtype(np.uint8), mask_cards(), (), counts.mask_sum % 0xFFFFFFFF, extension="MASK"
        )

    start = len(header())
    mask_at = start + padded(pixels * dtype.itemsize)
    mask_start = mask_at + (len(mask_header()) if policy.mask else 0)

    with new_file(out) as handle:

        def piece(first: int) -> None:
            values, mask = work.do(first, min(_PIECE, pixels - first))
            stored, total = _stored(values, dtype)
            _put(handle, stored, start + first * dtype.itemsize)
            marks = _sum_of_bytes(mask) if mask.any() else 0
            if policy.mask:
                _put(handle, mask.data, mask_start + first)
            counts.add(mask, values, total, marks)

        with ThreadPoolExecutor(_THREADS) as pool:
            for _ in pool.map(piece, range(0, pixels, _PIECE)):
                pass
        for reader in (work.raw, *work.readers):
            reader.check()
        if len(final := header()) != start:
            raise StoreError(f"{out}: its header grew while it was written")
        _put(handle, memoryview(final), 0)
        end = mask_at
        if policy.mask:
            _put(handle, memoryview(mask_header()), mask_at)
            end = mask_start + padded(pixels)
        os.ftruncate(handle, end)
        os.fsync(handle)
    return counts


def _put(handle: int, data: memoryview, place: int) -> None:
    begin, length = place, len(data)
    while data:
        written = os.pwrite(handle, data, place)
        data, place = data[written:], place + written
    begin_write_back(handle, begin, length)


def _stored(values: Values, dtype: np.dtype[np.generic]) -> tuple[memoryview, int]:
    """Pixels as FITS has them, and what they add to DATASUM."""
    if dtype == np.dtype(np.uint16):
        whole = (values - np.float32(32768)).astype(np.int16).astype(">i2")
        return whole.view(np.uint8).data, _sum_of_bytes(whole.view(np.uint8))
    stored = values.astype(">f4")
    total = sum_of_words(values) if values.size % 2 == 0 else _sum_of_bytes(stored.view(np.uint8))
    return stored.view(np.uint8).data, total


def _sum_of_bytes(data: NDArray[np.uint8]) -> int:
    if data.size % 4:
        data = np.concatenate([data, np.zeros(-data.size % 4, np.uint8)])
    return int(data.view(">u4").sum(dtype=np.uint64))
