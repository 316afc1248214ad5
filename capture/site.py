"""The site: where Sun and Moon stand, when twilight is, and which night it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cached_property, lru_cache
from math import cos, radians, sin
from zoneinfo import ZoneInfo

import astral
import astral.moon
import astral.sun

from capture.errors import NoWindow

_STEP = timedelta(minutes=10)
_EXACT = timedelta(milliseconds=100)
_SECOND = timedelta(seconds=1)
# Nights that are remembered: asked for at each poll, and each costs hundreds of the Sun's places.
_REMEMBERED = 2048


class Twilight(StrEnum):
    """Dusk: the Sun goes down. Dawn: it comes up. Told by the slope of its altitude, never by the hour."""

    DUSK = "dusk"
    DAWN = "dawn"


@dataclass(frozen=True)
class Window:
    """A span of time in UTC."""

    start: datetime
    end: datetime

    def __contains__(self, when: datetime) -> bool:
        return self.start <= when < self.end

    @property
    def duration_s(self) -> float:
        return (self.end - self.start).total_seconds()


@dataclass(frozen=True)
class Moon:
    """Where the Moon stands, in degrees, azimuth from north through east, and how much of it is lit."""

    altitude_deg: float
    azimuth_deg: float
    lit_fraction: float


@dataclass(frozen=True)
class Site:
    """A place on Earth: latitude north and longitude east positive, in degrees; an IANA time zone."""

    name: str
    latitude_deg: float
    longitude_deg: float
    elevation_m: float
    time_zone: str

    @cached_property
    def _observer(self) -> astral.Observer:
        # The elevation stays 0: astral would lower the horizon by it, and move dusk by minutes.
        return astral.Observer(self.latitude_deg, self.longitude_deg, 0.0)

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def local(self, when: datetime) -> datetime:
        """`when` on the site's own clock."""
        return when.astimezone(self._zone)

    def sun_altitude_deg(self, when: datetime) -> float:
        """The Sun's geometric altitude, unrefracted (astral; within 0.013 deg of astropy).

        astral leaves out the fraction of a second, in which the Sun moves by up to 0.004 deg: it is added.
        """
        fraction = when.microsecond / 1e6
        whole = when.astimezone(UTC) - timedelta(microseconds=when.microsecond)
        altitude_deg = self._elevation_deg(whole)
        if not fraction:
            return altitude_deg
        return altitude_deg + fraction * (self._elevation_deg(whole + _SECOND) - altitude_deg)

    def _elevation_deg(self, whole_second: datetime) -> float:
        return float(astral.sun.elevation(self._observer, whole_second, with_refraction=False))

    def sun_azimuth_deg(self, when: datetime) -> float:
        """The Sun's azimuth, from north through east."""
        return float(astral.sun.azimuth(self._observer, when.astimezone(UTC)))

    def sun_is_setting(self, when: datetime) -> bool:
        """Whether the Sun's altitude falls."""
        later = when + timedelta(minutes=1)
        return self.sun_altitude_deg(later) < self.sun_altitude_deg(when)

    def moon(self, when: datetime) -> Moon:
        """The Moon, to 1 deg (astral, without parallax) and 0.01 of its phase."""
        utc = when.astimezone(UTC)
        altitude_deg = float(astral.moon.elevation(self._observer, utc))
        azimuth_deg = float(astral.moon.azimuth(self._observer, utc)) % 360.0
        altitude, sun_altitude = radians(altitude_deg), radians(self.sun_altitude_deg(when))
        turn = radians(azimuth_deg - self.sun_azimuth_deg(when))
        # The phase angle is 180 deg minus the elongation, to 0.15 deg (Meeus, ch. 48).
        cosine = sin(altitude) * sin(sun_altitude) + cos(altitude) * cos(sun_altitude) * cos(turn)
        return Moon(altitude_deg, azimuth_deg, (1.0 - cosine) / 2.0)

    def sidereal_time_h(self, when: datetime) -> float:
        """Local mean sidereal time in hours (Meeus, Astronomical Algorithms, eq. 12.4; good to 0.1 s)."""
        days = (when - datetime(2000, 1, 1, 12, tzinfo=UTC)).total_seconds() / 86400
        degrees = 280.46061837 + 360.98564736629 * days + self.longitude_deg
        return degrees % 360 / 15

    def night_of(self, when: datetime) -> date:
        """The night, noon to noon at the site and named by the evening's date, that `when` lies in."""
        local = self.local(when)
        return local.date() if local.hour >= 12 else local.date() - timedelta(days=1)

    def night_span(self, night: date) -> Window:
        """Noon to noon on the site's own clock, in UTC."""
        noon = datetime.combine(night, time(12), self._zone)
        next_noon = datetime.combine(night + timedelta(days=1), time(12), self._zone)
        return Window(noon.astimezone(UTC), next_noon.astimezone(UTC))

    def twilight(self, night: date, which: Twilight, highest_deg: float, lowest_deg: float) -> Window:
        """When the Sun is between two altitudes on the asked side of that night.

        Where the Sun turns before `lowest_deg` (summer far north), the window ends, or begins, at its
        lowest point. Raises NoWindow when the Sun never comes below `highest_deg`, or never above
        `lowest_deg` (polar night).
        """
        return _twilight(self, night, which, highest_deg, lowest_deg)

    def _find_twilight(self, night: date, which: Twilight, highest_deg: float, lowest_deg: float) -> Window:
        lowest, highest = _turns(self, night, which)
        if self.sun_altitude_deg(lowest) >= highest_deg:
            raise NoWindow(
                f"no {which} at {self.name} on {night}: the Sun stays above {highest_deg:g} deg "
                f"(lowest {self.sun_altitude_deg(lowest):.1f} deg). Choose another night, or panel flats."
            )
        if self.sun_altitude_deg(highest) <= lowest_deg:
            raise NoWindow(
                f"no {which} at {self.name} on {night}: the Sun stays below {lowest_deg:g} deg "
                f"(highest {self.sun_altitude_deg(highest):.1f} deg). Choose another night, or panel flats."
            )
        bright = self._crossing(highest, lowest, highest_deg)
        dark = self._crossing(highest, lowest, lowest_deg)
        return Window(bright, dark) if which is Twilight.DUSK else Window(dark, bright)

    def darkness(self, night: date, highest_deg: float) -> Window | None:
        """While the Sun is below that altitude; the whole of a polar night; None on a polar day."""
        try:
            dusk = self.twilight(night, Twilight.DUSK, 90.0, highest_deg)
            dawn = self.twilight(night, Twilight.DAWN, 90.0, highest_deg)
        except NoWindow:
            return self.night_span(night)
        return Window(dusk.end, dawn.start) if dusk.end < dawn.start else None

    def _find_turns(self, night: date, which: Twilight) -> tuple[datetime, datetime]:
        """When the Sun is lowest in that night, and when highest on the asked side of it."""
        span = self.night_span(night)
        lowest = self._extreme(span.start, span.end, highest=False)
        side = -1 if which is Twilight.DUSK else 1
        return lowest, self._extreme(lowest, lowest + side * timedelta(hours=14), highest=True)

    def _extreme(self, start: datetime, end: datetime, *, highest: bool) -> datetime:
        """Where between two times the Sun stands highest, or lowest; to a tenth of a second."""
        sign = 1 if highest else -1
        start, end = min(start, end), max(start, end)
        steps = range(int((end - start) / _STEP) + 1)
        best = max((start + step * _STEP for step in steps), key=lambda t: sign * self.sun_altitude_deg(t))
        left, right = best - _STEP, best + _STEP
        while right - left > _EXACT:
            third = (right - left) / 3
            if sign * self.sun_altitude_deg(left + third) < sign * self.sun_altitude_deg(right - third):
                left += third
            else:
                right -= third
        return min(max(left, start), end)

    def _crossing(self, above: datetime, below: datetime, altitude_deg: float) -> datetime:
        """The time between `above` and `below` when the Sun passes `altitude_deg`; an end if it does not."""
        if self.sun_altitude_deg(above) <= altitude_deg:
            return above
        if self.sun_altitude_deg(below) >= altitude_deg:
            return below
        return _bisect(lambda t: self.sun_altitude_deg(t) > altitude_deg, above, below)


@lru_cache(_REMEMBERED)
def _twilight(site: Site, night: date, which: Twilight, highest_deg: float, lowest_deg: float) -> Window:
    return site._find_twilight(night, which, highest_deg, lowest_deg)


@lru_cache(_REMEMBERED)
def _turns(site: Site, night: date, which: Twilight) -> tuple[datetime, datetime]:
    return site._find_turns(night, which)


def _bisect(is_left: Callable[[datetime], bool], left: datetime, right: datetime) -> datetime:
    """The time between `left` (where `is_left`) and `right` (where not) at which it changes."""
    while abs(right - left) > _EXACT:
        middle = left + (right - left) / 2
        if is_left(middle):
            left = middle
        else:
            right = middle
    return left
