"""The mount: ITelescopeV4, an equatorial mount with asynchronous slews that take their time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from simulators.device import Command
from simulators.members import (
    PARKED,
    VALUE_NOT_SET,
    AlpacaError,
    Late,
    get,
    invalid,
    not_implemented,
    put,
    refused,
)
from simulators.telescope_site import TelescopeSite
from simulators.world import Rig, World

_TOPOCENTRIC = 1


class Telescope(TelescopeSite):
    """A simulated equatorial mount on one rig."""

    kind = "telescope"
    versions = (3, 4)
    description = "An equatorial mount"
    constants: ClassVar[Mapping[str, object]] = {
        "alignmentmode": 2,
        "canfindhome": True,
        "cansync": False,
        "cansyncaltaz": False,
        "canpulseguide": False,
        "cansetdeclinationrate": False,
        "cansetrightascensionrate": False,
        "cansetguiderates": False,
        "cansetpierside": False,
        "declinationrate": 0.0,
        "rightascensionrate": 0.0,
        "doesrefraction": False,
        "equatorialsystem": _TOPOCENTRIC,
        "ispulseguiding": False,
        "trackingrate": 0,
        "trackingrates": [0],
    }
    no_get = ("guideratedeclination", "guideraterightascension")
    no_put: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "declinationrate": {"DeclinationRate": "float"},
        "rightascensionrate": {"RightAscensionRate": "float"},
        "doesrefraction": {"DoesRefraction": "bool"},
        "guideratedeclination": {"GuideRateDeclination": "float"},
        "guideraterightascension": {"GuideRateRightAscension": "float"},
        "sideofpier": {"SideOfPier": "int"},
        "moveaxis": {"Axis": "int", "Rate": "float"},
        "pulseguide": {"Direction": "int", "Duration": "int"},
        "synctoaltaz": {"Azimuth": "float", "Altitude": "float"},
        "synctocoordinates": {"RightAscension": "float", "Declination": "float"},
        "synctotarget": {},
    }
    state = (
        "Altitude", "AtHome", "AtPark", "Azimuth", "Declination", "IsPulseGuiding", "RightAscension",
        "SideOfPier", "SiderealTime", "Slewing", "Tracking", "UTCDate",
    )  # fmt: skip

    def __init__(self, world: World, rig: Rig, log: list[Command]) -> None:
        super().__init__(world, rig, log)
        self._mount = rig.mount
        self._target_ra_h: float | None = None
        self._target_dec_deg: float | None = None
        self._home_at: float | None = None

        if not rig.settings.parks:
            self._set_free(self.now_s())

    def _set_free(self, now: float) -> None:
        """Let the mount move; one whose tracking cannot be switched follows the sky from now on."""
        self._mount.unpark(now)
        if not self._rig.settings.switches_tracking:
            self._mount.set_tracking(now, True)

    @get("canslew")
    def _slews_to_ra_dec(self) -> bool:
        return self._rig.settings.slews != "alt_az"

    @get("canslewasync")
    def _slews_to_ra_dec_async(self) -> bool:
        return self._slews_to_ra_dec() and self._rig.settings.slews_async

    @get("canslewaltaz")
    def _slews_to_alt_az(self) -> bool:
        return self._rig.settings.slews != "ra_dec"

    @get("canslewaltazasync")
    def _slews_to_alt_az_async(self) -> bool:
        return self._slews_to_alt_az() and self._rig.settings.slews_async

    @get("cansettracking")
    def _switches_tracking(self) -> bool:
        return self._rig.settings.switches_tracking

    @get("canpark")
    @get("canunpark")
    @get("cansetpark")
    def _parks(self) -> bool:
        return self._rig.settings.parks

    def _parking(self, member: str) -> None:
        if not self._parks():
            raise not_implemented(member)

    def _free(self) -> float:
        """Return now; raise when the mount is parked."""
        now = self.now_s()
        if self._mount.parked(now):
            raise AlpacaError(PARKED, f"{self.name} is parked: Unpark first")
        self._home_at = None
        return now

    @get("atpark")
    def _at_park(self) -> bool:
        return self._mount.parked(self.now_s())

    @put("park")
    def _park(self) -> None:
        self._parking("Park")
        now = self.now_s()
        if not self._mount.parked(now):
            self._home_at = None
            self._mount.park(now)

    @put("unpark")
    def _unpark(self) -> None:
        self._parking("Unpark")
        self._set_free(self.now_s())

    @put("setpark")
    def _set_park(self) -> None:
        self._parking("SetPark")
        altitude, azimuth = self._mount.alt_az(self.now_s())
        self._mount.park_alt_az = (float(altitude), float(azimuth))

    @get("athome")
    def _at_home(self) -> bool:
        return self._home_at is not None and self.now_s() >= self._home_at

    @put("findhome")
    def _find_home(self) -> None:
        now = self._free()
        # Home is the pole: the weights down, the tube up the polar axis.
        pole = 90.0 if self.world.settings.site.latitude_deg >= 0 else -90.0
        self._home_at = now + self._mount.slew_s(now, 0.0, pole)
        self._mount.slew(now, 0.0, pole, False)

    @get("slewing")
    def _slewing(self) -> bool:
        return self._mount.slewing(self.now_s())

    @put("abortslew")
    def _abort(self) -> None:
        now = self._free()
        if self._mount.slewing(now):
            # A park that is broken off is none.
            self._mount.stop(now)
            self._set_free(now)

    @get("tracking")
    def _get_tracking(self) -> bool:
        return self._mount.tracking(self.now_s())

    @put("tracking", "Tracking")
    def _set_tracking(self, tracking: bool) -> None:
        if not self._switches_tracking():
            raise not_implemented("writing Tracking")
        if not tracking and self._mount.parked(self.now_s()):
            return
        now = self._free()
        if tracking == self._mount.tracking(now):
            return
        if self._mount.slewing(now):
            raise refused("the mount slews: Tracking cannot change now")
        self._mount.set_tracking(now, tracking)

    @put("trackingrate", "TrackingRate")
    def _set_tracking_rate(self, rate: int) -> None:
        if rate != 0:
            raise invalid(f"TrackingRate {rate}: only 0, sidereal, is possible")

    @put("slewtoaltazasync", "Azimuth", "Altitude")
    def _slew_alt_az_async(self, azimuth_deg: float, altitude_deg: float) -> None:
        self._async("SlewToAltAzAsync")
        self._begin_alt_az(azimuth_deg, altitude_deg)

    def _async(self, member: str) -> None:
        if not self._rig.settings.slews_async:
            raise not_implemented(member)

    @put("slewtoaltaz", "Azimuth", "Altitude")
    def _slew_alt_az(self, azimuth_deg: float, altitude_deg: float) -> Late:
        self._begin_alt_az(azimuth_deg, altitude_deg)
        return self._when_there()

    def _when_there(self) -> Late:
        return Late(self._mount.slews_for_s(self.now_s()))

    def _begin_alt_az(self, azimuth_deg: float, altitude_deg: float) -> None:
        if not self._slews_to_alt_az():
            raise not_implemented("SlewToAltAz")
        if not (0 <= azimuth_deg <= 360 and -90 <= altitude_deg <= 90):
            raise invalid(f"Azimuth {azimuth_deg}, Altitude {altitude_deg} deg: no such direction")
        now = self._free()
        if self._mount.tracking(now):
            raise refused("SlewToAltAz needs Tracking to be false")
        self._mount.slew_to_alt_az(now, altitude_deg, azimuth_deg)

    @put("slewtocoordinatesasync", "RightAscension", "Declination")
    def _slew_coordinates_async(self, ra_h: float, dec_deg: float) -> None:
        self._async("SlewToCoordinatesAsync")
        self._begin_coordinates(ra_h, dec_deg)

    @put("slewtocoordinates", "RightAscension", "Declination")
    def _slew_coordinates(self, ra_h: float, dec_deg: float) -> Late:
        self._begin_coordinates(ra_h, dec_deg)
        return self._when_there()

    def _begin_coordinates(self, ra_h: float, dec_deg: float) -> None:
        if not self._slews_to_ra_dec():
            raise not_implemented("SlewToCoordinates")
        self._check(ra_h, dec_deg)
        now = self._free()
        if not self._mount.tracking(now):
            raise refused("SlewToCoordinates needs Tracking to be true")
        self._target_ra_h, self._target_dec_deg = ra_h, dec_deg
        self._mount.slew_to_ra(now, ra_h * 15, dec_deg)

    @put("slewtotargetasync")
    def _slew_target_async(self) -> None:
        self._async("SlewToTargetAsync")
        self._begin_target()

    @put("slewtotarget")
    def _slew_target(self) -> Late:
        self._begin_target()
        return self._when_there()

    def _begin_target(self) -> None:
        if not self._slews_to_ra_dec():
            raise not_implemented("SlewToTarget")
        self._begin_coordinates(self._get_target_ra(), self._get_target_dec())

    @staticmethod
    def _check(ra_h: float, dec_deg: float) -> None:
        if not (0 <= ra_h < 24 and -90 <= dec_deg <= 90):
            raise invalid(f"RightAscension {ra_h} h, Declination {dec_deg} deg: no such place")

    @get("targetrightascension")
    def _get_target_ra(self) -> float:
        if self._target_ra_h is None:
            raise AlpacaError(VALUE_NOT_SET, "TargetRightAscension has not been set")
        return self._target_ra_h

    @put("targetrightascension", "TargetRightAscension")
    def _set_target_ra(self, ra_h: float) -> None:
        self._check(ra_h, 0.0)
        self._target_ra_h = ra_h

    @get("targetdeclination")
    def _get_target_dec(self) -> float:
        if self._target_dec_deg is None:
            raise AlpacaError(VALUE_NOT_SET, "TargetDeclination has not been set")
        return self._target_dec_deg

    @put("targetdeclination", "TargetDeclination")
    def _set_target_dec(self, dec_deg: float) -> None:
        self._check(0.0, dec_deg)
        self._target_dec_deg = dec_deg

    @get("altitude")
    def _altitude(self) -> float:
        return float(self._mount.alt_az(self.now_s())[0])

    @get("azimuth")
    def _azimuth(self) -> float:
        return float(self._mount.alt_az(self.now_s())[1])

    @get("rightascension")
    def _right_ascension(self) -> float:
        now = self.now_s()
        return float((self._mount.sidereal_deg(now) - self._mount.ha_dec(now)[0]) % 360 / 15) % 24

    @get("declination")
    def _declination(self) -> float:
        return float(self._mount.ha_dec(self.now_s())[1])

    @get("siderealtime")
    def _sidereal_time(self) -> float:
        return float(self._mount.sidereal_deg(self.now_s())) / 15

    @get("sideofpier")
    def _side_of_pier(self) -> int:
        hour_angle = (float(self._mount.ha_dec(self.now_s())[0]) + 180) % 360 - 180
        return 0 if hour_angle >= 0 else 1

    @get("destinationsideofpier", "RightAscension", "Declination")
    def _destination_side(self, ra_h: float, dec_deg: float) -> int:
        self._check(ra_h, dec_deg)
        hour_angle = (float(self._mount.sidereal_deg(self.now_s())) - ra_h * 15 + 180) % 360 - 180
        return 0 if hour_angle >= 0 else 1

    @get("canmoveaxis", "Axis")
    def _can_move_axis(self, axis: int) -> bool:
        if axis not in (0, 1, 2):
            raise invalid(f"Axis {axis} is not 0, 1 or 2")
        return False

    @get("axisrates", "Axis")
    def _axis_rates(self, axis: int) -> list[dict[str, float]]:
        self._can_move_axis(axis)
        return []

    @get("slewsettletime")
    def _get_settle(self) -> int:
        return round(self._mount.settle_s)

    @put("slewsettletime", "SlewSettleTime")
    def _set_settle(self, seconds: int) -> None:
        if not 0 <= seconds <= 300:
            raise invalid(f"SlewSettleTime {seconds} s is not within 0 to 300 s")
        self._mount.settle_s = float(seconds)
