"""Several processes in one simulated time: started and ended by a worker of the clock."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import IO

from capture.clock import ADDRESS_VARIABLE, ClockServer, SimulatedClock, serve_clock, stopwatch
from capture.errors import NightcalError

_STARTS_WITHIN_S = 60.0


class Processes:
    """Python programs on one simulated clock, which this process serves."""

    def __init__(self, clock: SimulatedClock, server: ClockServer) -> None:
        self._clock = clock
        self._server = server
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, *arguments: str, out: IO[bytes] | None = None) -> subprocess.Popen[bytes]:
        """Start `python ARGUMENTS`; time stands until its first worker has joined. Within a worker.

        `out`: where its output goes; ours if left out. Raises NightcalError when it does not come up.
        """
        joined, elapsed_s = self._server.joined, stopwatch()
        environment = os.environ | {ADDRESS_VARIABLE: self._server.address}
        errors = subprocess.STDOUT if out else None
        process = subprocess.Popen([sys.executable, *arguments], stdout=out, stderr=errors, env=environment)
        self._running.append(process)
        while not self._server.wait_joined(joined + 1, 0.2):
            if process.poll() is not None or elapsed_s() > _STARTS_WITHIN_S:
                raise NightcalError(f"{' '.join(arguments)} did not come up (status {process.poll()})")
        return process

    def end(self, process: subprocess.Popen[bytes]) -> int:
        """Ask it to end in good order, and let time go on until it has; its exit status. Within a worker."""
        process.terminate()
        while True:
            self._clock.sleep(1.0)
            # What it does on its way out is not all done in its turns: real time must pass, too.
            with suppress(subprocess.TimeoutExpired):
                return process.wait(0.05)

    def kill_all(self) -> None:
        """Leave none behind."""
        for process in self._running:
            process.kill()
            process.wait()


@contextmanager
def side_by_side(clock: SimulatedClock) -> Iterator[Processes]:
    """Serve `clock`; at the end no process is left."""
    with ExitStack() as stack:
        processes = Processes(clock, stack.enter_context(serve_clock(clock)))
        stack.callback(processes.kill_all)
        yield processes
