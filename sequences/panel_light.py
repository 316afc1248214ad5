"""Finds a panel's brightness and the exposure together, and tells when the light has settled. Pure."""

from __future__ import annotations

from dataclasses import dataclass

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
    """

    def __init__(self, light: Light) -> None:
        self._light = light
        self._middle_s = (light.min_exposure_s * light.max_exposure_s) ** 0.5
        self._setting = Setting(max(1, light.brightest // 8), self._middle_s)
        self._rate: float | None = None
        self._settled = False
        self.hopeless: str | None = None

    def next(self) -> Setting:
        """How the next frame is to be taken."""
        return self._setting

    def see(self, setting: Setting, level_adu: float) -> bool:
        """Learn from a frame's level above bias; whether it is a good flat by it."""
        light = self._light
        if level_adu >= light.saturation_adu:
            self._rate = None
            self._aim(setting, _MOST_STEP * light.target_adu / setting.exposure_s)
            return False
        if level_adu < _FAINTEST_ADU:
            self._rate = None
            self._aim(setting, light.target_adu / _MOST_STEP / setting.exposure_s)
            return False
        rate = level_adu / setting.exposure_s / setting.brightness
        before, self._rate = self._rate, rate
        # A change of brightness lasts a while in some panels: two frames must agree on what it gives.
        self._settled = before is not None and abs(rate / before - 1) <= _SETTLED
        good = abs(level_adu / light.target_adu - 1) <= light.tolerance
        if good and self._settled:
            exposure_s = light.target_adu / (level_adu / setting.exposure_s)
            self._setting = Setting(setting.brightness, self._within(exposure_s))
            return True
        if not good:
            self._aim(setting, level_adu / setting.exposure_s)
        return False

    def _aim(self, setting: Setting, adu_per_s: float) -> None:
        """The next setting, if the light at this brightness is so strong; nearest to the middle exposure."""
        light = self._light
        per_step = adu_per_s / setting.brightness
        exposure_s = light.target_adu / adu_per_s
        brightness = setting.brightness
        if not light.min_exposure_s <= exposure_s <= light.max_exposure_s:
            wanted = round(light.target_adu / self._middle_s / per_step)
            brightness = max(1, min(light.brightest, wanted))
            exposure_s = light.target_adu / (per_step * brightness)
        following = Setting(brightness, self._within(exposure_s))
        if following == setting:
            way = "bright" if exposure_s < setting.exposure_s else "faint"
            self.hopeless = (
                f"the panel is too {way} at brightness {brightness} and {following.exposure_s:g} s"
            )
        self._setting = following

    def _within(self, exposure_s: float) -> float:
        light = self._light
        return round(max(light.min_exposure_s, min(light.max_exposure_s, exposure_s)), 3)
