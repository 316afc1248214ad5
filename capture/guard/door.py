"""The guard's door for other processes of this machine: lines of JSON over loopback, with a token.

Where the door is and the token stand in the file `door` of the guard's folder, which only its owner can
read: who may not read it cannot open a roof. Requests are `{"token", "ask", ...}`; each is answered by
`{"report"}` or `{"error"}`:

    report
    renew {"leases": {HOLDER: SECONDS}}    begins or renews these leases
    release {"holder"}
    reset {"who"}                          a person has looked at the fault
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import socket
import threading
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from capture.guard.client import Report
from capture.guard.guard import Guard
from capture.journal import Journal

_LONGEST_LINE = 16_384
_CALLERS_AT_MOST = 32
_LONGEST_LEASE_S = 86_400.0


def door_file(folder: Path) -> Path:
    """Where the door's address and token are written."""
    return folder / "door"


class Door:
    """Serves `guard` while it is entered."""

    def __init__(self, guard: Guard, folder: Path, journal: Journal) -> None:
        self._guard = guard
        self._lock = threading.Lock()
        self._callers: set[socket.socket] = set()
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
                journal.say("roof", "alarm", f"nobody can ask the guard for anything, as its door: {error}")

    def __enter__(self) -> Door:
        threading.Thread(target=self._accept, name="guard's door", daemon=True).start()
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
            threading.Thread(target=self._serve, args=(caller,), name="guard's caller", daemon=True).start()

    def _serve(self, caller: socket.socket) -> None:
        try:
            with caller, caller.makefile("rb") as lines:
                while (line := lines.readline(_LONGEST_LINE)).endswith(b"\n"):
                    caller.sendall(json.dumps(self._answer(line)).encode() + b"\n")
        except OSError:
            pass
        finally:
            with self._lock:
                self._callers.discard(caller)

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            if not hmac.compare_digest(str(request["token"]).encode(), self._token.encode()):
                return {"error": "the token is wrong"}
            self._do(request)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            return {"error": f"the guard does not understand: {type(error).__name__} {error}"}
        return {"report": told(self._guard.report())}

    def _do(self, request: dict[str, Any]) -> None:
        match request["ask"]:
            case "report":
                pass
            case "renew":
                leases = {str(name): float(seconds) for name, seconds in request["leases"].items()}
                if not all(0 < seconds <= _LONGEST_LEASE_S for seconds in leases.values()):
                    raise ValueError("a lease lasts more than 0 s and at most a day")
                for name, seconds in leases.items():
                    self._guard.hold(name, seconds)
            case "release":
                self._guard.release(str(request["holder"]))
            case "reset":
                self._guard.reset(str(request["who"]))
            case other:
                raise ValueError(f"{other!r} is nothing to ask")


def told(report: Report) -> dict[str, Any]:
    """The report as JSON can tell it; times in ISO."""
    opens_at = report.opens_at.isoformat() if report.opens_at else None
    return asdict(report) | {"time": report.time.isoformat(), "opens_at": opens_at}


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
