"""A mail server of a few lines: takes every mail, checks no password, and keeps what it was told."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast


@dataclass
class Sink:
    """What has arrived. `refusing`: what it says to every recipient instead of taking the mail."""

    port: int = 0
    refusing: str = ""
    raw: list[bytes] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    @property
    def mails(self) -> list[EmailMessage]:
        return [cast(EmailMessage, message_from_bytes(one, policy=policy.default)) for one in self.raw]

    def url(self, user: str, password: str, to: str) -> str:
        return f"mailto://{user}:{password}@127.0.0.1:{self.port}?from=farm@example.org&to={to}"


@contextmanager
def mail_server() -> Iterator[Sink]:
    sink = Sink()

    class Talk(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.say("220 sink")
            while line := self.rfile.readline().decode("latin-1").strip():
                self.answer(line)
                if line.upper() == "QUIT":
                    return

        def say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

        def answer(self, line: str) -> None:
            match line.partition(" ")[0].upper():
                case "EHLO" | "HELO":
                    self.say("250-sink\r\n250 AUTH PLAIN LOGIN")
                case "AUTH":
                    self.say("235 welcome")
                case "RCPT" if sink.refusing:
                    self.say(f"550 {sink.refusing}")
                case "RCPT":
                    sink.recipients.append(line.partition("<")[2].rstrip(">"))
                    self.say("250 ok")
                case "DATA":
                    self.say("354 go on")
                    self.take()
                    self.say("250 taken")
                case "QUIT":
                    self.say("221 bye")
                case _:
                    self.say("250 ok")

        def take(self) -> None:
            lines = []
            while (line := self.rfile.readline()) not in (b".\r\n", b""):
                lines.append(line[1:] if line.startswith(b"..") else line)
            sink.raw.append(b"".join(lines))
            sink.arrived.release()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Talk) as server:
        sink.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield sink
        finally:
            server.shutdown()
            thread.join()
