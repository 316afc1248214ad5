"""From the camera's image to a durable, catalogued frame; and the cadence of bias frames.

`python -m benchmarks.frame_path [--quick] [--json FILE]`

`limit_ratio`: download + statistics + FITS + checksums + hash + fsync + committed row, over receiving
the same bytes with a bare socket and writing and syncing them, in turn. `cadence_ratio`: the time from one
bias to the next through rig, sequence and writer, over the simulated camera's readout and download alone.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median

from benchmarks.image_download import bare_socket
from benchmarks.wire_server import Size, running
from capture.alpaca.devices import Camera
from capture.clock import SystemClock
from capture.config import Config, DeviceAddress, parse_config
from capture.frame import Facts, Frame, FrameSpec, Kind, Statistics
from capture.journal import Journal
from capture.night.farm import open_farm
from capture.site import Site, Window
from capture.store.archive import Archive
from sequences.job import Job, Want

SITE = Site("bench", 32.9, -105.5, 2225.0, "UTC")
NIGHT = date(2026, 11, 21)
READOUT_S = 1.0

CONFIG = """
site = {{name = "bench", latitude_deg = 32.9, longitude_deg = -105.5, elevation_m = 0, time_zone = "UTC"}}
storage = {{folder = "archive"}}
[[rig]]
name = "T1"
camera = "{server}/0"
# Frames are measured here, not the probes between them.
[rig.darks]
probe_s = 0
"""


def limit(size: Size, folder: Path, repeats: int) -> dict[str, float]:
    """Seconds of our path and of the limit, medians of interleaved turns."""
    with running([size]) as port:
        receive = bare_socket(port, 0, size)
        camera = Camera(DeviceAddress(host="127.0.0.1", port=port, number=0))
        archive = Archive(folder, SITE, SystemClock())

        def bare() -> Path:
            pixels = receive()
            file = folder / "raw.bin"
            handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            os.write(handle, pixels.reshape(-1).data)
            os.fsync(handle)
            os.close(handle)
            return file

        def ours() -> Path:
            pixels = camera.image(size.width, size.height)
            facts = Facts("T1", "bench", datetime.now(UTC), 0.0, -30.0)
            frame = Frame(pixels, FrameSpec(Kind.BIAS), facts, Statistics.of(pixels, 65535.0))
            return archive.path_of(archive.save(frame, None, NIGHT))

        try:
            return interleaved({"limit_s": bare, "frame_s": ours}, repeats)
        finally:
            archive.close()
            camera.close()


def interleaved(works: dict[str, Callable[[], Path]], repeats: int) -> dict[str, float]:
    """The median of each, their turns interleaved, after one turn that is not counted.

    Each writes a new file, which is removed when its time has been taken: a virtual machine takes ten times
    as long to write to memory that it has never used before, and only the one that kept its files would pay.
    """
    took: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(repeats + 1):
        for name, work in works.items():
            start = time.perf_counter()
            file = work()
            took_s = time.perf_counter() - start
            file.unlink()
            if turn:
                took[name].append(took_s)
    return {name: median(values) for name, values in took.items()}


@contextmanager
def simulated_camera(side_px: int) -> Iterator[str]:
    """A simulated camera with `READOUT_S` of readout in a process of its own; its server's address."""
    command = [sys.executable, "-m", "simulators", "--port", "0", "--size", str(side_px)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                words = [word.strip(",;") for word in line.split() if word.startswith("127.0.0.1:")]
                if words:
                    yield words[0].split("/")[0]
                    break
        finally:
            process.terminate()
            process.wait()


def cadence(side_px: int, folder: Path, frames: int, rounds: int = 3) -> dict[str, float]:
    """Seconds from bias to bias through the whole path, and of readout and download alone, in turn."""
    clock = SystemClock()
    steps: list[float] = []
    alone: list[float] = []
    with simulated_camera(side_px) as server:
        config = parse_config(CONFIG.format(server=server), folder / "bench.toml")
        for _ in range(rounds):
            alone += camera_alone(server, side_px, clock)
            starts: list[float] = []
            clock.run(partial(take_bias, config, clock, frames, starts))
            # The first frames teach the rig how long the readout takes.
            steps += [later - earlier for earlier, later in pairwise(starts[2:])]
    return {"cadence_s": median(steps), "camera_s": median(alone)}


def camera_alone(server: str, side_px: int, clock: SystemClock) -> list[float]:
    """Seconds of five readouts and downloads by the shortest loop there is."""
    camera = Camera(DeviceAddress(host="127.0.0.1", port=int(server.rpartition(":")[2]), number=0))
    clock.run(lambda: camera.open(clock))
    took = []
    for _ in range(5):
        camera.StartExposure(camera.ExposureMin, False)
        start = time.perf_counter()
        while not camera.ImageReady:
            time.sleep(0.002)
        camera.image(side_px, side_px)
        took.append(time.perf_counter() - start)
    camera.close()
    return took


def take_bias(config: Config, clock: SystemClock, frames: int, starts: list[float]) -> None:
    """Run a set of bias frames through the whole program and note when each was taken."""
    with open_farm(config, clock, Journal(clock)) as farm:
        rig = farm.rigs["T1"]
        rig.connect()
        now = clock.now()
        window = Window(now, now.replace(year=now.year + 1))
        farm.runners["T1"].run(Job("bias", "T1", NIGHT, window, (Want(rig.spec(Kind.BIAS), frames),)))
        taken = farm.archive.catalogue.frames(rig="T1")
        starts.extend(frame.taken.timestamp() for frame in taken if frame.taken >= now)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="16.8 MP instead of 61 MP")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    size = Size(4096, 4096, "uint16") if arguments.quick else Size(9576, 6388, "uint16")
    with tempfile.TemporaryDirectory() as folder:
        row = limit(size, Path(folder), repeats=5 if arguments.quick else 7)
    with tempfile.TemporaryDirectory() as folder:
        row |= cadence(4096, Path(folder), frames=6 if arguments.quick else 8)
    row |= {
        "limit_ratio": row["frame_s"] / row["limit_s"],
        "cadence_ratio": row["cadence_s"] / row["camera_s"],
    }
    for name, value in row.items():
        print(f"{name:>14} {value:8.3f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(row, indent=2) + "\n")


if __name__ == "__main__":
    main()
