"""A bare Alpaca server in a process of its own, so that the client alone has its interpreter.

Camera 0, 1, ... send the images asked for at start; telescopes answer every GET with true, but telescope 1
never answers and telescope 2 sends a byte every 50 ms for ever.
"""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

import numpy as np

HUNG, DRIPPING = 1, 2
WIRE_TYPES = {"uint16": (8, "<u2"), "int32": (2, "<i4")}


class Size(NamedTuple):
    """An image: its width and height in pixels and its type on the wire."""

    width: int
    height: int
    type: str


@contextmanager
def running(images: list[Size]) -> Iterator[int]:
    """The port of a server of these images."""
    arguments = [f"{size.width},{size.height},{size.type}" for size in images]
    command = [sys.executable, "-m", "benchmarks.wire_server", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def image(size: Size) -> np.ndarray:
    """Pixels [x, y] that fit 16 bits, as a sensor's do."""
    pixels = np.random.default_rng(1).integers(400, 60_000, (size.width, size.height), np.uint16)
    return pixels.astype(WIRE_TYPES[size.type][1])


def _serve(connection: socket.socket, bodies: list[tuple[bytes, memoryview]]) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    pending = b""
    with suppress(OSError), connection:
        while True:
            while (end := pending.find(b"\r\n\r\n")) < 0:
                more = connection.recv(65_536)
                if not more:
                    return
                pending += more
            path, _, query = pending[4:end].split(b" ")[0].partition(b"?")
            _, _, _, kind, number, member = path.split(b"/")
            pending = pending[end + 4 :]
            if kind == b"camera" and member == b"imagearray":
                head, pixels = bodies[int(number)]
                connection.sendall(head)
                connection.sendall(pixels)
                continue
            if kind == b"telescope" and int(number) == HUNG:
                time.sleep(1e6)
            ids = dict(pair.split(b"=") for pair in query.split(b"&"))
            body = b'{"Value":true,"ClientTransactionID":%b,' % ids[b"ClientTransactionID"]
            body += b'"ServerTransactionID":1,"ErrorNumber":0,"ErrorMessage":""}'
            if kind == b"telescope" and int(number) == DRIPPING:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
                while True:
                    connection.sendall(b" ")
                    time.sleep(0.05)
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(
                body
            )
            connection.sendall(head + body)


def main() -> None:
    """Serve until the process is killed or its parent is gone."""
    bodies = []
    for argument in sys.argv[1:]:
        width, height, kind = argument.split(",")
        size = Size(int(width), int(height), kind)
        pixels = image(size)
        start = struct.pack("<11i", 1, 0, 0, 1, 44, 2, WIRE_TYPES[kind][0], 2, size.width, size.height, 0)
        head = "HTTP/1.1 200 OK\r\nContent-Type: application/imagebytes\r\nContent-Length: "
        bodies.append(
            (f"{head}{44 + pixels.nbytes}\r\n\r\n".encode() + start, pixels.reshape(-1).view(np.uint8).data)
        )
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        print(listener.getsockname()[1], flush=True)

        def accept() -> None:
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=_serve, args=(connection, bodies), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        sys.stdin.read()


if __name__ == "__main__":
    main()
