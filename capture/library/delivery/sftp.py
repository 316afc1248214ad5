"""Delivery by SFTP; with the extra `nightcal[sftp]`, which is asyncssh."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, TypeVar

from capture.errors import BadInput, DeliveryError
from capture.library.delivery.place import Place
from capture.library.delivery.remote import Remote

try:
    import asyncssh
except ImportError:
    asyncssh = None  # type: ignore[assignment]

T = TypeVar("T")

_ANSWERS_WITHIN_S = 60.0
_CHUNK_BYTES = 1024 * 1024


class SftpRemote(Remote):
    """A sign-in at an SSH server whose host key is known."""

    def __init__(self, place: Place) -> None:
        """Raises DeliveryError when the server cannot be reached, is not known, or refuses.

        Raises BadInput when asyncssh is not installed.
        """
        if asyncssh is None:
            raise BadInput(f"{place} needs the extra sftp: pip install 'nightcal[sftp]'")
        self._place = place
        self._made: set[str] = set()
        self._loop = asyncio.Runner()
        try:
            with _told(f"{place.host}:{place.port}"):
                self._connection, self._sftp = self._do(self._sign_in(place))
        except BaseException:
            self._loop.close()
            raise

    async def _sign_in(self, place: Place) -> tuple[Any, Any]:
        connection = await asyncssh.connect(
            place.host,
            place.port,
            username=place.user or (),
            password=place.secret or None,
            client_keys=[str(place.key)] if place.key else (),
            known_hosts=str(place.trusted) if place.trusted else (),
            connect_timeout=_ANSWERS_WITHIN_S,
        )
        return connection, await connection.start_sftp_client()

    def size(self, name: str) -> int | None:
        with _told(name):
            try:
                found = self._do(self._sftp.stat(self._path(name))).size
            except asyncssh.SFTPNoSuchFile:
                return None
            return int(found) if found is not None else None

    def send(self, source: BinaryIO, name: str, offset: int) -> None:
        with _told(name):
            file = self._do(self._sftp.open(self._path(name), "r+b" if offset else "wb"))
            try:
                self._do(file.truncate(offset))
                while block := source.read(_CHUNK_BYTES):
                    self._do(file.write(block, offset))
                    offset += len(block)
            finally:
                self._do(file.close())

    def rename(self, name: str, new_name: str) -> None:
        with _told(name):
            old, new = self._path(name), self._path(new_name)
            try:
                self._do(self._sftp.posix_rename(old, new))
            except asyncssh.SFTPError:
                # The server has no renaming onto a file that is there.
                with suppress(asyncssh.SFTPNoSuchFile):
                    self._do(self._sftp.remove(new))
                self._do(self._sftp.rename(old, new))

    def make_folder(self, name: str) -> None:
        if name not in self._made:
            with _told(name):
                if self._place.folder and not self._do(self._sftp.isdir(self._place.folder)):
                    raise DeliveryError(f"the folder {self._place.folder} is not there", needs_a_person=True)
                self._do(self._sftp.makedirs(self._path(name), exist_ok=True))
            self._made.add(name)

    def close(self) -> None:
        self._connection.abort()
        self._loop.close()

    def _path(self, name: str) -> str:
        folder = self._place.folder
        return f"{folder.rstrip('/')}/{name}" if folder else name

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run(asyncio.wait_for(work, _ANSWERS_WITHIN_S))


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except asyncssh.HostKeyNotVerifiable as error:
        raise DeliveryError(
            f"{what}: its host key is not known; put it into known_hosts", needs_a_person=True
        ) from error
    except (asyncssh.PermissionDenied, asyncssh.SFTPPermissionDenied) as error:
        raise DeliveryError(f"{what}: it was refused: {error.reason}", needs_a_person=True) from error
    except asyncssh.Error as error:
        raise DeliveryError(f"{what}: {error.reason}") from error
    except (OSError, TimeoutError) as error:
        raise DeliveryError(f"{what}: {error or 'no answer in time'}") from error
