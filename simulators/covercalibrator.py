"""The cover and flat panel: ICoverCalibratorV2. The panel shows only when the cover is shut."""

from __future__ import annotations

from simulators.device import Command, Device
from simulators.members import get, invalid, not_implemented, put
from simulators.world import Rig, World

_NOT_PRESENT, _OFF_OR_CLOSED, _BUSY, _READY_OR_OPEN, _UNKNOWN = 0, 1, 2, 3, 4


class CoverCalibrator(Device):
    """A simulated cover with a flat panel in its lid; either may be missing."""

    kind = "covercalibrator"
    versions = (1, 2)
    since_7 = ("calibratorchanging", "covermoving")
    description = "A flip-flat"
    state = ("Brightness", "CalibratorState", "CoverState", "CalibratorChanging", "CoverMoving")

    def __init__(self, world: World, rig: Rig, log: list[Command]) -> None:
        super().__init__(world, rig.number, f"{rig.settings.name} cover", log, rig.settings)
        self._rig = rig

    @get("coverstate")
    def _cover_state(self) -> int:
        if not self._rig.settings.has_cover:
            return _NOT_PRESENT
        now = self.now_s()
        if self._rig.cover.moving(now):
            return _BUSY
        opening = self._rig.cover.value(now)
        if opening in (0.0, 1.0):
            return _READY_OR_OPEN if opening else _OFF_OR_CLOSED
        return _UNKNOWN

    @get("covermoving")
    def _cover_moving(self) -> bool:
        return self._rig.settings.has_cover and self._rig.cover.moving(self.now_s())

    def _move_cover(self, opening: float, member: str) -> None:
        if not self._rig.settings.has_cover:
            raise not_implemented(member)
        self._rig.cover.send(self.now_s(), opening)

    @put("opencover")
    def _open(self) -> None:
        self._move_cover(1.0, "OpenCover")

    @put("closecover")
    def _close(self) -> None:
        self._move_cover(0.0, "CloseCover")

    @put("haltcover")
    def _halt(self) -> None:
        if not self._rig.settings.has_cover:
            raise not_implemented("HaltCover")
        self._rig.cover.stop(self.now_s())

    @get("calibratorstate")
    def _calibrator_state(self) -> int:
        if not self._rig.settings.has_panel:
            return _NOT_PRESENT
        if self._rig.panel.moving(self.now_s()):
            return _BUSY
        return _READY_OR_OPEN if self._rig.panel.target > 0 else _OFF_OR_CLOSED

    @get("calibratorchanging")
    def _calibrator_changing(self) -> bool:
        return self._rig.settings.has_panel and self._rig.panel.moving(self.now_s())

    def _panel(self, member: str) -> None:
        if not self._rig.settings.has_panel:
            raise not_implemented(member)

    @get("brightness")
    def _brightness(self) -> int:
        self._panel("Brightness")
        return round(self._rig.panel.target)

    @get("maxbrightness")
    def _max_brightness(self) -> int:
        self._panel("MaxBrightness")
        return self._rig.settings.panel_max

    @put("calibratoron", "Brightness")
    def _on(self, brightness: int) -> None:
        self._panel("CalibratorOn")
        if not 0 <= brightness <= self._rig.settings.panel_max:
            raise invalid(f"Brightness {brightness} is not within 0 to {self._rig.settings.panel_max}")
        self._rig.panel.send(self.now_s(), float(brightness))

    @put("calibratoroff")
    def _off(self) -> None:
        self._panel("CalibratorOff")
        self._rig.panel.send(self.now_s(), 0.0)
