"""The last masters of flats in small: how the light falls across each filter's."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from capture.frame import FrameSpec
from capture.store import fits_file
from capture.store.archive import Archive
from capture.store.rows import MasterRow
from sequences.flat_shape import FlatShape, shape_of

# With the history of a few hundred inputs.
_LONGEST_HEADER = 100 * 2880


def shapes_of(archive: Archive, rig: str, camera: str, specs: Iterable[FrameSpec]) -> dict[str, FlatShape]:
    """The shapes by filter; a filter without a valid master of this camera, or a readable one, has none.

    Only some of the pixels are read. A master made before somebody changed the optics is none.
    """
    found: dict[str, FlatShape] = {}
    for spec in specs:
        masters = archive.catalogue.masters(rig=rig, spec=spec, valid=True)
        shape = _shape_of(archive, masters[0]) if masters and masters[0].camera == camera else None
        if shape is not None:
            found[spec.filter or ""] = shape
    return found


def _shape_of(archive: Archive, master: MasterRow) -> FlatShape | None:
    pixels, is_mosaic = pixels_of(archive, master)
    try:
        return None if pixels is None else shape_of(pixels, mosaic=is_mosaic)
    except OSError:
        return None


def pixels_of(archive: Archive, master: MasterRow) -> tuple[NDArray[np.float32] | None, bool]:
    """A master's pixels, [rows, columns], read when they are looked at, and whether it is of a mosaic.

    None of a file that cannot be read: who verifies the archive tells of the damage.
    """
    path = archive.path_of(master)
    try:
        with path.open("rb") as file:
            start = file.read(_LONGEST_HEADER)
        length = fits_file.header_length(start)
        if length is None:
            return None, False
        cards = fits_file.structure(start[:length])
        shape = (int(cards["NAXIS2"]), int(cards["NAXIS1"]))
        # A mosaic is told by the pattern that a master of one has in its header.
        return np.memmap(path, ">f4", "r", offset=length, shape=shape), "BAYERPAT" in cards
    except (OSError, ValueError, KeyError):
        return None, False
