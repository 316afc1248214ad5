"""A door for other processes of this machine: lines of JSON over loopback, with a token.

Where the door is and the token stand in the file `door` of a folder, which only its owner can read: who may
not read it may not ask. A request is `{"token", "ask", ...}`; it is answered by one line, or by many where
the answer is a stream, and by `{"error"}` where it cannot be.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

_LONGEST_LINE = 16_384
_CALLERS_AT_MOST = 32

Request = dict[str, Any]
Answer = Mapping[str, object] | Iterator[Mapping[str, object]]


def door_file(folder: Path) -> Path:
    """Where the door's address and token are written."""
    return folder / "door"


class LocalDoor:
    """Answers requests by `answer` while it is entered, each caller on a thread of its own.

    What `answer` raises of ValueError, KeyError, TypeError and AttributeError is told as a request that
    `who` does not understand; whatever else it wants to say it returns.
    """

    def __init__(self, folder: Path, who: str, answer: Callable[[Request], Answer]) -> None:
        """Listen. `failure` is what kept the address from being written: then nobody finds the door."""
        self._who = who
        self._answer_to = answer
        self._lock = threading.Lock()
        self._callers: set[socket.socket] = set()
        self.failure: OSError | None = None
        address, self._token = _known(folder)
        # The same port and token as before: then nothing need be written, should the disk be full.
        try:
            self._listener = socket.create_server(("127.0.0.1", address))
        except OSError:
            self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        if port != address:
            try:
                _write(folder, port, self._token)
            except OSError as error:
                self.failure = error

    def __enter__(self) -> LocalDoor:
        threading.Thread(target=self._accept, name=f"{self._who}'s door", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            sockets = [self._listener, *self._callers]
        for one in sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                full = len(self._callers) >= _CALLERS_AT_MOST
                if not full:
                    self._callers.add(caller)
            if full:
                caller.close()
                continue
            caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            name = f"{self._who}'s caller"
            threading.Thread(target=self._serve, args=(caller,), name=name, daemon=True).start()

    def _serve(self, caller: socket.socket) -> None:
        try:
            with caller, caller.makefile("rb") as lines:
                while (line := lines.readline(_LONGEST_LINE)).endswith(b"\n"):
                    for said in self._answers(line):
                        caller.sendall(json.dumps(said, default=str).encode() + b"\n")
        except OSError:
            pass
        finally:
            with self._lock:
                self._callers.discard(caller)

    def _answers(self, line: bytes) -> Iterator[Mapping[str, object]]:
        try:
            request = json.loads(line)
            if not hmac.compare_digest(str(request["token"]).encode(), self._token.encode()):
                yield {"error": "the token is wrong"}
                return
            answer = self._answer_to(request)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            yield {"error": f"{self._who} does not understand: {type(error).__name__} {error}"}
            return
        if isinstance(answer, Mapping):
            yield answer
        else:
            yield from answer


class Refused(ValueError):
    """Raised for a request that was heard and not granted; the text is the other side's."""


class LocalCaller:
    """One connection to a door, made at the first question. Not for several threads at once."""

    def __init__(self, folder: Path, answers_within_s: float) -> None:
        self._folder = folder
        self._answers_within_s = answers_within_s
        self._socket: socket.socket | None = None
        self._rest = b""
        self._token = ""

    @property
    def connected(self) -> bool:
        """Whether there is a connection from an earlier question."""
        return self._socket is not None

    def ask(self, what: str, more: Mapping[str, object]) -> dict[str, Any]:
        """Ask, and return the answer. Raises Refused; OSError, ValueError, KeyError when nobody answers."""
        self._send(what, more)
        return self._read()

    def stream(self, what: str, more: Mapping[str, object]) -> Iterator[dict[str, Any]]:
        """Ask, and yield answers until the other side ends. Raises as `ask`, but not for the end."""
        self._send(what, more)
        assert self._socket is not None
        yield self._read()
        self._socket.settimeout(None)
        while True:
            try:
                yield self._read()
            except ConnectionError:
                return

    def hang_up(self) -> None:
        """End the connection; the next question makes another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
            self._rest = b""

    def _send(self, what: str, more: Mapping[str, object]) -> None:
        if self._socket is None:
            door = json.loads(door_file(self._folder).read_text(encoding="utf-8"))
            self._token = str(door["token"])
            self._socket = socket.create_connection(("127.0.0.1", int(door["port"])), self._answers_within_s)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(json.dumps({"token": self._token, "ask": what} | dict(more)).encode() + b"\n")

    def _read(self) -> dict[str, Any]:
        assert self._socket is not None
        while b"\n" not in self._rest:
            part = self._socket.recv(65_536)
            if not part:
                raise ConnectionError("it hung up")
            self._rest += part
        line, self._rest = self._rest.split(b"\n", 1)
        said: dict[str, Any] = json.loads(line)
        if "error" in said:
            raise Refused(said["error"])
        return said


def _known(folder: Path) -> tuple[int, str]:
    """Port and token as they were last, or 0 and a new token."""
    try:
        written = json.loads(door_file(folder).read_text(encoding="utf-8"))
        return int(written["port"]), str(written["token"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0, secrets.token_hex(16)


def _write(folder: Path, port: int, token: str) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = folder / "door.new"
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump({"port": port, "token": token}, file)
    new.replace(door_file(folder))
