"""Who may light a panel: among rigs under one roof, light waits for darkness and darkness for light."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from capture.rig.patience import Patience

_LOOK_EVERY_S = 5.0
_FOREVER_S = 30 * 86400.0


class Interlock:
    """One for all rigs of a farm. Any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._dark: set[str] = set()
        self._lit: set[str] = set()

    def permits_light(self, rig: str) -> bool:
        """Whether no other rig needs darkness now."""
        with self._lock:
            return self._dark <= {rig}

    @contextmanager
    def darkness(self, rig: str, patience: Patience) -> Iterator[None]:
        """Within this block no other rig lights its panel; waits until those that are lit are off."""
        with self._held(self._dark, self._lit, rig, patience, "a neighbour's panel"):
            yield

    @contextmanager
    def light(self, rig: str, patience: Patience) -> Iterator[None]:
        """Within this block the rig may light its panel; waits until no other rig needs darkness."""
        with self._held(self._lit, self._dark, rig, patience, "neighbours that need darkness"):
            yield

    @contextmanager
    def _held(
        self, mine: set[str], against: set[str], rig: str, patience: Patience, why: str
    ) -> Iterator[None]:
        def take() -> bool:
            with self._lock:
                if against <= {rig}:
                    mine.add(rig)
                return rig in mine

        patience.wait(why, take, _FOREVER_S, poll_s=_LOOK_EVERY_S)
        try:
            yield
        finally:
            with self._lock:
                mine.discard(rig)
