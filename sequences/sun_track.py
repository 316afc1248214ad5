"""The Sun's altitude over a window as a table: asked thousands of times, computed some hundreds. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from capture.site import Window

Floats = NDArray[np.float64]

_STEP_S, _MOST_STEPS = 30.0, 600
# Frames are measured a little before a window and end a little after it.
_MARGIN_S = 900.0


class SunTrack:
    """Altitudes in degrees by Unix seconds, within 0.003 deg of the function it is made from."""

    def __init__(self, window: Window, sun_altitude_deg: Callable[[datetime], float]) -> None:
        self._exact = sun_altitude_deg
        start_s, end_s = window.start.timestamp() - _MARGIN_S, window.end.timestamp() + _MARGIN_S
        steps = min(_MOST_STEPS, int((end_s - start_s) / _STEP_S) + 2)
        self._seconds = np.linspace(start_s, end_s, steps)
        self._altitudes_deg = np.array([self._ask(float(s)) for s in self._seconds])

    def _ask(self, seconds: float) -> float:
        return self._exact(datetime.fromtimestamp(seconds, UTC))

    def altitude_deg(self, seconds: float) -> float:
        """The altitude at one time."""
        if self._seconds[0] <= seconds <= self._seconds[-1]:
            return float(np.interp(seconds, self._seconds, self._altitudes_deg))
        return self._ask(seconds)

    def altitudes_deg(self, seconds: Floats) -> Floats:
        """The altitudes at many times, level beyond the table's ends."""
        return np.asarray(np.interp(seconds, self._seconds, self._altitudes_deg))

    def is_setting(self, seconds: float) -> bool:
        """Whether the Sun goes down at that time."""
        return self.altitude_deg(seconds + 60.0) < self.altitude_deg(seconds)
