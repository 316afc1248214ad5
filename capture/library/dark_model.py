"""What the library's masters tell of a camera's dark current, for who looks for stray light."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from capture.frame import FrameSpec, Kind
from capture.library.shapes import pixels_of
from capture.store.archive import Archive
from sequences.light_leak import DarkModel, look_at


def dark_model_of(archive: Archive, rig: str, camera: str, spec: FrameSpec) -> DarkModel | None:
    """The dark current of this camera with settings and set point as in `spec`, by its newest valid masters.

    None without a master bias and at least one master dark, and of a sensor at no set temperature.
    """
    if spec.set_temperature_c is None:
        return None
    dark = replace(spec, kind=Kind.DARK, exposure_s=0.0).set_key()
    bias = replace(spec, kind=Kind.BIAS).set_key()
    grids: dict[float, np.ndarray[tuple[int, ...], np.dtype[np.float64]]] = {}
    for master in archive.catalogue.masters(rig=rig, valid=True):
        is_bias = master.spec == bias
        exposure_s = 0.0 if is_bias else master.spec.exposure_s
        mine = is_bias or replace(master.spec, exposure_s=0.0) == dark
        if mine and master.camera == camera and exposure_s not in grids:
            pixels, _ = pixels_of(archive, master)
            if pixels is not None:
                grids[exposure_s] = look_at(pixels, exposure_s, 0.0).grid
    level = grids.pop(0.0, None)
    if level is None:
        return None
    darks = {seconds: grid - level for seconds, grid in grids.items() if grid.shape == level.shape}
    return DarkModel(darks) if darks else None
