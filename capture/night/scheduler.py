"""When a night begins: the only file that imports APScheduler.

The truth is in the catalogue and the Sun; `Nights.tick` may be called at any time, any number of times.
On the machine's clock APScheduler calls it, by a trigger on the Sun's altitude; on a simulated clock a
plain loop does (APScheduler takes no clock).
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from capture.errors import NoWindow
from capture.journal import Journal
from capture.night.farm import Farm, NightResult
from capture.night.plan import PREPARE
from capture.site import Site, Twilight

_DAYS_AHEAD = 400


def next_start(site: Site, now: datetime, highest_sun_deg: float) -> datetime:
    """When the next night's work begins: some minutes before the Sun falls below `highest_sun_deg`.

    On a night without such a dusk, at its noon: polar night has its darks. UTC.
    """
    night = site.night_of(now)
    for _ in range(_DAYS_AHEAD):
        start = start_of(site, night, highest_sun_deg)
        if start > now:
            return start
        night += timedelta(days=1)
    raise NoWindow(f"no night begins at {site.name} within {_DAYS_AHEAD} days")


def start_of(site: Site, night: date, highest_sun_deg: float) -> datetime:
    """When the work of `night` begins, UTC."""
    try:
        dusk = site.twilight(night, Twilight.DUSK, highest_sun_deg, -18.0)
    except NoWindow:
        return site.night_span(night).start
    # Room for connecting and cooling before the first window, twice over.
    return dusk.start - 2 * PREPARE


def due(site: Site, now: datetime, done: date | None, highest_sun_deg: float) -> date | None:
    """The night whose work should be under way at `now` and is not `done`; None by day."""
    night = site.night_of(now)
    if done is not None and done >= night:
        return None
    return night if now >= start_of(site, night, highest_sun_deg) else None


class Nights:
    """Starts each night once; what a restarted service finds under way it takes up."""

    def __init__(self, farm: Farm, journal: Journal) -> None:
        self._farm = farm
        self._journal = journal
        self._done: date | None = None
        self.highest_sun_deg = max(rig.flats.highest_sun_deg for rig in farm.config.rig)
        self.results: list[NightResult] = []

    def due(self) -> date | None:
        """The night that should be under way now."""
        return due(self._farm.site, self._farm.clock.now(), self._done, self.highest_sun_deg)

    def next_start(self) -> datetime:
        """When `due` will next name a night, by the Sun alone."""
        return next_start(self._farm.site, self._farm.clock.now(), self.highest_sun_deg)

    def tick(self) -> None:
        """Live through the night that is due, if one is; idempotent."""
        night = self.due()
        if night is not None:
            self._done = night
            self._journal.say("nightcal", "night", f"the night of {night} begins")
            result = self._farm.night(night)
            self.results.append(result)
            failed = ", ".join(result.failures) or "none"
            self._journal.say(
                "nightcal",
                "night",
                f"the night of {night} ends: {len(result.masters)} masters, failed rigs: {failed}",
            )


class SunTrigger(BaseTrigger):  # type: ignore[misc]
    """Fires when each night's work begins, by the Sun's altitude at the site."""

    def __init__(self, site: Site, highest_sun_deg: float) -> None:
        self._site = site
        self._highest_sun_deg = highest_sun_deg

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """APScheduler's question; both times are aware."""
        after = max(now, previous_fire_time) if previous_fire_time else now
        return next_start(self._site, after, self._highest_sun_deg)


def serve_nights(farm: Farm, journal: Journal, until: datetime | None = None) -> list[NightResult]:
    """Run every night from now, the one under way included, until stopped (or `until`).

    Raises Stopped when the farm is stopped.
    """
    nights = Nights(farm, journal)
    if farm.clock.jumps:
        while until is None or farm.clock.now() < until:
            nights.tick()
            farm.rest_until(nights.next_start())
        return nights.results
    wake = farm.clock.signal()
    # The defaults would lose a night: a job a second late is dropped, and ten run at once.
    scheduler = BackgroundScheduler(timezone="UTC", job_defaults=_no_misfires())
    scheduler.add_job(wake.set, SunTrigger(farm.site, nights.highest_sun_deg), id="night")
    # It waits by the monotonic count: of a machine that slept, or whose clock was set, it learns by waking.
    scheduler.add_job(_nothing, "interval", minutes=1, id="look at the clock")
    scheduler.start()
    try:
        while until is None or farm.clock.now() < until:
            wake.clear()
            nights.tick()
            journal.say(
                "nightcal", "waiting", f"the next night begins at {nights.next_start():%Y-%m-%d %H:%M} UTC"
            )
            farm.rest(wake)
        return nights.results
    finally:
        scheduler.shutdown(wait=False)


def _nothing() -> None:
    """Only to wake the scheduler."""


def _no_misfires() -> dict[str, Any]:
    return {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
