"""A real PostgreSQL server for the tests, in a folder of its own, by a Unix socket alone."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from sqlalchemy import NullPool, create_engine, text

LACKING = "PostgreSQL is not installed here (on Debian: apt-get install postgresql)"


def programs() -> Path | None:
    """The folder of Debian's newest `initdb` and `postgres`, or of those on the path; None without."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda f: float(f.parent.name))
    on_path = shutil.which("postgres")
    folders = ([Path(on_path).parent] if on_path else []) + folders
    return next((f for f in reversed(folders) if (f / "initdb").exists() and (f / "postgres").exists()), None)


class Server:
    """A server with its data below a temporary folder. It refuses root, who becomes `postgres`.

    Unless it is `durable`, a commit is not on the disk: it outlives the server, but no power cut.
    """

    def __init__(self, binaries: Path, *, durable: bool = False) -> None:
        self._binaries = binaries
        self._fsync = "on" if durable else "off"
        self._folder = Path(tempfile.mkdtemp(prefix="nightcal-pg-"))
        self._user = None
        if os.getuid() == 0:
            self._user = pwd.getpwnam("postgres")
            os.chown(self._folder, self._user.pw_uid, self._user.pw_gid)
        self._databases = 0
        data = str(self._folder / "data")
        made = self._start("initdb", "-D", data, "-U", "nightcal", "-A", "trust", "-N", "-E", "UTF8")
        if made.wait() != 0:
            raise RuntimeError((self._folder / "log").read_text())
        self.start()

    def start(self) -> None:
        """Start the server, again after a kill, and wait until it answers."""
        options = ("-k", str(self._folder), "-c", "listen_addresses=", "-c", f"fsync={self._fsync}")
        self._process = self._start("postgres", "-D", str(self._folder / "data"), *options)
        ready = [str(self._binaries / "pg_isready"), "-q", "-h", str(self._folder)]
        while subprocess.run(ready, check=False).returncode != 0:
            if self._process.poll() is not None:
                raise RuntimeError((self._folder / "log").read_text())

    def kill(self) -> None:
        """SIGQUIT: the server drops every connection at once and recovers when it starts again."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait()

    def stop(self) -> None:
        """End the server and take its folder away."""
        if self._process.poll() is None:
            self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def new_database(self) -> str:
        """The URL of a new, empty database."""
        self._databases += 1
        name = f"n{self._databases}"
        engine = create_engine(self._url("postgres"), isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return self._url(name)

    def _url(self, database: str) -> str:
        return f"postgresql+psycopg://nightcal@/{database}?host={self._folder}"

    def _start(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(
                [str(self._binaries / program), *arguments],
                cwd=self._folder,
                stdout=log,
                stderr=log,
                user=None if self._user is None else self._user.pw_uid,
                group=None if self._user is None else self._user.pw_gid,
                extra_groups=None if self._user is None else [],
            )
