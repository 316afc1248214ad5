"""Servers of other people's software on loopback, to deliver to: pyftpdlib, with TLS too, and asyncssh."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import DTPHandler, FTPHandler, TLS_DTPHandler, TLS_FTPHandler
from pyftpdlib.servers import ThreadedFTPServer

USER, PASSWORD = "ada", "her secret"


@dataclass
class Trouble:
    """What goes wrong: each of the next `cuts` uploads ends after `cut_bytes`."""

    cut_bytes: int = 65_536
    cuts: int = 0
    offsets: list[int] = field(default_factory=list)


def certificate(folder: Path, host: str = "127.0.0.1") -> Path:
    """A certificate that signs itself, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "delivery test")])
    day = datetime.timedelta(days=1)
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


def _cut_off(base: type[Any], trouble: Trouble) -> type[Any]:
    class CutOff(base):  # type: ignore[misc]
        def handle_read_event(self) -> None:
            super().handle_read_event()
            if self.receive and trouble.cuts and self.get_transmitted_bytes() >= trouble.cut_bytes:
                trouble.cuts -= 1
                handler = self.cmd_channel
                self.close()
                handler.close()

    return CutOff


@contextmanager
def ftp_server(folder: Path, *, tls: Path | None = None, port: int = 0) -> Iterator[tuple[int, Trouble]]:
    """An FTP server whose home is `folder`; its port and what goes wrong with it."""
    trouble = Trouble()
    authorizer = DummyAuthorizer()
    authorizer.add_user(USER, PASSWORD, str(folder), perm="elradfmwMT")
    plain, dtp = (TLS_FTPHandler, TLS_DTPHandler) if tls else (FTPHandler, DTPHandler)

    class Handler(plain):  # type: ignore[misc, valid-type]
        dtp_handler = _cut_off(dtp, trouble)
        auth_failed_timeout = 0

        def ftp_STOR(self, file: str, mode: str = "w") -> Any:  # noqa: N802 - the protocol's word
            trouble.offsets.append(self._restart_position)
            return super().ftp_STOR(file, mode)

    Handler.authorizer = authorizer
    if tls:
        Handler.certfile = str(tls)
        Handler.tls_control_required = Handler.tls_data_required = True
        # Built at first use from the class's certificate.
        Handler.ssl_context = None
    server = ThreadedFTPServer(("127.0.0.1", port), Handler)
    over = threading.Event()

    def run() -> None:
        while not over.is_set():
            server.serve_forever(timeout=0.05, blocking=False)
        server.close_all()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield server.address[1], trouble
    finally:
        over.set()
        thread.join(10)


@contextmanager
def sftp_server(folder: Path, keys: Path) -> Iterator[tuple[int, Path]]:
    """An SFTP server whose root is `folder`; its port and a known_hosts file that knows it."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    ready = threading.Event()
    found: list[int] = []
    ends: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    class Server(asyncssh.SSHServer):
        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == (USER, PASSWORD)

    def chrooted(channel: Any) -> asyncssh.SFTPServer:
        return asyncssh.SFTPServer(channel, chroot=str(folder).encode())

    async def serve() -> None:
        acceptor = await asyncssh.create_server(
            Server, "127.0.0.1", 0, server_host_keys=[key], sftp_factory=chrooted
        )
        found.append(acceptor.get_port())
        over = asyncio.Event()
        ends.append((asyncio.get_running_loop(), over))
        ready.set()
        await over.wait()
        acceptor.close()
        await acceptor.wait_closed()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(10)
    known = keys / "known_hosts"
    public = key.export_public_key().decode().strip()
    known.write_text(f"[127.0.0.1]:{found[0]} {public}\n")
    try:
        yield found[0], known
    finally:
        loop, over = ends[0]
        loop.call_soon_threadsafe(over.set)
        thread.join(5)
