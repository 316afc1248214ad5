"""What a mount knows of its site, the time and its optics; of these a client can write none."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from simulators.device import Command, Device, iso
from simulators.members import get, invalid, not_implemented, put
from simulators.world import Rig, World


class TelescopeSite(Device):
    """The part of a mount that does not move."""

    def __init__(self, world: World, rig: Rig, log: list[Command]) -> None:
        super().__init__(world, rig.number, f"{rig.settings.name} mount", log, rig.settings)
        self._rig = rig

    @get("sitelatitude")
    def _latitude(self) -> float:
        return self.world.settings.site.latitude_deg

    @get("sitelongitude")
    def _longitude(self) -> float:
        return self.world.settings.site.longitude_deg

    @get("siteelevation")
    def _elevation(self) -> float:
        return self.world.settings.site.elevation_m

    @put("sitelatitude", "SiteLatitude")
    def _set_latitude(self, value: float) -> None:
        self._fixed("SiteLatitude", value, 90)

    @put("sitelongitude", "SiteLongitude")
    def _set_longitude(self, value: float) -> None:
        self._fixed("SiteLongitude", value, 180)

    @put("siteelevation", "SiteElevation")
    def _set_elevation(self, value: float) -> None:
        if not -300 <= value <= 10_000:
            raise invalid(f"SiteElevation {value} m is not within -300 to 10000 m")
        raise not_implemented("writing SiteElevation")

    @staticmethod
    def _fixed(member: str, value: float, limit: float) -> None:
        if not -limit <= value <= limit:
            raise invalid(f"{member} {value} deg is not within {-limit} to {limit}")
        raise not_implemented(f"writing {member}")

    @get("utcdate")
    def _get_utc(self) -> str:
        return iso(self.now_s())

    @put("utcdate", "UTCDate")
    def _set_utc(self, text: str) -> None:
        try:
            datetime.fromisoformat(text).replace(tzinfo=UTC)
        except ValueError:
            raise invalid(f"UTCDate {text!r} is no ISO date") from None
        raise not_implemented("writing UTCDate")

    @get("aperturediameter")
    def _aperture(self) -> float:
        return self._rig.settings.aperture_m

    @get("aperturearea")
    def _area(self) -> float:
        return float(np.pi * self._rig.settings.aperture_m**2 / 4)

    @get("focallength")
    def _focal_length(self) -> float:
        return self._rig.settings.focal_length_m
