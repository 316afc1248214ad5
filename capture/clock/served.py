"""A simulated clock that lives in another process: each worker here has its own line to it."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from capture.clock.base import Clock, Worker
from capture.clock.simulated import wake_us
from capture.clock.system import SystemClock
from capture.errors import ClockError

ADDRESS_VARIABLE = "NIGHTCAL_CLOCK"
_US = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CONNECTS_S = 10.0


class _Wire:
    """One connection to the clock's server. Raises ClockError when that is gone."""

    def __init__(self, host: str, port: int) -> None:
        self._pending = b""
        try:
            self._socket = socket.create_connection((host, port), _CONNECTS_S)
        except OSError as error:
            raise ClockError(f"the simulated clock at {host}:{port} cannot be reached: {error}") from error
        self._socket.settimeout(None)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def say(self, line: str) -> None:
        try:
            self._socket.sendall(line.encode("ascii", "replace") + b"\n")
        except OSError as error:
            raise ClockError(f"the simulated clock is gone: {error}") from error

    def hear(self) -> list[str]:
        """The words of the next line."""
        while (end := self._pending.find(b"\n")) < 0:
            try:
                more = self._socket.recv(256)
            except OSError as error:
                raise ClockError(f"the simulated clock is gone: {error}") from error
            if not more:
                raise ClockError("the simulated clock is gone")
            self._pending += more
        line, self._pending = self._pending[:end], self._pending[end + 1 :]
        return line.decode("ascii").split()

    def close(self) -> None:
        self._socket.close()


class ServedClock(Clock):
    """The clock that `serve_clock` serves at `address`, host:port. Raises ClockError when it is not there.

    Threads that are no workers ask the server what time it is; a worker has been told with its turn.
    """

    jumps = True

    def __init__(self, address: str) -> None:
        super().__init__()
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal():
            raise ClockError(f"{address!r} is no address of a clock; write host:port")
        self._host, self._port = host, int(port)
        self._lock = threading.Lock()
        self._asking = threading.Lock()
        self._wires: dict[Worker, tuple[int, _Wire]] = {}
        self._questions = _Wire(self._host, self._port)
        _, now_us, start_us = self._ask("now")
        self._now_us = int(now_us)
        self._start = _EPOCH + timedelta(microseconds=int(start_us))

    def close(self) -> None:
        """Let go of the server; no worker may be left."""
        self._questions.close()

    def now(self) -> datetime:
        return self._start + timedelta(microseconds=self._us())

    def monotonic(self) -> float:
        return self._us() / _US

    def _us(self) -> int:
        if self._caller() is None:
            return int(self._ask("now")[1])
        return self._now_us

    def _ask(self, question: str) -> list[str]:
        with self._asking:
            self._questions.say(question)
            return self._questions.hear()

    def park(self, deadline: float | None) -> None:
        me = self.me()
        with self._lock:
            if me.permit:
                me.permit = False
                return
            me.parked = True
            _, wire = self._wires[me]
        at_us = wake_us(deadline, self._now_us)
        wire.say("wait -" if at_us is None else f"wait {at_us}")
        self._enter(me)

    def unpark(self, worker: Worker) -> None:
        with self._lock:
            if not worker.parked:
                worker.permit = True
                return
            known = self._wires.get(worker)
            caller = self._wires.get(self._caller() or worker)
        if known is None or caller is None:
            return
        if self._caller() is None:
            # Answered, so that it is done before whoever asked us for it lets time go on.
            self._ask(f"ready {known[0]}")
        else:
            # On the caller's own line, so that it comes before the end of the caller's turn.
            caller[1].say(f"ready {known[0]}")

    def _caller(self) -> Worker | None:
        worker: Worker | None = getattr(self._mine, "worker", None)
        return worker

    def _register(self, worker: Worker) -> None:
        wire = _Wire(self._host, self._port)
        name = " ".join(worker.name.split()) or "worker"
        wire.say(f"join {worker.rank} {name:.100}")
        # The server knows it from here on: time cannot run past it before its thread has started.
        _, ident, _ = wire.hear()
        with self._lock:
            worker.parked = True
            self._wires[worker] = int(ident), wire

    def _enter(self, worker: Worker) -> None:
        _, wire = self._wires[worker]
        word, now_us = wire.hear()
        with self._lock:
            worker.parked = False
            self._now_us = max(self._now_us, int(now_us))
        if word == "over":
            raise ClockError(f"simulated time passed its horizon: it is {self.now():%Y-%m-%d %H:%M} UTC")

    def _leave(self, worker: Worker) -> None:
        with self._lock:
            _, wire = self._wires.pop(worker)
        self._mine.worker = None
        with suppress(ClockError):
            wire.say("bye")
        wire.close()


def clock_of_this_process() -> Clock:
    """The machine's clock, or the simulated one that the environment names (`NIGHTCAL_CLOCK=host:port`)."""
    address = os.environ.get(ADDRESS_VARIABLE)
    return ServedClock(address) if address else SystemClock()
