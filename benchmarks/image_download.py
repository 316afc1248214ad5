"""How long an image takes from the request to a checked uint16 array, and the memory that it costs.

`python -m benchmarks.image_download [--quick] [--json FILE]`

Three clients of one server, in turn: a bare socket that reads into an array and checks nothing (the limit),
ours, and alpyca's ImageArrayRaw. `socket_ratio` is ours over the bare socket, `alpyca_ratio` alpyca's over
ours, `memory_ratio` our peak over the final array's size, each in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from alpaca.camera import Camera as AlpycaCamera

from benchmarks.wire_server import WIRE_TYPES, Size, image, running
from capture.alpaca.devices import Camera
from capture.config import DeviceAddress

SENSORS = {"16.8": (4096, 4096), "61": (9576, 6388)}
AIMS = {"socket_ratio": 1.25, "alpyca_ratio": 6.0, "memory_ratio": 1.2}
Download = Callable[[], np.ndarray]


def bare_socket(port: int, number: int, size: Size) -> Download:
    """What recv_into alone costs: the same request and bytes, no check, no narrowing."""
    connection = socket.create_connection(("127.0.0.1", port))
    request = f"GET /api/v1/camera/{number}/imagearray HTTP/1.1\r\nHost: x\r\n\r\n".encode()

    def download() -> np.ndarray:
        connection.sendall(request)
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(4096)
        body = head[head.index(b"\r\n\r\n") + 4 + 44 :]
        pixels = np.empty((size.width, size.height), WIRE_TYPES[size.type][1])
        view = pixels.reshape(-1).view(np.uint8).data
        view[: len(body)] = body
        filled = len(body)
        while filled < len(view):
            filled += connection.recv_into(view[filled:])
        return pixels

    return download


def ours(port: int, number: int, size: Size) -> Download:
    camera = Camera(DeviceAddress(host="127.0.0.1", port=port, number=number))
    return lambda: camera.image(size.width, size.height).T


def alpyca(port: int, number: int, size: Size) -> Download:
    camera = AlpycaCamera(f"127.0.0.1:{port}", number)
    return lambda: np.asarray(camera.ImageArrayRaw).reshape(size.width, size.height)


CLIENTS: dict[str, Callable[[int, int, Size], Download]] = {
    "socket": bare_socket,
    "ours": ours,
    "alpyca": alpyca,
}


def seconds(port: int, number: int, size: Size, repeats: int) -> dict[str, float]:
    """The median of each client, their turns interleaved."""
    downloads = {name: client(port, number, size) for name, client in CLIENTS.items()}
    expected = image(size)
    for name, download in downloads.items():
        assert np.array_equal(download(), expected), f"{name} brought other pixels"
    del expected
    took: dict[str, list[float]] = {name: [] for name in downloads}
    for _ in range(repeats):
        for name, download in downloads.items():
            start = time.perf_counter()
            pixels = download()
            took[name].append(time.perf_counter() - start)
            del pixels
    return {name: median(values) for name, values in took.items()}


def peak_bytes(port: int, number: int, size: Size, client: str) -> int:
    """The most memory above the start's that one download takes, measured in a process of its own."""
    arguments = [str(port), str(number), str(size.width), str(size.height), size.type, client]
    command = [sys.executable, "-m", "benchmarks.image_download", "--peak", *arguments]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def print_peak(arguments: list[str]) -> None:
    """The other end of `peak_bytes`."""
    port, number, width, height, kind, client = arguments
    size = Size(int(width), int(height), kind)
    download = CLIENTS[client](int(port), int(number), size)

    def status_kib(name: str) -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(name + ":"))

    Path("/proc/self/clear_refs").write_text("5")  # resets the high-water mark
    before = status_kib("VmRSS")
    pixels = download()
    print((status_kib("VmHWM") - before) * 1024)
    del pixels


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="16.8 MP alone, 9 downloads each instead of 15")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--peak", nargs=6, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peak:
        print_peak(arguments.peak)
        return
    sensors = {"16.8": SENSORS["16.8"]} if arguments.quick else SENSORS
    sizes = {f"{mp}_{kind}": Size(*sensor, kind) for mp, sensor in sensors.items() for kind in WIRE_TYPES}
    results: dict[str, float] = {}
    titles = ("socket ms", "ours ms", "alpyca ms", "ours/socket", "alpyca/ours", "ours mem", "alpyca mem")
    print(" " * 12 + "".join(f"{title:>12}" for title in titles))
    with running(list(sizes.values())) as port:
        for number, (name, size) in enumerate(sizes.items()):
            took = seconds(port, number, size, 9 if arguments.quick else 15)
            final_bytes = size.width * size.height * 2
            peak = {c: peak_bytes(port, number, size, c) / final_bytes for c in ("ours", "alpyca")}
            row = {
                "socket_ratio": took["ours"] / took["socket"],
                "alpyca_ratio": took["alpyca"] / took["ours"],
                "memory_ratio": peak["ours"],
            }
            results |= {f"{key}_{name}": round(value, 3) for key, value in row.items()}
            results |= {f"{client}_ms_{name}": round(took[client] * 1000, 1) for client in took}
            ms = [took[client] * 1000 for client in CLIENTS]
            figures = (*ms, row["socket_ratio"], row["alpyca_ratio"], peak["ours"], peak["alpyca"])
            print(f"{name:12}" + "".join(f"{figure:12.2f}" for figure in figures))
    print(f"aims: ours/socket <= {AIMS['socket_ratio']}, alpyca/ours >= {AIMS['alpyca_ratio']:g}, "
          f"memory <= {AIMS['memory_ratio']} of the final array")  # fmt: skip
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
