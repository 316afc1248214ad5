"""Combining frames into masters, against the limit and against what others use.

`python -m benchmarks.masters [--quick] [--json FILE]`

25 frames of 16.8 MP, and without `--quick` of 61 MP, in the page cache. Each contender is a process of its
own, three turns of each, one contender after the other; medians of CPU and wall seconds of the work alone,
without imports and compilation (Siril: of the whole process). Two have one turn, because they are slow:
Siril at 61 MP, and ccdproc, which gets a quarter of each frame, its time counted four times. `limit` reads
the bytes once and swaps them. `median`, `average`, `clip` and `flats` (less bias, scaled, clipped) are ours
by numpy alone, and with `fast_` before them by nightcal[fast].

`<method>_limit_ratio`: our CPU over the limit's. `<method>_siril_ratio`, `<method>_ccdproc_ratio`,
`<method>_strips_ratio` (np.median in strips of rows): theirs over ours, higher is better. Siril and ccdproc
(.venv-foreign) are left out where they are not installed, ccdproc at 61 MP, too. `peak_gb`: the most memory
of our clip at the largest size, master and rejection map written.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from capture.clock import SystemClock
from capture.frame import Facts, Frame, FrameSpec, Kind, Statistics
from capture.library import reduce_numpy
from capture.library.clipping import Clipping, Reducers
from capture.library.combine import Combined, Method, Scaling, combine
from capture.library.sources import FileSource
from capture.site import Site
from capture.store import fits_file
from capture.store.archive import Archive

SITE = Site("bench", 32.9, -105.5, 2225.0, "UTC")
NIGHT = date(2026, 11, 21)
FRAMES = 25
TURNS = 3
BANDS = 8_000_000
OURS = ("median", "average", "clip", "flats")
FOREIGN_PYTHON = Path(__file__).parents[1] / ".venv-foreign" / "bin" / "python"
SIRIL = {
    "median": "stack frames_ med -nonorm",
    "average": "stack frames_ mean none -nonorm",
    "clip": "stack frames_ rej s 3 3 -nonorm",
}
CCDPROC = """
import json, sys, time, numpy as np, ccdproc
method, *files = sys.argv[1:]
options = {"method": "average" if method == "clip" else method}
if method == "clip":
    options |= {"sigma_clip": True, "sigma_clip_low_thresh": 3, "sigma_clip_high_thresh": 3,
                "sigma_clip_func": np.ma.median}
wall, cpu = time.perf_counter(), time.process_time()
ccdproc.combine(files, unit="adu", mem_limit=2e9, **options)
print(json.dumps([time.perf_counter() - wall, time.process_time() - cpu, 0.0]))
"""

# Wall seconds, CPU seconds, GB at most.
Took = tuple[float, float, float]


def make_frames(folder: Path, rows: int, columns: int) -> None:
    """Write FRAMES darks with cosmic rays to an archive, and links to them that Siril finds."""
    rng = np.random.default_rng(1)
    start = datetime(2026, 11, 22, tzinfo=UTC)
    noise = np.rint(rng.normal(1000, 12, rows * columns + 4096 * FRAMES)).astype(np.uint16)
    with closing(Archive(folder, SITE, SystemClock())) as archive:
        for number in range(FRAMES):
            pixels = noise[4096 * number :][: rows * columns].reshape(rows, columns).copy()
            pixels.reshape(-1)[rng.integers(0, pixels.size, pixels.size // 5000)] = 20000
            facts = Facts("T1", "bench", start + timedelta(minutes=number), 120.0, -30.0)
            spec = FrameSpec(Kind.DARK, 120.0)
            row = archive.save(Frame(pixels, spec, facts, Statistics.of(pixels, 65535.0)), None, NIGHT)
            os.link(archive.path_of(row), folder / f"frames_{number + 1:05d}.fit")


def make_quarters(folder: Path) -> list[Path]:
    """A quarter of each frame's rows, for ccdproc."""
    quarters = []
    for frame in sorted(folder.glob("frames_*.fit")):
        quarters.append(frame.with_suffix(".quarter"))
        _, pixels = fits_file.read(frame)
        fits_file.write(quarters[-1], pixels[: len(pixels) // 4], [])
    return quarters


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="16.8 MP only")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--folder", type=Path, help="where the frames go for a while; 4 GB")
    parser.add_argument("--side", type=int, help="frames of so many pixels squared only, for a trial")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(take_one(arguments.one[0], Path(arguments.one[1]))))
        return
    side = arguments.side or 4096
    sizes = {"": (side, side)}
    if not arguments.quick and not arguments.side:
        sizes["61mp_"] = (6388, 9576)
    figures: dict[str, float] = {}
    if arguments.folder:
        arguments.folder.mkdir(parents=True, exist_ok=True)
    for prefix, (rows, columns) in sizes.items():
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            make_frames(Path(folder), rows, columns)
            quarters = [] if prefix else make_quarters(Path(folder))
            found = measure(Path(folder), quarters, 1 if prefix else TURNS)
        print(f"\n{FRAMES} frames of {columns} x {rows}\n{'':>18}   wall s    CPU s  peak GB", flush=True)
        for name, (wall_s, cpu_s, gb) in found.items():
            print(f"{name:>18} {wall_s:8.2f} {cpu_s:8.2f} {gb:8.2f}")
        figures |= {f"{prefix}{name}": value for name, value in ratios(found).items()}
        figures["peak_gb"] = max(gb for name, (_, _, gb) in found.items() if name.endswith("clip_written"))
    print()
    for name, value in figures.items():
        print(f"{name:>28} {value:8.2f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


def measure(folder: Path, quarters: Sequence[Path], siril_turns: int) -> dict[str, Took]:
    """The medians of every contender, their turns interleaved; `quarters`: the frames for ccdproc, if any."""
    fast = importlib.util.find_spec("numba") is not None
    names = ["limit", *OURS, *(f"fast_{name}" for name in OURS if fast), "clip_written", "strips_median"]
    contenders: dict[str, tuple[int, Callable[[], Took]]] = {
        name: (TURNS, partial(_ours, name, folder)) for name in names
    }
    if shutil.which("siril-cli"):
        contenders |= {f"siril_{name}": (siril_turns, partial(siril, folder, name)) for name in SIRIL}
    if quarters and FOREIGN_PYTHON.exists() and _has_ccdproc():
        contenders |= {f"ccdproc_{name}": (1, partial(ccdproc, name, quarters)) for name in SIRIL}
    took: dict[str, list[Took]] = {name: [] for name in contenders}
    for turn in range(TURNS):
        for name, (turns, contender) in contenders.items():
            if turn < turns:
                took[name].append(contender())
    return {
        name: (median(w for w, _, _ in all_), median(c for _, c, _ in all_), max(g for _, _, g in all_))
        for name, all_ in took.items()
    }


def ratios(found: dict[str, Took]) -> dict[str, float]:
    """By CPU: ours over the limit, others over ours."""
    cpu_s = {name: took[1] for name, took in found.items()}
    figures: dict[str, float] = {}
    for name in [name for name in found if name.removeprefix("fast_") in OURS]:
        figures[f"{name}_limit_ratio"] = cpu_s[name] / cpu_s["limit"]
        for other in ("siril", "ccdproc", "strips"):
            theirs = cpu_s.get(f"{other}_{name.removeprefix('fast_')}")
            if theirs is not None:
                figures[f"{name}_{other}_ratio"] = theirs / cpu_s[name]
    return figures


def take_one(name: str, folder: Path) -> Took:
    """Do one contender's work in this process, which nothing else has used."""
    with opened(folder) as sources:
        work = _work(name, sources, folder)
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        took = (time.perf_counter() - wall, time.process_time() - cpu)
    return (*took, peak_bytes() / 1e9)


def peak_bytes() -> int:
    """The most memory that this process held; `ru_maxrss` would count its parent's before the exec, too."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


@contextmanager
def opened(folder: Path) -> Iterator[list[FileSource]]:
    """The frames of an archive, open."""
    with closing(Archive(folder, SITE, SystemClock())) as archive, ExitStack() as stack:
        rows = archive.catalogue.frames(kind=Kind.DARK)
        yield [stack.enter_context(FileSource(archive.path_of(row), row)) for row in rows]


def _work(name: str, sources: list[FileSource], folder: Path) -> Callable[[], object]:
    if name == "limit":
        return lambda: read_once(sources)
    if name == "strips_median":
        return lambda: median_in_strips(sources)
    reducers = _reducers(name.startswith("fast_"))
    if name == "clip_written":
        return lambda: write(combine(sources, reducers=reducers), folder)
    method = name.removeprefix("fast_")
    if method == "flats":
        scaling = Scaling(np.full(sources[0].shape, 500, np.float32), [1 + n / 100 for n in range(FRAMES)])
        _warm_up(reducers, Method.CLIP, np.float32)
        return lambda: combine(sources, Method.CLIP, scaling=scaling, reducers=reducers)
    _warm_up(reducers, Method(method), np.int16)
    return lambda: combine(sources, Method(method), reducers=reducers)


def _reducers(fast: bool) -> Reducers:
    if not fast:
        return reduce_numpy.REDUCERS
    from capture.library import reduce_compiled  # noqa: PLC0415 - numba is not there everywhere

    return reduce_compiled.REDUCERS


def _warm_up(reducers: Reducers, method: Method, dtype: type) -> None:
    """Let what is compiled be so."""
    band: np.ndarray[tuple[int, ...], np.dtype[Any]] = np.zeros((FRAMES, 2048), dtype)
    pixels, rejected = np.empty(2048, np.float32), np.empty(2048, np.uint16)
    getattr(reducers, method.value)(band, slice(0, 2048), Clipping(), 0, pixels, rejected)


def read_once(sources: list[FileSource]) -> None:
    """Every byte of the pixels through the cache once, swapped."""
    rows, columns = sources[0].shape
    height = max(1, BANDS // (len(sources) * columns * 2))
    stored, band = np.empty(height * columns, ">i2"), np.empty(height * columns, np.int16)
    files = [source.path.open("rb", buffering=0) for source in sources]
    for _ in range(0, rows, height):
        for file in files:
            file.readinto(stored.data.cast("B"))
            np.copyto(band, stored)
    for file in files:
        file.close()


def median_in_strips(sources: list[FileSource]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """What one writes without a library."""
    rows, _ = sources[0].shape
    result = np.empty(sources[0].shape, np.float32)
    for first in range(0, rows, 64):
        last = min(rows, first + 64)
        stack = np.stack([source.read(first, last) for source in sources])
        result[first:last] = np.median(stack, axis=0, overwrite_input=True) + 32768
    return result


def write(combined: Combined, folder: Path) -> None:
    """Master and rejection map, as files."""
    for name, pixels in (("master", combined.pixels), ("map", combined.rejected)):
        file = folder / f"{name}.fits"
        fits_file.write(file, pixels, [])
        file.unlink()


def siril(folder: Path, method: str) -> Took:
    """Siril's whole process."""
    script = folder / "script.ssf"
    lines = ["requires 1.0.0", "setext fit", "set32bits", f"{SIRIL[method]} -out=result", "close"]
    script.write_text("\n".join(lines) + "\n")
    wall = time.perf_counter()
    process = subprocess.Popen(
        ["siril-cli", "-d", str(folder), "-s", str(script)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "HOME": str(folder)},
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall_s = time.perf_counter() - wall
    (folder / "result.fit").unlink()
    return wall_s, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e9


def _in_process(command: Sequence[str | Path]) -> Took:
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    # ccdproc tells in lines before how it cuts the frames up.
    wall_s, cpu_s, gb = json.loads(output.splitlines()[-1])
    return wall_s, cpu_s, gb


def ccdproc(method: str, quarters: Sequence[Path]) -> Took:
    """ccdproc on a quarter of the pixels, four times over."""
    wall_s, cpu_s, gb = _in_process([FOREIGN_PYTHON, "-W", "ignore", "-c", CCDPROC, method, *quarters])
    return wall_s * 4, cpu_s * 4, gb


def _ours(name: str, folder: Path) -> Took:
    return _in_process([sys.executable, "-m", "benchmarks.masters", "--one", name, folder])


def _has_ccdproc() -> bool:
    probe = "import importlib.util, sys; sys.exit(importlib.util.find_spec('ccdproc') is None)"
    return subprocess.run([FOREIGN_PYTHON, "-c", probe], check=False).returncode == 0


if __name__ == "__main__":
    main()
