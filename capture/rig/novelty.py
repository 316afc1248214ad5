"""Is this image the exposure just asked for? Some cameras hand out the last one again, or another's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from capture.frame import Pixels

# So many pixels tell a frame from its predecessor: each has its own noise.
_COMPARED_PX = 65_536
# Start times are told in whole seconds by some.
_SAME_START_S = 2.0


@dataclass(frozen=True)
class Told:
    """What a camera says of its last exposure; None where it says nothing that makes sense."""

    start: datetime | None
    exposure_s: float | None


class Novelty:
    """Remembers the frame before; the camera's clock need not be right, only go on."""

    def __init__(self) -> None:
        self._sample: NDArray[np.uint16] | None = None
        self._began: datetime | None = None
        self._told_start: datetime | None = None
        self._keeps_start = True

    def remember(self, told: Told) -> None:
        """Take what the camera says before the first frame of all: an exposure of somebody else's."""
        if self._sample is None:
            self._told_start = told.start

    def is_stale(self, pixels: Pixels, began: datetime, told: Told) -> str | None:
        """Why this is not a new image, None when it is; it becomes the one to compare with."""
        sample = _sample(pixels)
        before, self._sample = self._sample, sample
        # Saturated frames are all alike.
        speaks = before is not None and sample.size > 0 and sample.min() != sample.max()
        if speaks and before is not None and np.array_equal(before, sample):
            return "its pixels are those of the frame before"
        if self._told_start is None or told.start is None or told.start > self._told_start:
            return None
        if self._began is not None and (began - self._began).total_seconds() <= _SAME_START_S:
            return None
        if speaks:
            # New pixels under an old time: the driver does not keep the time.
            self._keeps_start = False
        return "by its own word it was begun before" if self._keeps_start else None

    def is_anothers(self, began: datetime, asked_s: float, told: Told) -> str | None:
        """The sign that somebody else took this image, None without one.

        A wrong start or a wrong length alone is a careless driver's, or a clock's that was set; both together
        are another exposure's.
        """
        sign = None
        last, last_told = self._began, self._told_start
        if last and last_told and told.start and told.exposure_s and self._keeps_start:
            passed_s = (began - last).total_seconds()
            told_passed_s = (told.start - last_told).total_seconds()
            wrong_length = abs(told.exposure_s - asked_s) > max(1.0, 0.1 * asked_s)
            if wrong_length and abs(told_passed_s - passed_s) > _SAME_START_S:
                sign = f"its image was exposed for {told.exposure_s:g} s, and we asked for {asked_s:g} s"
        self._began, self._told_start = began, told.start
        return sign


def time_of(text: str | None) -> datetime | None:
    """A FITS or ISO time, without a zone UTC; None where it is none."""
    try:
        told = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)


def _sample(pixels: Pixels) -> NDArray[np.uint16]:
    """Pixels from all over the frame, in an odd step so that no column is preferred."""
    flat = (pixels.T if pixels.flags.f_contiguous else pixels).reshape(-1)
    return flat[:: (flat.size // _COMPARED_PX) | 1].copy()
