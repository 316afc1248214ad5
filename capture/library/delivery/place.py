"""Where files are delivered to, as written in the config."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from capture.errors import BadInput

_PORTS = {"ftp": 21, "ftps": 21, "sftp": 22}


@dataclass(frozen=True)
class Place:
    """A folder of this machine, or one of a server.

    `folder`: below which everything goes; relative to where a sign-in arrives, from the root with a leading
    slash. `secret`: a password, kept out of every text. `trusted`: a file of the certificates (`ftps`) or of
    the host keys (`sftp`) that are believed; the machine's own without it. `key`: a private key for `sftp`.
    """

    scheme: Literal["folder", "ftp", "ftps", "sftp"]
    folder: str
    host: str = ""
    port: int = 0
    user: str = ""
    secret: str = ""
    key: Path | None = None
    trusted: Path | None = None

    def __str__(self) -> str:
        if self.scheme == "folder":
            return self.folder
        user = f"{self.user}@" if self.user else ""
        return f"{self.scheme}://{user}{self.host}:{self.port}/{self.folder}"

    def __repr__(self) -> str:
        return f"Place({str(self)!r})"


def place_of(
    text: str,
    *,
    password_file: Path | None = None,
    key: Path | None = None,
    trusted: Path | None = None,
) -> Place:
    """The place that `text` names: a folder, or `ftp`, `ftps` or `sftp://user@host[:port]/folder`.

    `ftps` is FTP that turns to TLS before the sign-in (AUTH TLS). As in RFC 1738 the folder begins where the
    user's sign-in arrives; `host//folder` begins at the root.

    Raises BadInput for an address that cannot be used, and for a password in it.
    """
    if "://" not in text:
        if not text.strip():
            raise BadInput("a place is empty; write a folder, or ftps://user@host/folder")
        return Place("folder", text)
    try:
        parts = urlsplit(text)
        port, host = parts.port, parts.hostname or ""
    except ValueError as error:
        raise BadInput(f"{_shown(text)} is no address of a place: {error}") from error
    if parts.scheme not in _PORTS:
        raise BadInput(
            f"{_shown(text)} begins with {parts.scheme}:; a place is a folder, ftp://, ftps:// or sftp://"
        )
    if parts.password is not None:
        raise BadInput(
            f"the place {_shown(text)} has a password in it, for everybody who reads the config; "
            "put it into a file of its own and name that as password_file"
        )
    if not host or parts.query or parts.fragment or any(not c.isprintable() for c in unquote(text)):
        raise BadInput(f"{_shown(text)} is no address of a place; write {parts.scheme}://user@host/folder")
    folder = unquote(parts.path)[1:]
    if ".." in folder.split("/"):
        raise BadInput(f"{_shown(text)} climbs out of its folder with ..; name the folder itself")
    return Place(
        parts.scheme,  # type: ignore[arg-type]
        folder.rstrip("/") or ("/" if folder else ""),
        host,
        port or _PORTS[parts.scheme],
        unquote(parts.username or ""),
        _secret(password_file) if password_file else "",
        key,
        trusted,
    )


def _secret(file: Path) -> str:
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
        text = file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"the password file {file} cannot be read: {error}") from error
    if mode & 0o077:
        raise BadInput(f"others can read the password file {file}; chmod 600 it")
    if not text or not text.isprintable():
        raise BadInput(f"the password file {file} must hold the password alone, on one line")
    return text


def _shown(text: str) -> str:
    """The address without a password, for texts that others read."""
    head, at, tail = text.rpartition("@")
    if at and "://" in head:
        scheme, _, user = head.partition("://")
        head = f"{scheme}://{user.partition(':')[0]}"
    return repr(head + at + tail)
