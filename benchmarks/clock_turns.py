"""Turns per second of the simulated clock: its workers in one process, and each in a process of its own.

    python -m benchmarks.clock_turns [--workers 2] [--turns 20000] [--json]

Every worker sleeps a second of simulated time again and again, so that the turn changes hands each time.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
from datetime import UTC, datetime, timedelta

from capture.clock import Clock, ServedClock, SimulatedClock, serve_clock

_START = datetime(2026, 11, 21, tzinfo=UTC)


def _tick(clock: Clock, turns: int) -> None:
    for _ in range(turns):
        clock.sleep(1.0)


def _in_another_process(address: str, turns: int) -> None:
    clock = ServedClock(address)
    clock.run(lambda: _tick(clock, turns))
    clock.close()


def in_one_process(workers: int, turns: int) -> float:
    """Turns per second of that many workers that share `turns`."""
    clock = SimulatedClock(_START, horizon=timedelta(days=400))

    def main() -> float:
        began = time.perf_counter()
        for worker in [clock.spawn(lambda: _tick(clock, turns // workers), f"{n}") for n in range(workers)]:
            worker.join()
        return time.perf_counter() - began

    return turns / clock.run(main)


def in_processes(workers: int, turns: int) -> float:
    """The same, each worker in a process of its own on a served clock."""
    spawn = multiprocessing.get_context("spawn")
    clock = SimulatedClock(_START, horizon=timedelta(days=400))
    with serve_clock(clock) as server:
        arguments = (server.address, turns // workers)
        processes = [spawn.Process(target=_in_another_process, args=arguments) for _ in range(workers)]

        def main() -> float:
            for process in processes:
                process.start()
            while server.joined < workers:
                time.sleep(0.01)
            began = time.perf_counter()
            # The turn goes to the others for as long as they live.
            clock.sleep(turns // workers + 1)
            return time.perf_counter() - began

        seconds = clock.run(main)
        for process in processes:
            process.join()
    return turns / seconds


def main() -> None:
    """Measure both and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--turns", type=int, default=20_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = {
        "in_one_process_per_s": round(in_one_process(options.workers, options.turns)),
        "in_processes_per_s": round(in_processes(options.workers, options.turns)),
    }
    if options.json:
        print(json.dumps(figures))
        return
    for name, figure in figures.items():
        print(f"{name}: {figure}")


if __name__ == "__main__":
    main()
