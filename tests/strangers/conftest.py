"""A small library of every kind of file that we write, made once."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from capture.clock import SimulatedClock
from capture.frame import FrameSpec
from capture.library.combine import Method
from capture.library.masters import build_master
from capture.store import fits_file, paths
from capture.store.archive import Archive
from capture.store.rows import MasterRow
from tests.capture.store.frames import BIAS, DARK, FLAT, NIGHT, SITE, START, make_frame, noise

SHAPE = (48, 64)
FRAMES = 9
LEVELS = {BIAS: 1000.0, DARK: 1037.0, FLAT: 31000.0}


@dataclass(frozen=True)
class Files:
    """Paths of raw frames by set, of a rejected frame, of masters by set and method, and of their maps."""

    raw: dict[FrameSpec, list[Path]]
    rejected: Path
    masters: dict[tuple[FrameSpec, Method], Path]

    @property
    def maps(self) -> list[Path]:
        return [paths.rejection_map_file(master) for master in self.masters.values()]

    def pixels(self, spec: FrameSpec, method: Method) -> NDArray[np.float32]:
        """Our master's pixels in ADU."""
        return fits_file.read(self.masters[spec, method])[1].astype(np.float32)


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Bias, dark and flat frames with cosmic rays, and masters of each by every method."""
    clock = SimulatedClock(START + timedelta(hours=12))
    raw: dict[FrameSpec, list[Path]] = {}
    masters: dict[tuple[FrameSpec, Method], Path] = {}
    with closing(Archive(tmp_path_factory.mktemp("strangers"), SITE, clock)) as archive:
        for number, (spec, level) in enumerate(LEVELS.items()):
            rows = []
            for frame in range(FRAMES):
                pixels = noise(100 * number + frame, SHAPE, level, 12.0)
                pixels[frame, 3:9] = 60000
                rows.append(archive.save(make_frame(spec, pixels, 60 * number + frame), None, NIGHT))
            raw[spec] = [archive.path_of(row) for row in rows]
            for method in (Method.CLIP, Method.MEDIAN, Method.AVERAGE):
                row: MasterRow = build_master(archive, rows, method, rejection_map=True)
                masters[spec, method] = archive.path_of(row)
        bad = make_frame(FLAT, noise(7, SHAPE, 65535.0, 1.0), 300).judged("5.2 % of the pixels are saturated")
        rejected = archive.path_of(archive.save(bad, None, NIGHT))
    return Files(raw, rejected, masters)
