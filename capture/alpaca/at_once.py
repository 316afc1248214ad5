"""Ask many at once: one that hangs costs its own time only, and hides no other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

from capture.clock import stopwatch

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


def at_once(work: Mapping[K, Callable[[], T]], limit_s: float) -> dict[K, T | Exception]:
    """What each piece of work returned, or raised; TimeoutError for one that has not ended in `limit_s`.

    Each runs on a thread of its own, which is left behind when it is late.
    """
    outcomes: dict[K, T | Exception] = {}

    def do(name: K, piece: Callable[[], T]) -> None:
        try:
            outcomes[name] = piece()
        except Exception as error:
            outcomes[name] = error

    elapsed_s = stopwatch()
    threads = [
        threading.Thread(target=do, args=item, name=f"ask {item[0]}", daemon=True) for item in work.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, limit_s - elapsed_s()))
    late = TimeoutError(f"no end within {limit_s:g} s")
    return {name: outcomes.get(name, late) for name in work}
