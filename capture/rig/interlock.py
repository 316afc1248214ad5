"""Who may light a panel: among rigs under one roof, light waits for darkness and darkness for light."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from capture.rig.claims import Claims, Want
from capture.rig.patience import Patience

_LOOK_EVERY_S = 5.0
_FOREVER_S = 30 * 86400.0


class Interlock:
    """One for all rigs of a farm; any thread may ask. Raises StoreError when the folder cannot be used.

    `folder`: shared by all processes that work under the roof, so that a run by hand beside the service
    asks its rigs, too.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._dark: set[str] = set()
        self._lit: set[str] = set()
        self._claims = Claims(folder) if folder is not None else None

    def permits_light(self, rig: str) -> bool:
        """Whether no other rig needs darkness now."""
        with self._lock:
            if self._claims is not None and self._claims.is_claimed("dark", but_by=rig):
                return False
            return self._dark <= {rig}

    @contextmanager
    def darkness(self, rig: str, patience: Patience) -> Iterator[None]:
        """Within this block no other rig lights its panel; waits until those that are lit are off."""
        with self._held("dark", rig, patience, "a neighbour's panel"):
            yield

    @contextmanager
    def light(self, rig: str, patience: Patience) -> Iterator[None]:
        """Within this block the rig may light its panel; waits until no other rig needs darkness."""
        with self._held("light", rig, patience, "neighbours that need darkness"):
            yield

    @contextmanager
    def _held(self, want: Want, rig: str, patience: Patience, why: str) -> Iterator[None]:
        mine, against = (self._dark, self._lit) if want == "dark" else (self._lit, self._dark)

        def take() -> bool:
            with self._lock:
                if against <= {rig} and (self._claims is None or self._claims.take(want, rig)):
                    mine.add(rig)
                return rig in mine

        patience.wait(why, take, _FOREVER_S, poll_s=_LOOK_EVERY_S)
        try:
            yield
        finally:
            with self._lock:
                mine.discard(rig)
                if self._claims is not None:
                    self._claims.give_back(want, rig)
