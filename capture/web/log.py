"""The journal as it happens, read once from the service and handed to every browser that watches."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from capture.clock import Clock
from capture.web.link import Link, NoService

_KEPT = 500
_AGAIN_AFTER_S = 2.0
_KEEPS_ALIVE_EVERY_S = 15.0
_WATCHERS_AT_MOST = 200

Line = tuple[int, dict[str, Any]]


class Log:
    """Reads while it is entered. `follow` is for the server's event loop."""

    def __init__(self, link: Link, clock: Clock) -> None:
        self._link = link
        self._over = clock.signal()
        self._lock = threading.Lock()
        self._lines: deque[Line] = deque(maxlen=_KEPT)
        self._newest = 0
        self._watchers: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}

    def start(self) -> None:
        """Begin to read, on a thread that ends with `stop` or with the program."""
        threading.Thread(target=self._read, name="the page's log", daemon=True).start()

    def stop(self) -> None:
        """End it, and every `follow`."""
        self._over.set()
        self._wake()

    def kept(self) -> tuple[list[dict[str, Any]], int]:
        """The entries that were heard last, and the number of the newest, from which `follow` goes on."""
        with self._lock:
            return [entry for _, entry in self._lines], self._newest

    async def follow(self, after: int | None) -> AsyncIterator[Line | None]:
        """Numbered entries from now on, or from number `after`; None from time to time, to keep the line up.

        Ends at once when too many watch already.
        """
        if len(self._watchers) >= _WATCHERS_AT_MOST:
            return
        news = asyncio.Event()
        self._watchers[news] = asyncio.get_running_loop()
        # Numbers begin anew with the program: one from before it says nothing.
        seen = self._newest if after is None or after > self._newest else after
        try:
            while not self._over.is_set():
                news.clear()
                with self._lock:
                    new = [line for line in self._lines if line[0] > seen]
                for line in new:
                    yield line
                    seen = line[0]
                try:
                    await asyncio.wait_for(news.wait(), _KEEPS_ALIVE_EVERY_S)
                except TimeoutError:
                    yield None
        finally:
            self._watchers.pop(news, None)

    def _read(self) -> None:
        while not self._over.is_set():
            with suppress(NoService):
                for entry in self._link.entries():
                    with self._lock:
                        self._newest += 1
                        self._lines.append((self._newest, entry))
                    self._wake()
            self._over.wait(_AGAIN_AFTER_S)

    def _wake(self) -> None:
        for news, loop in list(self._watchers.items()):
            # The loop of a server that has just ended.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(news.set)
