"""The roof: IDomeV3, either a roll-off roof without azimuth or a rotating dome with a slit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from simulators.device import Command, Device
from simulators.members import INVALID_VALUE, AlpacaError, get, not_implemented, put
from simulators.world import World

_OPEN, _CLOSED, _OPENING, _CLOSING, _ERROR = 0, 1, 2, 3, 4


class Dome(Device):
    """A simulated roof; all rigs share it."""

    kind = "dome"
    versions = (2, 3)
    description = "The roof over all telescopes"
    constants: ClassVar[Mapping[str, object]] = {
        "cansetaltitude": False,
        "cansetshutter": True,
        "canslave": False,
        "cansyncazimuth": False,
        "slaved": False,
    }
    no_get = ("altitude",)
    no_put: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "slewtoaltitude": {"Altitude": "float"}, "synctoazimuth": {"Azimuth": "float"},
    }  # fmt: skip
    state = ("AtHome", "AtPark", "Azimuth", "ShutterStatus", "Slewing")

    def __init__(self, world: World, log: list[Command]) -> None:
        super().__init__(world, 0, "Roof", log)
        self._roof = world.roof
        self._rotates = world.settings.roof.kind == "rotating_dome"
        self._park_azimuth_deg = 0.0
        self._parked = self._homed = True

    @get("shutterstatus")
    def _shutter_status(self) -> int:
        opening, now = self._roof.opening, self.now_s()
        if opening.moving(now):
            return _OPENING if opening.target > opening.value(now) else _CLOSING
        at = opening.value(now)
        # A shutter stopped half way is neither; ASCOM's word for that is an error.
        return _ERROR if 0 < at < 1 else (_OPEN if at else _CLOSED)

    def _move(self, opening: float) -> None:
        hit = self.world.move_roof(opening)
        if hit:
            self.note(hit)

    @put("openshutter")
    def _open(self) -> None:
        self._move(1.0)

    @put("closeshutter")
    def _close(self) -> None:
        self._move(0.0)

    @put("abortslew")
    def _abort(self) -> None:
        now = self.now_s()
        self._roof.opening.stop(now)
        self._roof.azimuth.stop(now)

    @get("slewing")
    def _slewing(self) -> bool:
        now = self.now_s()
        return self._roof.opening.moving(now) or self._roof.azimuth.moving(now)

    @get("cansetazimuth")
    @get("canpark")
    @get("canfindhome")
    @get("cansetpark")
    def _can_turn(self) -> bool:
        return self._rotates

    def _turning(self, member: str) -> None:
        if not self._rotates:
            raise not_implemented(member)

    @get("azimuth")
    def _azimuth(self) -> float:
        self._turning("Azimuth")
        return self._roof.azimuth.value(self.now_s()) % 360

    def _turn_to(self, azimuth_deg: float) -> None:
        now = self.now_s()
        here = self._roof.azimuth.value(now)
        # Counted on beyond 360, so that the shorter way round is a straight course.
        self._roof.azimuth.send(now, here + (azimuth_deg - here + 180) % 360 - 180)
        self._parked = self._homed = False

    @put("slewtoazimuth", "Azimuth")
    def _slew_to_azimuth(self, azimuth_deg: float) -> None:
        self._turning("SlewToAzimuth")
        if not 0 <= azimuth_deg < 360:
            raise AlpacaError(INVALID_VALUE, f"Azimuth {azimuth_deg} deg is not within 0 to 360")
        self._turn_to(azimuth_deg)

    @put("park")
    def _park(self) -> None:
        self._turning("Park")
        self._turn_to(self._park_azimuth_deg)
        self._parked = True

    @put("setpark")
    def _set_park(self) -> None:
        self._turning("SetPark")
        self._park_azimuth_deg = self._azimuth()

    @put("findhome")
    def _find_home(self) -> None:
        self._turning("FindHome")
        self._turn_to(0.0)
        self._homed = True

    @get("atpark")
    def _at_park(self) -> bool:
        return self._rotates and self._parked and not self._roof.azimuth.moving(self.now_s())

    @get("athome")
    def _at_home(self) -> bool:
        return self._rotates and self._homed and not self._roof.azimuth.moving(self.now_s())

    @put("slaved", "Slaved")
    def _set_slaved(self, slaved: bool) -> None:
        if slaved:
            raise not_implemented("Slaved")
