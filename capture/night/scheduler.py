"""When a night begins: the only file that imports APScheduler.

The truth is in the catalogue and the Sun; `Service.tick` may be called at any time, any number of times.
On the machine's clock APScheduler calls it, by a trigger on the Sun's altitude, and so does the service's
own look every few seconds; on a simulated clock that alone does (APScheduler takes no clock).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from capture.errors import NoWindow
from capture.journal import Journal
from capture.library.delivery.post import delivering
from capture.library.lights import lights_watched
from capture.night.farm import Farm
from capture.night.plan import PREPARE
from capture.night.service import Service
from capture.night.telling import telling
from capture.notices.apprising import Sender
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
    return max(site.night_span(night).start, dusk.start - 2 * PREPARE)


def due(site: Site, now: datetime, done: date | None, highest_sun_deg: float) -> date | None:
    """The night whose work should be under way at `now` and is not `done`; None by day."""
    night = site.night_of(now)
    # What is said to be done days ahead was done by a clock that was wrong.
    if done is not None and timedelta(0) <= done - night <= timedelta(days=1):
        return None
    return night if now >= start_of(site, night, highest_sun_deg) else None


class SunTrigger(BaseTrigger):  # type: ignore[misc]
    """Fires when each night's work begins, by the Sun's altitude at the site."""

    def __init__(self, site: Site, highest_sun_deg: float) -> None:
        self._site = site
        self._highest_sun_deg = highest_sun_deg

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """APScheduler's question; both times are aware."""
        after = max(now, previous_fire_time) if previous_fire_time else now
        return next_start(self._site, after, self._highest_sun_deg)


def service_of(farm: Farm, journal: Journal) -> Service:
    """The service of a farm whose nights go by the Sun. Raises StoreError."""
    return Service(farm, journal, due, next_start)


def serve_nights(
    farm: Farm,
    journal: Journal,
    until: datetime | None = None,
    service: Service | None = None,
    beat: Callable[[], None] = lambda: None,
    sender: Sender | None = None,
) -> None:
    """Run every rig's nights from now, those under way included, until stopped (or `until`).

    Meanwhile lights that come into their folder are calibrated, all is delivered, and persons are told.
    `service`: one that was made before, by `service_of`. `beat`: see Service.live. `sender`: see `telling`.
    Raises Stopped.
    """
    service = service or service_of(farm, journal)
    config, archive = farm.config, farm.archive
    watched = lights_watched(config, archive, journal)
    with telling(farm, sender), delivering(config, archive, journal), watched:
        _live(farm, service, until, beat)


def _live(farm: Farm, service: Service, until: datetime | None, beat: Callable[[], None]) -> None:
    if farm.clock.jumps:
        service.live(until, beat)
        return
    # The defaults would lose a night: a job a second late is dropped, and ten run at once.
    scheduler = BackgroundScheduler(timezone="UTC", job_defaults=_no_misfires())
    highest_sun_deg = max(rig.flats.highest_sun_deg for rig in farm.config.rig)
    scheduler.add_job(service.tick, SunTrigger(farm.site, highest_sun_deg), id="night")
    scheduler.start()
    try:
        service.live(until, beat)
    finally:
        scheduler.shutdown(wait=False)


def _no_misfires() -> dict[str, Any]:
    return {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
