"""The focuser: IFocuserV4, absolute; its temperature compensation can be switched but moves nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from simulators.device import Command, Device
from simulators.members import get, invalid, put
from simulators.world import Rig, World


class Focuser(Device):
    """A simulated focuser."""

    kind = "focuser"
    versions = (3, 4)
    description = "A focuser that takes its time"
    constants: ClassVar[Mapping[str, object]] = {
        "absolute": True, "tempcompavailable": True, "stepsize": 1.0,
    }  # fmt: skip
    state = ("IsMoving", "Position", "Temperature")

    def __init__(self, world: World, rig: Rig, log: list[Command]) -> None:
        super().__init__(world, rig.number, f"{rig.settings.name} focuser", log, rig.settings)
        self._rig = rig
        self._compensates = False

    @get("maxstep")
    @get("maxincrement")
    def _max_step(self) -> int:
        return self._rig.settings.focus_max

    @get("ismoving")
    def _is_moving(self) -> bool:
        return self._rig.focus.moving(self.now_s())

    @get("position")
    def _position(self) -> int:
        return round(self._rig.focus.value(self.now_s()))

    @put("move", "Position")
    def _move(self, position: int) -> None:
        if not 0 <= position <= self._max_step():
            raise invalid(f"Position {position} is not within 0 to {self._max_step()}")
        self._rig.focus.send(self.now_s(), float(position))

    @put("halt")
    def _halt(self) -> None:
        now = self.now_s()
        self._rig.focus.send(now, float(round(self._rig.focus.value(now))))

    @get("tempcomp")
    def _get_compensates(self) -> bool:
        return self._compensates

    @put("tempcomp", "TempComp")
    def _set_compensates(self, on: bool) -> None:
        self._compensates = on

    @get("temperature")
    def _temperature(self) -> float:
        return round(float(self.world.weather.temperature_c(self.now_s())), 2)
