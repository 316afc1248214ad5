"""How long a device's answer takes while others of the fleet hang and drip, and what a small GET costs.

`python -m benchmarks.fleet [--quick] [--json FILE]`

Fifty devices are polled, each ten times a second by a thread of its own; one never answers and one drips a
byte each 50 ms. `others_p99_ms` is of the 48 others (aim < 50). Beside it the same with alpyca, a question
that is not answered by the end counted as long as it has waited. `get_ratio` is how many times longer alpyca
takes for a small GET on a kept connection (aim >= 5).
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from statistics import median

import numpy as np
from alpaca.telescope import Telescope as AlpycaTelescope

from benchmarks.wire_server import DRIPPING, HUNG, running
from capture.alpaca.devices import Telescope
from capture.config import DeviceAddress
from capture.errors import DeviceError

DEVICES = 50
PERIOD_S = 0.1
Ask = Callable[[], object]


def ours(port: int, number: int) -> Ask:
    telescope = Telescope(DeviceAddress(host="127.0.0.1", port=port, number=number))
    return lambda: telescope.Connected


def alpyca(port: int, number: int) -> Ask:
    telescope = AlpycaTelescope(f"127.0.0.1:{port}", number)
    return lambda: telescope.Connected


CLIENTS: dict[str, Callable[[int, int], Ask]] = {"ours": ours, "alpyca": alpyca}


class Poller:
    """Asks one device again and again and notes how long each answer took."""

    def __init__(self, ask: Ask, phase_s: float, end: float) -> None:
        self.took_s: list[float] = []
        self.asked: float | None = None
        self._ask = ask
        self._phase_s = phase_s
        self._end = end
        threading.Thread(target=self._poll, daemon=True).start()

    def _poll(self) -> None:
        time.sleep(self._phase_s)
        while (now := time.perf_counter()) < self._end:
            self.asked = now
            with suppress(DeviceError, OSError):  # of the hung and the dripping one, which are not counted
                self._ask()
            took_s = time.perf_counter() - now
            self.took_s.append(took_s)
            self.asked = None
            time.sleep(max(0.0, PERIOD_S - took_s))

    def all_took_s(self) -> list[float]:
        """What it has noted, and how long it has waited for what has not come."""
        waiting = [] if self.asked is None else [time.perf_counter() - self.asked]
        return self.took_s + waiting


def poll(port: int, client: str, seconds: float) -> list[float]:
    """How long each answer of the healthy devices took, in ms."""
    asks = [CLIENTS[client](port, number) for number in range(DEVICES)]
    end = time.perf_counter() + seconds
    pollers = [Poller(ask, number * PERIOD_S / DEVICES, end) for number, ask in enumerate(asks)]
    time.sleep(seconds)
    healthy = [p for number, p in enumerate(pollers) if number not in (HUNG, DRIPPING)]
    return [took * 1000 for poller in healthy for took in poller.all_took_s()]


def small_get_us(port: int, rounds: int, calls: int) -> dict[str, float]:
    """The median of each client's mean over a round of calls, their rounds interleaved."""
    asks = {name: client(port, 0) for name, client in CLIENTS.items()}
    took: dict[str, list[float]] = {name: [] for name in asks}
    for _ in range(rounds):
        for name, ask in asks.items():
            ask()
            start = time.perf_counter()
            for _ in range(calls):
                ask()
            took[name].append((time.perf_counter() - start) / calls * 1e6)
    return {name: median(values) for name, values in took.items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="5 s of polling instead of 30")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    polled_s = 5.0 if arguments.quick else 30.0
    with running([]) as port:
        get_us = small_get_us(port, 7, 200 if arguments.quick else 1000)
        took_ms = {client: poll(port, client, polled_s) for client in CLIENTS}
    print(f"{'':8} {'small GET us':>13} {'answers':>8} {'median ms':>10} {'p99 ms':>9} {'max ms':>9}")
    results = {"get_ratio": get_us["alpyca"] / get_us["ours"]}
    for client in CLIENTS:
        p50, p99 = np.percentile(took_ms[client], (50, 99))
        prefix = "" if client == "ours" else f"{client}_"
        results |= {f"{prefix}others_p99_ms": p99, f"{client}_get_us": get_us[client]}
        print(f"{client:8} {get_us[client]:13.0f} {len(took_ms[client]):8} {p50:10.2f} {p99:9.2f} "
              f"{max(took_ms[client]):9.1f}")  # fmt: skip
    print(f"alpyca / ours for a small GET: {results['get_ratio']:.1f} (aim >= 5); others_p99_ms aim < 50")
    if arguments.json:
        arguments.json.write_text(
            json.dumps({k: round(float(v), 3) for k, v in results.items()}, indent=2) + "\n"
        )


if __name__ == "__main__":
    main()
