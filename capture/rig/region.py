"""The part of a sensor that is read out. Pure."""

from __future__ import annotations

from typing import NamedTuple

from capture.frame import Pixels

# Of each side a part is read; a CCD's readout costs as much time as it reads rows.
_PART = 4
_LEAST_PX = 16


class Region(NamedTuple):
    """In binned pixels, from the sensor's first."""

    x_px: int
    y_px: int
    width_px: int
    height_px: int

    @classmethod
    def whole(cls, width_px: int, height_px: int) -> Region:
        """All of a frame of this size."""
        return cls(0, 0, width_px, height_px)

    def middle(self) -> Region:
        """A quarter of the width and the height in the middle, whole cells of a colour sensor."""
        x_px, width_px = _middle(self.x_px, self.width_px)
        y_px, height_px = _middle(self.y_px, self.height_px)
        return Region(x_px, y_px, width_px, height_px)

    def of(self, pixels: Pixels) -> Pixels:
        """This part of a frame [rows, columns] that starts at the sensor's first pixel; a view."""
        return pixels[self.y_px : self.y_px + self.height_px, self.x_px : self.x_px + self.width_px]


def _middle(start_px: int, size_px: int) -> tuple[int, int]:
    wanted_px = max(_LEAST_PX, size_px // _PART) // 2 * 2
    if wanted_px >= size_px:
        return start_px, size_px
    return start_px + (size_px - wanted_px) // 4 * 2, wanted_px
