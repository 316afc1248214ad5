"""Reservations: when a rig is promised to somebody, from iCalendar files in a folder that others fill."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import icalendar
import recurring_ical_events

from capture.clock import Clock
from capture.config import ReservationsConfig
from capture.errors import BadInput
from capture.journal import Journal

_LOOK_EVERY_S = 60.0
# Recurrences are unfolded so far ahead; looked at anew each day.
_BEFORE, _AHEAD = timedelta(days=2), timedelta(days=4)


@dataclass(frozen=True, order=True)
class Reservation:
    """A time that a rig is promised to somebody; UTC. `rig` None: every rig of the site."""

    start: datetime
    end: datetime
    rig: str | None
    what: str


class NoReservations:
    """For a site that has none."""

    def begins(self, rig: str) -> datetime | None:
        """When the next one begins to keep the rig from work."""

    def now(self, rig: str) -> Reservation | None:
        """The one that keeps the rig from work now."""


class Reservations(NoReservations):
    """Those of a folder's `*.ics` files, read again when one of them changes. Any thread may ask.

    A reservation is of the rig that its LOCATION names, or its file (T1.ics); of every rig where neither
    names one. What is CANCELLED, or TRANSPARENT (shown as free), is none.
    """

    def __init__(
        self, config: ReservationsConfig, rigs: Sequence[str], time_zone: str, clock: Clock, journal: Journal
    ) -> None:
        """Read the folder. Raises BadInput when it is not there or a file does not parse."""
        self._folder = config.folder
        self._margin = timedelta(seconds=config.margin_s)
        self._rigs = {name.casefold(): name for name in rigs}
        self._zone = ZoneInfo(time_zone)
        self._clock = clock
        self._journal = journal
        self._lock = threading.Lock()
        self._seen = self._state()
        self._looked = clock.monotonic()
        self._all = self._read()

    def begins(self, rig: str) -> datetime | None:
        """When the next one, or the one under way, keeps the rig from work: a margin before its start."""
        now = self._clock.now()
        starts = [one.start for one in self._current() if one.rig in (None, rig) and one.end > now]
        return min(starts) - self._margin if starts else None

    def now(self, rig: str) -> Reservation | None:
        """The one that keeps the rig from work now, from a margin before its start to its end."""
        now = self._clock.now()
        mine = [one for one in self._current() if one.rig in (None, rig)]
        return next((one for one in mine if one.start - self._margin <= now < one.end), None)

    def _current(self) -> tuple[Reservation, ...]:
        """What the files say; what they said before, while one of them does not parse."""
        with self._lock:
            now = self._clock.monotonic()
            if now - self._looked >= _LOOK_EVERY_S:
                self._looked = now
                state = self._state()
                if state != self._seen:
                    self._seen = state
                    try:
                        self._all = self._read()
                    except BadInput as error:
                        self._journal.say(
                            "nightcal", "alarm", f"{error}. The reservations read before stay in force"
                        )
            return self._all

    def _state(self) -> tuple[date, tuple[tuple[str, int, int], ...]]:
        """Something that changes when a file does, or the day."""
        files = []
        for path in sorted(self._folder.glob("*.ics")):
            try:
                stat = path.stat()
            except OSError:
                continue
            files.append((path.name, stat.st_mtime_ns, stat.st_size))
        return self._clock.now().date(), tuple(files)

    def _read(self) -> tuple[Reservation, ...]:
        if not self._folder.is_dir():
            raise BadInput(f"[reservations] folder {self._folder} is not there; make it, or mend the config")
        found: list[Reservation] = []
        for path in sorted(self._folder.glob("*.ics")):
            try:
                found += self._read_file(path)
            except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
                # The readers have no error of their own for all that files hold.
                why = str(error).splitlines()[0] if str(error) else type(error).__name__
                raise BadInput(
                    f"the reservations in {path} cannot be read: {why}; mend the file or take it away"
                ) from error
        return tuple(sorted(found, key=lambda one: (one.start, one.end)))

    def _read_file(self, path: Path) -> list[Reservation]:
        calendars = icalendar.Calendar.from_ical(path.read_bytes(), multiple=True)
        if not calendars:
            raise ValueError("it holds no calendar")
        now = self._clock.now()
        found = []
        for calendar in calendars:
            for event in recurring_ical_events.of(calendar).between(now - _BEFORE, now + _AHEAD):
                if event.get("STATUS") == "CANCELLED" or event.get("TRANSP") == "TRANSPARENT":
                    continue
                start, end = (self._utc(moment) for moment in (event.start, event.end))
                if end > start:
                    what = str(event.get("SUMMARY", "reserved"))
                    found.append(Reservation(start, end, self._rig_of(event, path), what))
        return found

    def _rig_of(self, event: icalendar.Event, path: Path) -> str | None:
        location = str(event.get("LOCATION", "")).strip().casefold()
        return self._rigs.get(location) or self._rigs.get(path.stem.casefold())

    def _utc(self, moment: date | datetime) -> datetime:
        """A whole day, or a time without a zone, is meant as the site's own."""
        when = moment if isinstance(moment, datetime) else datetime.combine(moment, time())
        return (when if when.tzinfo else when.replace(tzinfo=self._zone)).astimezone(UTC)
