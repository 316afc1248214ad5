"""Delivery by FTP, and by FTP over TLS (RFC 4217), with the standard library's ftplib."""

from __future__ import annotations

import ftplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from socket import socket
from typing import BinaryIO, cast

from capture.clock import stopwatch
from capture.errors import DeliveryError
from capture.library.delivery.place import Place
from capture.library.delivery.remote import Remote

_ANSWERS_WITHIN_S = 60.0
_CHUNK_BYTES = 256 * 1024
# Slower than this, over a minute's grace, is as good as standing still.
_SLOWEST_BYTES_S = 2_000.0


class _SafeFtp(ftplib.FTP_TLS):
    """Continues the control connection's TLS session on each data connection, as vsftpd and ProFTPD ask."""

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket, int | None]:
        plain, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        control = cast(ssl.SSLSocket, self.sock)
        return self.context.wrap_socket(plain, server_hostname=self.host, session=control.session), size


class FtpRemote(Remote):
    """A sign-in at an FTP server. `host` is what its certificate must name."""

    def __init__(self, place: Place) -> None:
        """Raises DeliveryError when the server cannot be reached, is not who it should be, or refuses."""
        self._place = place
        self._made: set[str] = set()
        with _told(f"{place.host}:{place.port}", signing_in=True):
            self._ftp = _SafeFtp(context=_context(place)) if place.scheme == "ftps" else ftplib.FTP()
            try:
                self._ftp.connect(place.host, place.port, _ANSWERS_WITHIN_S)
                self._ftp.login(place.user, place.secret)
                if isinstance(self._ftp, ftplib.FTP_TLS):
                    self._ftp.prot_p()
                if place.folder:
                    self._ftp.cwd(place.folder)
                self._home = self._ftp.pwd().rstrip("/")
                self._ftp.voidcmd("TYPE I")
            except BaseException:
                self._ftp.close()
                raise

    def size(self, name: str) -> int | None:
        with _told(name):
            try:
                return self._ftp.size(self._path(name))
            except ftplib.error_perm as error:
                if str(error).startswith("550"):
                    return None
                raise

    def send(self, source: BinaryIO, name: str, offset: int) -> None:
        with _told(name):
            self._ftp.storbinary(
                f"STOR {self._path(name)}", source, _CHUNK_BYTES, _pace(name), rest=offset or None
            )

    def rename(self, name: str, new_name: str) -> None:
        with _told(name):
            try:
                self._ftp.rename(self._path(name), self._path(new_name))
            except ftplib.error_perm:
                # Some servers take no name that is taken.
                self._ftp.delete(self._path(new_name))
                self._ftp.rename(self._path(name), self._path(new_name))

    def make_folder(self, name: str) -> None:
        with _told(name):
            whole = ""
            for part in name.split("/"):
                whole = f"{whole}/{part}" if whole else part
                if whole in self._made:
                    continue
                try:
                    self._ftp.mkd(self._path(whole))
                except ftplib.error_perm:
                    # It is there already, unless it cannot be entered.
                    self._ftp.cwd(self._path(whole))
                    self._ftp.cwd(self._home or "/")
                self._made.add(whole)

    def close(self) -> None:
        with suppress(OSError, EOFError, ftplib.Error):
            self._ftp.quit()
        self._ftp.close()

    def _path(self, name: str) -> str:
        if any(not c.isprintable() for c in name):
            raise DeliveryError(f"{name!r} has characters that FTP cannot take", needs_a_person=True)
        return f"{self._home}/{name}"


def _context(place: Place) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(place.trusted) if place.trusted else None)


def _pace(name: str) -> Callable[[object], None]:
    """A callback that ends a transfer that has all but come to a stop."""
    elapsed_s, sent = stopwatch(), 0

    def moved(block: object) -> None:
        nonlocal sent
        sent += len(cast(bytes, block))
        if elapsed_s() > _ANSWERS_WITHIN_S + sent / _SLOWEST_BYTES_S:
            raise DeliveryError(f"{name}: the transfer has all but come to a stop")

    return moved


@contextmanager
def _told(what: str, *, signing_in: bool = False) -> Iterator[None]:
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise DeliveryError(
            f"{what}: its certificate is not believed: {error.verify_message}", needs_a_person=True
        ) from error
    except ftplib.error_perm as error:
        said = "the sign-in was refused" if signing_in else "the server refused"
        raise DeliveryError(f"{what}: {said}: {error}", needs_a_person=True) from error
    except (OSError, EOFError, ftplib.Error) as error:
        raise DeliveryError(f"{what}: {error or 'the server hung up'}") from error
