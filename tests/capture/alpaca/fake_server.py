"""A server of a few lines that answers whatever a test wants, right or wrong."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Request:
    """One request as it came; `connection` tells one connection from another."""

    method: str
    path: str
    parameters: dict[str, str]
    connection: int


@dataclass(frozen=True)
class Answer:
    """What goes out. `length`: a Content-Length that lies; `hang_up`: close the connection afterwards."""

    body: bytes = b""
    status: int = 200
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    length: int | None = None
    hang_up: bool = False


DROP = None


def value(of: object) -> Answer:
    """A well-formed reply."""
    return Answer(json.dumps({"Value": of, "ErrorNumber": 0, "ErrorMessage": ""}).encode())


class _QuietServer(ThreadingHTTPServer):
    closed: threading.Semaphore

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up early is what some tests want."""

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self.closed.release()


class FakeServer:
    """Answers every request by `answer`; an answer of None (DROP) drops the connection instead."""

    def __init__(self) -> None:
        self.answer: Callable[[Request], Answer | None]
        self.always(value(0))
        self.requests: list[Request] = []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                self._respond(urlsplit(self.path).query)

            def do_PUT(self) -> None:
                self._respond(self.rfile.read(int(self.headers["Content-Length"])).decode())

            def _respond(self, parameters: str) -> None:
                path = urlsplit(self.path).path
                given = dict(parse_qsl(parameters, keep_blank_values=True))
                request = Request(self.command, path, given, self.client_address[1])
                fake.requests.append(request)
                answer = fake.answer(request)
                if answer is None:
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.content_type)
                length = len(answer.body) if answer.length is None else answer.length
                self.send_header("Content-Length", str(length))
                for name, text in answer.headers:
                    self.send_header(name, text)
                self.end_headers()
                self.wfile.write(answer.body)
                self.close_connection = self.close_connection or answer.hang_up

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._http = _QuietServer(("127.0.0.1", 0), Handler)
        # Can be acquired once for every connection that is closed.
        self.closed = self._http.closed = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})

    def always(self, answer: Answer | None) -> None:
        """Give every request the same answer."""
        self.answer = lambda _request: answer

    def answer_in_turn(self, *answers: Answer | None) -> None:
        """Give each request the next of these answers."""
        left = list(answers)
        self.answer = lambda _request: left.pop(0)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._http.server_port}"

    @property
    def connections(self) -> int:
        """How many connections have carried requests."""
        return len({request.connection for request in self.requests})

    def __enter__(self) -> FakeServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()
