"""The last masters of flats in small: how the light falls across each filter's."""

from __future__ import annotations

from collections.abc import Iterable

from astropy.io import fits

from capture.frame import FrameSpec
from capture.store.archive import Archive
from capture.store.rows import MasterRow
from sequences.flat_shape import FlatShape, shape_of


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
    try:
        with fits.open(archive.path_of(master), memmap=True) as hdus:
            # A mosaic is told by the pattern that a master of one has in its header.
            return shape_of(hdus[0].data, mosaic="BAYERPAT" in hdus[0].header)
    except (OSError, ValueError, TypeError, AttributeError):
        # Without it flats are compared with each other alone; the report tells of damaged files.
        return None
