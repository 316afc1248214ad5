"""The Alpaca HTTP server: sockets, threads, and one place through which each reply passes.

A thread for each connection; they are no workers of the clock, they only read its time.
"""

from __future__ import annotations

import json
import socket
import threading
from contextlib import suppress
from dataclasses import replace
from types import TracebackType

from simulators.answers import Answers
from simulators.observatory import Observatory, Request
from simulators.side_door import PATH as SIDE_DOOR
from simulators.side_door import enter
from simulators.spoiling import spoil
from simulators.wire import JSON, TEXT, Call, Deliver, Reply, deliver_whole, read_request

__all__ = ["Call", "Deliver", "Reply", "Server", "deliver_whole", "serve"]


class Server:
    """An Alpaca server of one observatory; a context manager that serves while it is entered.

    Each reply, spoilt by a fault or not, goes out through `deliver`: a test may put another function there,
    to listen or to do what no fault can, that calls `deliver_whole` for the rest.
    """

    def __init__(self, observatory: Observatory, host: str = "127.0.0.1", port: int = 0) -> None:
        self.observatory = observatory
        self.deliver: Deliver = deliver_whole
        self.host = host
        self._answers = Answers(observatory)
        self._faults = observatory.faults
        self._simulated = observatory.clock.jumps
        self._lock = threading.Lock()
        self._hearing = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: set[threading.Thread] = set()
        self._closing = self._deaf = False
        self._listener = _bound(host, port)
        self.port: int = self._listener.getsockname()[1]
        try:
            self._listen()
        except OSError:
            self._listener.close()
            raise
        self._faults.watch(self._hear_or_not)
        self._hear_or_not()

    @property
    def address(self) -> str:
        """The address as clients want it: host and port."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving: close the listener and every connection, and wait for their threads."""
        with self._lock:
            if self._closing:
                return
            self._closing = True
        self._faults.unwatch(self._hear_or_not)
        # A thread that is just turning deaf puts a new listener in the old one's place: let it finish first.
        with self._hearing:
            self._stop_listening()
            self._listener.close()
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join(5)

    def _listen(self) -> None:
        self._listener.listen(128)
        self._acceptor = threading.Thread(
            target=self._accept, args=(self._listener,), name=f"alpaca server {self.port}", daemon=True
        )
        self._acceptor.start()

    def _stop_listening(self) -> None:
        """Close the listener and break off every connection."""
        with suppress(OSError):
            # A plain close would leave the thread in accept() for ever.
            self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join(5)
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _hear_or_not(self) -> None:
        """Stop to listen, or listen again, as the faults want it."""
        with self._hearing:
            deaf = self._faults.deafened()
            if deaf == self._deaf or self._closing:
                return
            self._deaf = deaf
            if deaf:
                self._stop_listening()
                self._listener.close()
                # Bound but not listening: the port stays ours, and whoever comes is refused.
                self._listener = _bound(self.host, self.port)
            else:
                self._listen()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, peer = listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._serve, args=(connection, peer[0]), daemon=True)
            with self._lock:
                if self._closing or self._deaf:
                    connection.close()
                    return
                self._open.add(connection)
                self._threads.add(thread)
            thread.start()

    def _serve(self, connection: socket.socket, peer: str) -> None:
        pending = b""
        try:
            while True:
                read = read_request(connection, pending)
                if read is None:
                    return
                call, keep, pending = read
                if not call.method:
                    reply = Reply(400, TEXT, call.path.encode())
                elif call.path == SIDE_DOOR:
                    reply = enter(self._faults, call, peer)
                else:
                    call, reply = self._answer(call)
                if not self.deliver(connection, call, reply) or not keep:
                    return
        except OSError:
            return
        finally:
            connection.close()
            with self._lock:
                self._open.discard(connection)
                self._threads.discard(threading.current_thread())

    def _answer(self, call: Call) -> tuple[Call, Reply]:
        if self._faults.armed:
            call, reply = self._answer_with_faults(call)
        else:
            reply = self._answers.answer(call)
        log = self.observatory.request_log
        if log is not None:
            now = self.observatory.clock.now()
            log.append(
                Request(now, call.method, call.device, call.member, call.parameters, reply.status, call.fault)
            )
        return call, reply

    def _answer_with_faults(self, call: Call) -> tuple[Call, Reply]:
        armed = self._faults.strike(call.method, call.device, call.member)
        if armed is None:
            reply = self._answers.answer(call)
            if call.member == "devicestate":
                self._keep_state_stuck(call, reply)
            return call, reply
        call = replace(call, fault=armed.fault.kind)
        does = armed.fault.does or call.method == "GET"
        reply = self._answers.answer(call) if does else self._answers.pretend(call)
        spoil(armed, call, reply, self._simulated)
        if armed.fault.kind == "deaf":
            self._hear_or_not()
        return call, reply

    def _keep_state_stuck(self, call: Call, reply: Reply) -> None:
        """Let a device's DeviceState say of its stuck members what they say themselves."""
        stuck = self._faults.stuck(call.device)
        if not stuck or reply.status != 200:
            return
        answer = json.loads(reply.body)
        for item in answer.get("Value", []):
            item["Value"] = stuck.get(item["Name"].lower(), item["Value"])
        reply.body, reply.content_type = json.dumps(answer).encode(), JSON


def _bound(host: str, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
    except OSError:
        made.close()
        raise
    return made


def serve(observatory: Observatory, host: str = "127.0.0.1", port: int = 0) -> Server:
    """Serve an observatory over Alpaca; port 0 takes a free one. Raises OSError when the port is taken."""
    return Server(observatory, host, port)
