"""Finds a panel's brightness and the exposure together, and tells when the light has settled. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

_SETTLED = 0.03
_FAINTEST_ADU = 30.0
_MOST_STEP = 30.0


@dataclass(frozen=True)
class Light:
    """What is asked: levels above bias in ADU, limits of exposure in s and of brightness in steps."""

    target_adu: float
    saturation_adu: float
    tolerance: float
    min_exposure_s: float
    max_exposure_s: float
    brightest: int


@dataclass(frozen=True)
class Setting:
    """How the next frame is to be taken."""

    brightness: int
    exposure_s: float


class PanelLight:
    """The controller of one filter. `hopeless`: why no setting within the limits will do, once that is known.

    It prefers the exposure in the middle (geometrically) of what is allowed: short ones show the shutter,
    long ones waste time. Brightness is taken to be roughly proportional to its number; the level decides.
    Two frames of one brightness that disagree show that the light still `changes`, whatever the panel says;
    until they agree the brightness is left as it is.
    """

    def __init__(self, light: Light) -> None:
        self._light = light
        self._middle_s = (light.min_exposure_s * light.max_exposure_s) ** 0.5
        self._setting = Setting(max(1, light.brightest // 8), self._middle_s)
        # Of the last frame: its brightness, and ADU/s a step, 0 where too faint to tell and inf where full.
        self._last: tuple[int, float] | None = None
        self.changes = False
        self.hopeless: str | None = None

    def next(self) -> Setting:
        """How the next frame is to be taken."""
        return self._setting

    def see(self, setting: Setting, level_adu: float) -> bool:
        """Learn from a frame's level above bias; whether it is a good flat by it."""
        light = self._light
        is_full, is_faint = level_adu >= light.saturation_adu, level_adu < _FAINTEST_ADU
        adu_per_s = level_adu / setting.exposure_s
        rate = inf if is_full else 0.0 if is_faint else adu_per_s / setting.brightness
        before, self._last = self._last, (setting.brightness, rate)
        again = before is not None and before[0] == setting.brightness
        settled = again and before is not None and _agree(before[1], rate)
        self.changes = again and not settled
        if is_full:
            self._aim(setting, _MOST_STEP * light.target_adu / setting.exposure_s, settled, dim=True)
        elif is_faint:
            self._aim(setting, light.target_adu / _MOST_STEP / setting.exposure_s, settled)
        elif abs(level_adu / light.target_adu - 1) > light.tolerance:
            self._aim(setting, adu_per_s, settled)
        elif settled:
            self._setting = Setting(setting.brightness, self._within(light.target_adu / adu_per_s))
            return True
        return False

    def _aim(self, setting: Setting, adu_per_s: float, settled: bool, *, dim: bool = False) -> None:
        """The next setting, if the light at this brightness is so strong; nearest to the middle exposure."""
        light = self._light
        per_step = adu_per_s / setting.brightness
        exposure_s = light.target_adu / adu_per_s
        brightness = setting.brightness
        if (settled or dim) and not light.min_exposure_s <= exposure_s <= light.max_exposure_s:
            wanted = round(light.target_adu / self._middle_s / per_step)
            brightness = max(1, min(light.brightest, wanted))
            exposure_s = light.target_adu / (per_step * brightness)
        following = Setting(brightness, self._within(exposure_s))
        if settled and following == setting:
            way = "bright" if exposure_s < setting.exposure_s else "faint"
            self.hopeless = (
                f"the panel is too {way} at brightness {brightness} and {following.exposure_s:g} s"
            )
        self._setting = following

    def _within(self, exposure_s: float) -> float:
        light = self._light
        return round(max(light.min_exposure_s, min(light.max_exposure_s, exposure_s)), 3)


def _agree(one: float, other: float) -> bool:
    return one == other or (0 < one < inf and abs(other / one - 1) <= _SETTLED)
