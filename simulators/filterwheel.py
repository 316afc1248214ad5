"""The filter wheel: IFilterWheelV3. It returns at once and reads -1 until the filter is in the light."""

from __future__ import annotations

from simulators.device import Command, Device
from simulators.members import get, invalid, put
from simulators.world import Rig, World


class FilterWheel(Device):
    """A simulated filter wheel."""

    kind = "filterwheel"
    versions = (2, 3)
    description = "A filter wheel that takes its time"
    state = ("Position",)

    def __init__(self, world: World, rig: Rig, log: list[Command]) -> None:
        super().__init__(world, rig.number, f"{rig.settings.name} filter wheel", log, rig.settings)
        self._rig = rig

    @get("names")
    def _names(self) -> list[str]:
        return [f.name for f in self._rig.settings.filters]

    @get("focusoffsets")
    def _focus_offsets(self) -> list[int]:
        return [f.focus_offset for f in self._rig.settings.filters]

    @get("position")
    def _get_position(self) -> int:
        return self._rig.wheel.position(self.now_s())

    @put("position", "Position")
    def _set_position(self, slot: int) -> None:
        if not 0 <= slot < self._rig.wheel.slots:
            raise invalid(f"Position {slot} is not within 0 to {self._rig.wheel.slots - 1}")
        self._rig.wheel.turn(self.now_s(), slot)
