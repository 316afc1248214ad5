"""The rotator: IRotatorV4. `Position` is what a client has synced it to, `MechanicalPosition` what it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from simulators.device import Command, Device
from simulators.members import get, invalid, put
from simulators.world import Rig, World


class Rotator(Device):
    """A simulated rotator that turns the shorter way round."""

    kind = "rotator"
    versions = (3, 4)
    description = "A rotator that takes its time"
    constants: ClassVar[Mapping[str, object]] = {"canreverse": True, "stepsize": 0.01}
    state = ("IsMoving", "MechanicalPosition", "Position")

    def __init__(self, world: World, rig: Rig, log: list[Command]) -> None:
        super().__init__(world, rig.number, f"{rig.settings.name} rotator", log, rig.settings)
        self._rotation = rig.rotation
        self._sync_deg = 0.0
        self._reverse = False

    @get("ismoving")
    def _is_moving(self) -> bool:
        return self._rotation.moving(self.now_s())

    @get("mechanicalposition")
    def _mechanical(self) -> float:
        return _turn(self._rotation.value(self.now_s()))

    @get("position")
    def _position(self) -> float:
        return _turn(self._mechanical() + self._sync_deg)

    @get("targetposition")
    def _target(self) -> float:
        return _turn(self._rotation.target + self._sync_deg)

    @put("move", "Position")
    def _move(self, by_deg: float) -> None:
        if not -360 < by_deg < 360:
            raise invalid(f"Position {by_deg} deg is not within -360 to 360")
        self._turn_by(by_deg)

    @put("moveabsolute", "Position")
    def _move_absolute(self, to_deg: float) -> None:
        self._check(to_deg)
        self._turn_by(_shorter(to_deg - self._position()))

    @put("movemechanical", "Position")
    def _move_mechanical(self, to_deg: float) -> None:
        self._check(to_deg)
        self._turn_by(_shorter(to_deg - self._mechanical()))

    @put("sync", "Position")
    def _sync(self, at_deg: float) -> None:
        self._check(at_deg)
        self._sync_deg = at_deg - self._mechanical()

    @put("halt")
    def _halt(self) -> None:
        self._rotation.stop(self.now_s())

    @get("reverse")
    def _get_reverse(self) -> bool:
        return self._reverse

    @put("reverse", "Reverse")
    def _set_reverse(self, reverse: bool) -> None:
        self._reverse = reverse

    @staticmethod
    def _check(deg: float) -> None:
        if not 0 <= deg < 360:
            raise invalid(f"Position {deg} deg is not within 0 to 360")

    def _turn_by(self, deg: float) -> None:
        now = self.now_s()
        self._rotation.send(now, self._rotation.value(now) + deg)


def _turn(deg: float) -> float:
    return round(deg, 4) % 360


def _shorter(deg: float) -> float:
    return (deg + 180) % 360 - 180
