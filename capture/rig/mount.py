"""The rig's mount: unpark, point, keep still, dither."""

from __future__ import annotations

from math import acos, atan2, cos, degrees, hypot, radians, sin

from capture.alpaca.devices import Telescope, optional
from capture.clock import Clock
from capture.errors import DeviceError, DeviceTimeout
from capture.rig.patience import Patience
from capture.site import Site

_SLEW_DEADLINE_S = 240.0
# Least gradient: about 14 deg from the zenith, away from the Sun (Chromey & Hasselbacher 1996).
FLAT_SPOT_ZENITH_DISTANCE_DEG = 14.0


class Mount:
    """A telescope mount over Alpaca; angles in degrees, azimuth from north through east."""

    def __init__(self, rig: str, telescope: Telescope, site: Site, patience: Patience, clock: Clock) -> None:
        self._rig = rig
        self._telescope = telescope
        self._site = site
        self._patience = patience
        self._clock = clock
        self._slews_alt_az = False

    def connect(self) -> None:
        """Connect and learn how the mount slews. Raises DeviceError."""
        self._telescope.open(self._clock, pause=self._patience.pause)
        self._slews_alt_az = bool(optional(lambda: self._telescope.CanSlewAltAzAsync))
        if not self._slews_alt_az and not optional(lambda: self._telescope.CanSlewAsync):
            raise DeviceError(f"{self._rig}: the mount can slew neither in Alt/Az nor in RA/Dec")

    def is_parked(self) -> bool:
        """Whether it is parked, by its own word."""
        return bool(self._telescope.AtPark)

    def flat_spot(self) -> tuple[float, float]:
        """Altitude and azimuth of the least gradient now."""
        azimuth_deg = (self._site.sun_azimuth_deg(self._clock.now()) + 180.0) % 360.0
        return 90.0 - FLAT_SPOT_ZENITH_DISTANCE_DEG, azimuth_deg

    def point(self, altitude_deg: float, azimuth_deg: float) -> None:
        """Slew there and stay, tracking off: the sky drifts by, which moves the stars between frames."""
        # A mount that is parked may have been parked by the guard a moment ago: ask before it is unparked.
        self._patience.checkpoint()
        telescope = self._telescope
        if telescope.AtPark:
            telescope.Unpark()
        if self._slews_alt_az:
            self.stop_tracking()
            telescope.SlewToAltAzAsync(azimuth_deg, altitude_deg)
        else:
            telescope.Tracking = True
            telescope.SlewToCoordinatesAsync(*self.to_ra_dec(altitude_deg, azimuth_deg))
        self._patience.wait("the slew", lambda: not telescope.Slewing, _SLEW_DEADLINE_S)
        self.stop_tracking()

    def offset_from_flat_spot_deg(self) -> float:
        """How far the mount points from the least gradient."""
        altitude, azimuth = (radians(x) for x in self.pointing())
        spot_altitude, spot_azimuth = (radians(x) for x in self.flat_spot())
        cosine = sin(altitude) * sin(spot_altitude)
        cosine += cos(altitude) * cos(spot_altitude) * cos(azimuth - spot_azimuth)
        return degrees(acos(max(-1.0, min(1.0, cosine))))

    def pointing(self) -> tuple[float, float]:
        """Altitude and azimuth, by the mount's own word."""
        return float(self._telescope.Altitude), float(self._telescope.Azimuth)

    def coordinates(self) -> tuple[float, float] | None:
        """Right ascension in hours and declination in degrees, by the mount's own word."""
        telescope = self._telescope
        return optional(lambda: (float(telescope.RightAscension), float(telescope.Declination)))

    def stop_tracking(self) -> None:
        """Tracking off, where the mount can."""
        if optional(lambda: self._telescope.CanSetTracking) and self._telescope.Tracking:
            self._telescope.Tracking = False

    def park(self) -> None:
        """Park where the mount can, and wait for it."""
        if not optional(lambda: self._telescope.CanPark) or self._telescope.AtPark:
            return
        try:
            self._telescope.Park()
        except DeviceTimeout as timeout:
            # Some mounts answer when they are parked: it is asked, and not told again.
            if not timeout.sent:
                raise
        self._patience.wait("parking", lambda: bool(self._telescope.AtPark), _SLEW_DEADLINE_S)

    def to_ra_dec(self, altitude_deg: float, azimuth_deg: float) -> tuple[float, float]:
        """RA in hours and Dec in degrees of a direction now (Meeus, Astronomical Algorithms, ch. 13)."""
        latitude = radians(self._site.latitude_deg)
        altitude, azimuth = radians(altitude_deg), radians(azimuth_deg)
        y = -sin(azimuth) * cos(altitude)
        x = sin(altitude) * cos(latitude) - cos(altitude) * sin(latitude) * cos(azimuth)
        z = sin(altitude) * sin(latitude) + cos(altitude) * cos(latitude) * cos(azimuth)
        declination_deg = degrees(atan2(z, hypot(x, y)))
        hour_angle_h = degrees(atan2(y, x)) / 15.0
        sidereal_h = self._site.sidereal_time_h(self._clock.now())
        return (sidereal_h - hour_angle_h) % 24.0, declination_deg

    def close(self) -> None:
        """Drop our connection."""
        self._telescope.close()
