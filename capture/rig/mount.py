"""The rig's mount: unpark, point, keep still, move the stars off between frames."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from math import atan2, degrees, hypot

from capture.alpaca.devices import Telescope, optional
from capture.clock import Clock
from capture.errors import DeviceError, DeviceRefused, DeviceTimeout, Unsafe
from capture.journal import Journal
from capture.rig.directions import Direction
from capture.rig.dither import drift_s, offset_arcsec
from capture.rig.flat_spot import PointingLimits, flat_spot, sun_direction
from capture.rig.patience import Patience
from capture.site import Site

_SLEW_DEADLINE_S = 240.0
_NEAR_ENOUGH_DEG = 3.0
_ASTRAY_DEG = 5.0
_MOVED_BY_OTHERS_DEG = 1.5
# Some drivers take a moment before they say that they slew.
_LAG_S = 5.0
# Refracted, and as broad as it is, the Sun sends no direct light from below this.
_SUN_DOWN_DEG = -1.5
_SUN_EVERY_S = 5.0
# A longer wait for the sky's drift costs more than a small slew.
_SLEW_COSTS_S = 5.0


@dataclass(frozen=True)
class _Way:
    """One of Alpaca's ways to slew; one that `answers_late` does so when it is there."""

    alt_az: bool
    answers_late: bool


class Mount:
    """A telescope mount over Alpaca, whichever of Alpaca's ways to slew it knows."""

    def __init__(
        self,
        rig: str,
        telescope: Telescope,
        site: Site,
        limits: PointingLimits,
        patience: Patience,
        clock: Clock,
        journal: Journal,
    ) -> None:
        self._rig = rig
        self._telescope = telescope
        self._site = site
        self._limits = limits
        self._patience = patience
        self._clock = clock
        self._journal = journal
        self._ways: list[_Way] = []
        self._sets_tracking = self._follows_sky = False
        self._left_at: Direction | None = None
        self._sun_looked_at = float("-inf")
        self._dithers = 0

    def connect(self) -> None:
        """Connect and learn how the mount slews. Raises DeviceError."""
        telescope = self._telescope
        telescope.open(self._clock, pause=self._patience.pause)
        self._sets_tracking = bool(optional(lambda: telescope.CanSetTracking))
        self._ways = [
            _Way(alt_az, waits)
            for alt_az, waits, can in (
                (True, False, optional(lambda: telescope.CanSlewAltAzAsync)),
                (False, False, optional(lambda: telescope.CanSlewAsync)),
                (True, True, optional(lambda: telescope.CanSlewAltAz)),
                (False, True, optional(lambda: telescope.CanSlew)),
            )
            if can
        ]
        if not self._ways:
            raise DeviceError(f"{self._rig}: the mount can slew neither in Alt/Az nor in RA/Dec")
        if not optional(lambda: telescope.CanPark):
            self._journal.say(self._rig, "connected", "the mount cannot be parked: it stays where it points")
        if not self._sets_tracking:
            text = "the mount's tracking cannot be switched: while it tracks it is moved between frames"
            self._journal.say(self._rig, "connected", text)

    def is_parked(self) -> bool:
        """Whether it is parked, by its own word; False where it knows no parking."""
        return bool(optional(lambda: self._telescope.AtPark))

    def flat_spot(self) -> Direction:
        """The allowed direction nearest to the least gradient now. Raises BadInput when none is allowed."""
        return flat_spot(self._site, self._clock.now(), self._limits)

    def point_at_flat_spot(self) -> None:
        """Slew to the flat spot unless the mount stands within 3 deg of it; whoever moved it before."""
        self._left_at = None
        self.stay_at_flat_spot()

    def stay_at_flat_spot(self) -> None:
        """Slew again when the spot has moved on by 3 deg.

        Raises DeviceError when somebody else has moved the mount meanwhile: it is not fought over.
        """
        parked = self.is_parked()
        at, left_at = self.pointing(), self._left_at
        if left_at is not None and not self._follows_sky:
            moved_deg = at.distance_deg(left_at)
            if parked or moved_deg > _MOVED_BY_OTHERS_DEG:
                # The guard parks it when it gets unsafe, and that is said first.
                self._patience.checkpoint()
                what = "parked it" if parked else f"moved it by {moved_deg:.0f} deg"
                raise DeviceError(f"{self._rig}: somebody else uses the mount, and {what}; end that program")
        spot = self.flat_spot()
        if parked or at.distance_deg(spot) > _NEAR_ENOUGH_DEG:
            self.point(spot)
        elif left_at is None:
            self._stand(at)

    def move_off_stars(self, passed_s: float) -> None:
        """See to it that the stars stand elsewhere than `passed_s` ago, so that they fall out of the master.

        Before a mount that stands still the sky drifts; where that takes long, near the pole, or the mount
        cannot stop tracking, it slews to the next place of a pattern around the flat spot.
        """
        if not self._follows_sky:
            coordinates = self.coordinates()
            missing_s = drift_s(coordinates[1] if coordinates else 0.0) - passed_s
            if missing_s <= _SLEW_COSTS_S:
                if missing_s > 0:
                    self._patience.pause(missing_s, "the stars to drift")
                return
        self._dithers += 1
        up_arcsec, aside_arcsec = offset_arcsec(self._dithers)
        bearing_deg = degrees(atan2(aside_arcsec, up_arcsec))
        self.point(self.flat_spot().step(bearing_deg, hypot(up_arcsec, aside_arcsec) / 3600))

    def point(self, to: Direction) -> None:
        """Slew there and stay, tracking off where it can be.

        Raises DeviceTimeout, and DeviceError when the mount says that it has arrived and is elsewhere.
        """
        # A mount that is parked may have been parked by the guard a moment ago: ask before it is unparked.
        self._patience.checkpoint()
        telescope = self._telescope
        if self.is_parked():
            telescope.Unpark()
        self._left_at = None
        self._follows_sky = not self._sets_tracking and bool(telescope.Tracking)
        begun = self._clock.monotonic()
        self._begin_slew(to)

        def arrived() -> bool:
            if telescope.Slewing:
                return False
            late = self._clock.monotonic() - begun > _LAG_S
            return late or self.pointing().distance_deg(to) <= _ASTRAY_DEG

        self._patience.wait("the slew", arrived, _SLEW_DEADLINE_S)
        at = self.pointing()
        off_deg = at.distance_deg(to)
        if off_deg > _ASTRAY_DEG:
            raise DeviceError(
                f"{self._rig}: the mount says that it has arrived, but it stands {off_deg:.0f} deg from "
                f"where it was sent; check its clock, its site and its alignment"
            )
        self._stand(at)

    def _begin_slew(self, to: Direction) -> None:
        telescope = self._telescope
        # A mount that tracks refuses Alt/Az.
        way = next((way for way in self._ways if not (way.alt_az and self._follows_sky)), self._ways[0])
        try:
            if way.alt_az:
                self.stop_tracking()
                slew = telescope.SlewToAltAz if way.answers_late else telescope.SlewToAltAzAsync
                slew(to.azimuth_deg, to.altitude_deg)
            else:
                if self._sets_tracking:
                    telescope.Tracking = True
                slew = telescope.SlewToCoordinates if way.answers_late else telescope.SlewToCoordinatesAsync
                slew(*to.ra_dec(self._site, self._site.sidereal_time_h(self._clock.now())))
        except DeviceTimeout as timeout:
            # Some answer when they are there: it is looked at, and not told again.
            if not timeout.sent:
                raise

    def _stand(self, at: Direction) -> None:
        self.stop_tracking()
        self._left_at = at

    def require_away_from_sun(self) -> None:
        """Raise Unsafe, any slew broken off, when the mount points too near to the Sun.

        By our own ephemeris from where the mount stands; looked at every 5 s while the Sun is up.
        """
        now = self._clock.monotonic()
        if now - self._sun_looked_at < _SUN_EVERY_S:
            return
        self._sun_looked_at = now
        sun = sun_direction(self._site, self._clock.now())
        if sun.altitude_deg < _SUN_DOWN_DEG:
            return
        distance_deg = self.pointing().distance_deg(sun)
        if distance_deg < self._limits.sun_distance_deg:
            with suppress(DeviceError):
                self._telescope.AbortSlew()
            raise Unsafe(
                f"{self._rig}: the mount points {distance_deg:.0f} deg from the Sun, "
                f"allowed is {self._limits.sun_distance_deg:g}"
            )

    def pointing(self) -> Direction:
        """Where it points, by the mount's own word; by its coordinates where it knows no Alt/Az."""
        telescope = self._telescope
        horizontal = optional(lambda: Direction(float(telescope.Altitude), float(telescope.Azimuth)))
        if horizontal is not None:
            return horizontal
        hours, declination_deg = float(telescope.RightAscension), float(telescope.Declination)
        sidereal_h = self._site.sidereal_time_h(self._clock.now())
        return Direction.of_ra_dec(self._site, sidereal_h, hours, declination_deg)

    def coordinates(self) -> tuple[float, float] | None:
        """Right ascension in hours and declination in degrees, by the mount's own word, if it says so."""
        telescope = self._telescope
        try:
            return float(telescope.RightAscension), float(telescope.Declination)
        except DeviceRefused:
            # No frame is lost over a footnote.
            return None

    def stop_tracking(self) -> None:
        """Tracking off, where the mount can."""
        if self._sets_tracking and self._telescope.Tracking:
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

    def close(self) -> None:
        """Drop our connection."""
        self._telescope.close()
