"""The file of a calibrated light, written piece by piece by several threads while it is made."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from capture.errors import StoreError
from capture.library.calibrated_header import mask_cards
from capture.library.recipe import MOST_PIXELS, MakePiece, Recipe, Tally
from capture.store.data_unit import padded
from capture.store.fits_file import Card, begin_write_back, header_bytes, new_file

_THREADS = 2
# The disk is told to begin with so many pixels at once, as telling it takes time, too.
_TOLD_AT_ONCE = 8 * MOST_PIXELS


def write_calibrated(
    out: Path,
    recipe: Recipe,
    make: MakePiece,
    cards: Callable[[Tally], list[Card]],
    history: Sequence[str],
    with_mask: bool,
) -> Tally:
    """Write what `make` makes of the recipe into the new file `out`, and return its tally.

    `cards` are asked twice, with an empty tally and with the final one, and need the same space. Raises
    StoreError when a file does not match its DATASUM, or `out` is there or cannot be written.
    """
    shape, tally = recipe.raw.shape, Tally()
    pixels, item = shape[0] * shape[1], recipe.dtype.itemsize

    def header() -> bytes:
        return header_bytes(shape, recipe.dtype, cards(tally), history, tally.pixels_sum % 0xFFFFFFFF)

    def mask_header() -> bytes:
        total = tally.mask_sum % 0xFFFFFFFF
        return header_bytes(shape, np.dtype(np.uint8), mask_cards(), (), total, extension="MASK")

    start = len(header())
    mask_at = start + padded(pixels * item)
    mask_start = mask_at + (len(mask_header()) if with_mask else 0)
    end = mask_start + padded(pixels) if with_mask else mask_at

    with new_file(out) as handle:

        def piece(first: int) -> Tally:
            made = make(first, min(MOST_PIXELS, pixels - first))
            _put(handle, made.stored, start + first * item)
            if with_mask:
                _put(handle, made.mask, mask_start + first)
            return made.tally

        with ThreadPoolExecutor(_THREADS) as pool:
            starts = range(0, pixels, MOST_PIXELS)
            for first, of_piece in zip(starts, pool.map(piece, starts), strict=True):
                tally.add(of_piece)
                if (begun := first + MOST_PIXELS - _TOLD_AT_ONCE) % _TOLD_AT_ONCE == 0:
                    begin_write_back(handle, start + begun * item, _TOLD_AT_ONCE * item)
                    if with_mask:
                        begin_write_back(handle, mask_start + begun, _TOLD_AT_ONCE)
        for reader in recipe.readers:
            reader.check()
        if len(final := header()) != start:
            raise StoreError(f"{out}: its header grew while it was written")
        _put(handle, memoryview(final), 0)
        if with_mask:
            _put(handle, memoryview(mask_header()), mask_at)
        os.ftruncate(handle, end)
        os.fsync(handle)
    return tally


def _put(handle: int, data: memoryview, place: int) -> None:
    while data:
        written = os.pwrite(handle, data, place)
        data, place = data[written:], place + written
