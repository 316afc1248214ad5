"""Who works with a device on this machine: one process at a time, by locks of the operating system.

A lock ends with its process, however that ends. Programs that only look (`nightcal doctor`) take none.
Another machine's programs, and other Alpaca clients, are not kept out by these.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout
from platformdirs import user_state_path

from capture.errors import BadInput, StoreError


@contextmanager
def holding(devices: Iterable[str], now: datetime, folder: Path | None = None) -> Iterator[None]:
    """Hold every device, `TYPE HOST:PORT/NUMBER`, until the end of the block.

    `folder`: where the locks are; the user's own state folder if left out, the same in every session. Raises
    BadInput naming who holds one; StoreError when the folder cannot be written.
    """
    where = folder or user_state_path("nightcal") / "devices"
    with ExitStack() as stack:
        for device in sorted(set(devices)):
            stack.enter_context(_holding(device, now, where))
        yield


@contextmanager
def _holding(device: str, now: datetime, folder: Path) -> Iterator[None]:
    name = re.sub(r"[^a-z0-9.]+", "_", device.lower())
    lock = FileLock(folder / f"{name}.lock")
    # Beside the lock: whoever tries for that empties its file.
    holder = folder / f"{name}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise BadInput(
            f"the {device} is in use by another nightcal {_told(holder)}: end that first, or ask it with "
            f"nightcal status"
        ) from None
    except OSError as error:
        raise StoreError(
            f"the locks on devices cannot be kept in {folder}: {error.strerror}; make it writable, or name "
            f"another by XDG_STATE_HOME"
        ) from error
    try:
        with suppress(OSError):
            holder.write_text(json.dumps({"pid": os.getpid(), "since": now.isoformat()}))
        yield
    finally:
        with suppress(OSError):
            holder.unlink()
        lock.release()


def _told(holder: Path) -> str:
    try:
        said = json.loads(holder.read_text())
        since = datetime.fromisoformat(said["since"])
        return f"(pid {int(said['pid'])}, since {since:%Y-%m-%d %H:%M:%S} UTC)"
    except (OSError, ValueError, KeyError, TypeError):
        return "(which has just begun)"
