"""Ctrl-C and SIGTERM: the first asks the work to end in good order, the second leaves at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from types import FrameType

from capture.errors import Stopped

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class LeftAtOnce(Stopped):
    """Raised by a second signal: the process ends without waiting for its workers."""


@contextmanager
def stops_in_good_order(stop: Callable[[], None]) -> Iterator[None]:
    """Within this block, on the main thread, the first signal calls `stop`; another raises LeftAtOnce.

    `stop` is called on a thread of its own: a handler interrupts the main thread anywhere, and must take no
    lock that it may hold.
    """
    asked: SimpleQueue[bool] = SimpleQueue()
    times = 0

    def handle(_number: int, _frame: FrameType | None) -> None:
        nonlocal times
        times += 1
        if times > 1:
            raise LeftAtOnce("left at once")
        asked.put(True)

    def watch() -> None:
        if asked.get():
            stop()

    before = {number: signal.signal(number, handle) for number in _SIGNALS}
    watcher = threading.Thread(target=watch, name="stop signals", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        asked.put(False)
