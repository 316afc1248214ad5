"""Tells a telescope that sees nothing, behind a shut cover or a dome's wall, from a sky that is dim. Pure."""

from __future__ import annotations

# Through any filter a twilight sky with the Sun above this gives hundreds of ADU a second.
_BRIGHT_SUN_DEG = -5.0
_NOTHING_ADU = 20.0
_LOOKS = 3
_ENOUGH_S = 2.0


class NoLight:
    """Looks at every frame and probe of a run; levels are above bias.

    `suspected`: what to tell the operator when the run ends here, None while light has been seen.
    """

    def __init__(self) -> None:
        self._looks = 0
        self._exposed_s = 0.0
        self.suspected: str | None = None

    def see(self, level_adu: float, exposure_s: float, sun_altitude_deg: float) -> bool:
        """Whether it is sure by now: three looks, two seconds in all, at a bright sky showed nothing."""
        if level_adu >= _NOTHING_ADU or sun_altitude_deg < _BRIGHT_SUN_DEG:
            self._looks, self._exposed_s, self.suspected = 0, 0.0, None
            return False
        self._looks += 1
        self._exposed_s += exposure_s
        self.suspected = (
            f"no light reaches the camera, {level_adu:.0f} ADU above bias with the Sun at "
            f"{sun_altitude_deg:.1f} deg: is the cover shut, the shutter stuck, the dome's slit elsewhere?"
        )
        return self._looks >= _LOOKS and self._exposed_s >= _ENOUGH_S
