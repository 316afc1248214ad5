"""A light calibrated, against reading and writing the same bytes.

`python -m benchmarks.calibrate [--quick] [--json FILE]`

`limit_ratio`: match, dark, flat, mask, checksums and fsync, over reading light, dark and flat once and
writing and syncing a file of the calibrated light's size, in turn; medians, by the wall and by CPU. With
nightcal[fast] it is that of the compiled way, and `numpy_limit_ratio` is that of numpy's beside it.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

from capture.clock import SystemClock
from capture.config import CalibrationConfig
from capture.frame import Facts, Frame, FrameSpec, Kind, Pixels, Statistics
from capture.library.calibrate import calibrate
from capture.library.calibrate_numpy import by_numpy
from capture.library.light import read_light
from capture.library.masters_for import masters_for
from capture.library.recipe import Way
from capture.site import Site
from capture.store import fits_file
from capture.store.archive import Archive

SITE = Site("bench", 32.9, -105.5, 2225.0, "UTC")
NIGHT = date(2026, 11, 21)
TAKEN = datetime(2026, 11, 22, 3, tzinfo=UTC)
POLICY = CalibrationConfig()
_CHUNK = 4_000_000


def prepare(folder: Path, rows: int, columns: int) -> tuple[Archive, Path]:
    """An archive with masters of a camera of that size, and one of its lights."""
    archive = Archive(folder, SITE, SystemClock())
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 8, (512, columns)).astype(np.float32)
    noise = np.tile(noise, (-(-rows // 512), 1))[:rows]
    for kind, level_adu in ((Kind.DARK, 520.0), (Kind.FLAT, 30000.0)):
        spec = FrameSpec(kind, 120.0, "L", set_temperature_c=-10.0)
        raw = _save(archive, spec, np.zeros((rows, columns), np.uint16))
        pixels = noise + np.float32(level_adu)
        cards: list[fits_file.Card] = [("IMAGETYP", f"Master {kind.value}", "")]
        if kind is Kind.FLAT:
            cards.append(("FLATMEAN", level_adu, ""))
        file = folder / f"{kind.value}.fits"
        sha256 = fits_file.write(file, pixels, cards)
        archive.catalogue.add_master(
            rig="T1", spec=spec, path=file.name, sha256=sha256, method="clip", built=TAKEN,
            inputs=[archive.catalogue.frames(kind=kind)[0]], figures={},
        )  # fmt: skip
        raw.unlink()
    light = (noise + np.float32(1500)).astype(np.uint16)
    return archive, _save(archive, FrameSpec(Kind.LIGHT, 120.0, "L", set_temperature_c=-10.0), light)


def _save(archive: Archive, spec: FrameSpec, pixels: Pixels) -> Path:
    facts = Facts("T1", "bench", TAKEN, spec.exposure_s, -30.0, -10.0)
    return archive.path_of(
        archive.save(Frame(pixels, spec, facts, Statistics.of(pixels, 65535.0)), None, NIGHT)
    )


def limit(inputs: list[Path], sizes: list[int], out: Path) -> None:
    """Read the same bytes once, and write and sync as many as a calibrated light has."""
    buffer = bytearray(_CHUNK)
    for path in inputs:
        with path.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass
    handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for size in sizes:
        left = size
        while left > 0:
            left -= os.write(handle, memoryview(buffer)[: min(left, _CHUNK)])
    os.fsync(handle)
    os.close(handle)


def interleaved(works: dict[str, Callable[[], None]], repeats: int) -> dict[str, float]:
    """Medians of wall and CPU seconds of each, in turn, after one turn that is not counted."""
    took: dict[str, list[float]] = {f"{name}_{what}": [] for name in works for what in ("wall_s", "cpu_s")}
    for turn in range(repeats + 1):
        for name, work in works.items():
            start, cpu = time.perf_counter(), time.process_time()
            work()
            if turn:
                took[f"{name}_wall_s"].append(time.perf_counter() - start)
                took[f"{name}_cpu_s"].append(time.process_time() - cpu)
    return {name: median(values) for name, values in took.items()}


def measure(folder: Path, rows: int, columns: int, repeats: int) -> dict[str, float]:
    """The figures of a light of that size."""
    archive, file = prepare(folder, rows, columns)
    out = folder / "calibrated.fits"
    inputs = [file, folder / "dark.fits", folder / "flat.fits"]

    def ours(way: Way | None = None) -> None:
        with suppress(FileNotFoundError):
            out.unlink()
        light = read_light(file)
        found = masters_for(archive.catalogue, light, "T1", POLICY)
        calibrate(light, found, archive.root, out, POLICY, TAKEN, way)

    def bare() -> None:
        target = folder / "limit.bin"
        with suppress(FileNotFoundError):
            target.unlink()
        limit(inputs, [rows * columns * 4, rows * columns], target)

    def matched() -> None:
        masters_for(archive.catalogue, read_light(file), "T1", POLICY)

    works = {"limit": bare, "calibrate": ours, "match": matched}
    if importlib.util.find_spec("numba"):
        works["numpy"] = partial(ours, by_numpy)
    figures = interleaved(works, repeats)
    archive.close()
    for name, prefix in (("calibrate", ""), ("numpy", "numpy_")):
        if name in works:
            figures[f"{prefix}limit_ratio"] = figures[f"{name}_wall_s"] / figures["limit_wall_s"]
            figures[f"{prefix}limit_ratio_cpu"] = figures[f"{name}_cpu_s"] / figures["limit_cpu_s"]
    return figures | {"megapixels": rows * columns / 1e6, "match_ms": figures["match_wall_s"] * 1000}


def main() -> None:
    """Measure and print; write JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a light of 16 MP, and fewer turns")
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--folder", type=Path, help="on this disk")
    arguments = parser.parse_args()
    rows, columns, repeats = (4096, 4096, 5) if arguments.quick else (6388, 9576, 9)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        figures = measure(Path(folder), rows, columns, repeats)
    for name, value in figures.items():
        print(f"{name:20} {value:.3f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
