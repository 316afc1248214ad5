"""A simulated clock served to other processes over loopback.

One TCP connection is one worker thread of the other process, or a line of questions. Lines of ASCII:

    join RANK NAME  -> joined ID NOW, and `turn NOW` when its turn comes
    wait AT | wait -   the turn ends, until AT or until it is made ready; -> turn NOW
    ready ID           wakes a worker of the asker's process; -> ok where the asker is no worker
    now             -> now NOW START
    bye                the worker ends

Times are microseconds since the start, START is its Unix time in microseconds; past the horizon `over NOW`
comes for `turn NOW`. A connection that closes without bye while it had the turn is a death.
"""

from __future__ import annotations

import itertools
import socket
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import TracebackType

from capture.clock.base import Worker
from capture.clock.simulated import SimulatedClock

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What a killed process has sent last may still be under way to a simulator: it must not land hours later.
_LAST_WORDS_S = 0.05
_LONGEST_LINE = 400


class _Guest(Worker):
    """The proxy of a worker of another process."""

    def __init__(self, clock: SimulatedClock, name: str, rank: int, connection: socket.socket) -> None:
        super().__init__(clock, name, rank)
        self._simulated = clock
        self._connection = connection
        self._lock = threading.Lock()
        self._early: bytes | None = b""

    def take_turn(self, now_us: int) -> None:
        word = "over" if self._simulated.is_over else "turn"
        line = f"{word} {now_us}\n".encode()
        with self._lock:
            if self._early is not None:
                self._early = line
                return
        # Whose process is gone is dropped by the thread that reads from it.
        with suppress(OSError):
            self._connection.sendall(line)

    def greet(self, line: bytes) -> None:
        """Tell it that it has joined, and then of its turn, if that came first. Raises OSError."""
        with self._lock:
            early, self._early = self._early or b"", None
            self._connection.sendall(line + early)


class ClockServer:
    """Serves `clock` on loopback; a context manager that serves while it is entered. `address`: host:port."""

    def __init__(self, clock: SimulatedClock, port: int = 0) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._guests: dict[int, _Guest] = {}
        self._ids = itertools.count(1)
        self._joined = 0
        self._join_seen = threading.Condition()
        self._connections: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", port))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, name="clock server", daemon=True).start()

    def __enter__(self) -> ClockServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving; whoever waits in another process gets a ClockError."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    @property
    def joined(self) -> int:
        """How many workers of other processes have ever joined."""
        return self._joined

    def wait_joined(self, count: int, timeout_s: float) -> bool:
        """Wait, at most `timeout_s` of real time, until so many have ever joined; whether they have."""
        with self._join_seen:
            return self._join_seen.wait_for(lambda: self._joined >= count, timeout_s)

    @property
    def guests(self) -> tuple[str, ...]:
        """The names of the workers of other processes that are here now."""
        with self._lock:
            return tuple(guest.name for guest in self._guests.values())

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            # A turn is one small packet: Nagle would cost it 40 ms.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._connections.add(connection)
            threading.Thread(target=self._serve, args=(connection,), name="clock guest", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        guest: _Guest | None = None
        pending = b""
        try:
            while True:
                end = pending.find(b"\n")
                if end < 0:
                    more = connection.recv(4096)
                    if not more or len(pending) > _LONGEST_LINE:
                        break
                    pending += more
                    continue
                line, pending = pending[:end].decode("ascii", "replace"), pending[end + 1 :]
                word, _, rest = line.partition(" ")
                if word == "bye":
                    if guest is not None:
                        self._forget(guest)
                    guest = None
                    break
                guest = self._do(connection, guest, word, rest)
        except (OSError, ValueError):
            pass
        finally:
            if guest is not None:
                if self._clock.has_turn(guest):
                    time.sleep(_LAST_WORDS_S)
                self._forget(guest)
            with self._lock:
                self._connections.discard(connection)
            connection.close()

    def _do(self, connection: socket.socket, guest: _Guest | None, word: str, rest: str) -> _Guest | None:
        """Carry out one line. Raises ValueError for what is none, OSError."""
        if word == "wait" and guest is not None:
            if not self._clock.rest(guest, None if rest == "-" else int(rest)):
                guest.take_turn(self._clock.now_us)
        elif word == "ready":
            self._ready(int(rest))
            if guest is None:
                connection.sendall(b"ok\n")
        elif word == "now" and guest is None:
            start_us = (self._clock.start - _EPOCH) // timedelta(microseconds=1)
            connection.sendall(f"now {self._clock.now_us} {start_us}\n".encode())
        elif word == "join" and guest is None:
            return self._join(connection, rest)
        else:
            raise ValueError(word)
        return guest

    def _join(self, connection: socket.socket, rest: str) -> _Guest:
        rank, _, name = rest.partition(" ")
        guest = _Guest(self._clock, name, int(rank), connection)
        with self._lock:
            ident = next(self._ids)
            self._guests[ident] = guest
        # Greeted only when the clock knows it: whoever has spawned it may then let go of the turn.
        self._clock.admit(guest)
        with suppress(OSError):
            guest.greet(f"joined {ident} {self._clock.now_us}\n".encode())
        with self._join_seen:
            self._joined += 1
            self._join_seen.notify_all()
        return guest

    def _ready(self, ident: int) -> None:
        with self._lock:
            guest = self._guests.get(ident)
        if guest is not None:
            self._clock.unpark(guest)

    def _forget(self, guest: _Guest) -> None:
        with self._lock:
            self._guests = {ident: other for ident, other in self._guests.items() if other is not guest}
        self._clock.dismiss(guest)


def serve_clock(clock: SimulatedClock, port: int = 0) -> ClockServer:
    """Serve `clock` to other processes; port 0 takes a free one. Raises OSError when the port is taken."""
    return ClockServer(clock, port)
