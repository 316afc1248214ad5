"""What befalls the nights of a place: which of them the service lives through, and how its clock is set."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from benchmarks.calendar.life import Served, Step
from benchmarks.calendar.places import HIGHEST_SUN_DEG, LOWEST_SUN_DEG, Place
from capture.errors import NoWindow
from capture.site import Site, Twilight, Window

# A step every few nights, a new life of the service every few more; both fall on the same night at times.
_STEP_EVERY, _LIFE_EVERY = 4, 6
_HOUR = timedelta(hours=1)
_ERRORS = (_HOUR, -_HOUR, timedelta(minutes=7), timedelta(minutes=-7), timedelta(minutes=40))
_SLEEPS = (timedelta(minutes=3), timedelta(minutes=20), _HOUR, timedelta(hours=5))


@dataclass(frozen=True)
class Script:
    """Lives of the service and steps of its clock, both in the order of time."""

    lives: tuple[Served, ...]
    steps: tuple[Step, ...]


def site_of(place: Place) -> Site:
    """The place as the program knows it."""
    return Site(place.name, place.latitude_deg, place.longitude_deg, 0.0, place.time_zone)


def year_of(year: int) -> list[date]:
    """Its nights."""
    first = date(year, 1, 1)
    return [first + timedelta(days=n) for n in range((date(year + 1, 1, 1) - first).days)]


def quick_nights(place: Place, year: int) -> list[list[date]]:
    """A dozen nights in spells: around both changes of summer time (or March and October), both solstices."""
    site = site_of(place)
    changes = [n for n in year_of(year) if (site.night_span(n).duration_s != 86400)]
    middles = changes or [date(year, 3, 20), date(year, 9, 22)]
    spells = [[n + timedelta(days=off) for off in range(-2, 2)] for n in middles[:2]]
    return [*spells, *([date(year, m, 20), date(year, m, 21)] for m in (6, 12))]


def script_of(place: Place, nights: Sequence[date], seed: int) -> Script:
    """A script for consecutive nights: late starts, sleeps, and a clock that is set, mostly in mid-window."""
    site, rng = site_of(place), random.Random(f"{place.name} {seed} {nights[0]}")
    lives: list[Served] = []
    steps: list[Step] = []
    begins = site.night_span(nights[0]).start
    for number, night in enumerate(nights):
        if number % _STEP_EVERY == 1:
            steps += _steps_in(site, night, rng)
        if number and number % _LIFE_EVERY == 0:
            # The old life ends in good order at noon; the new one begins late.
            noon = site.night_span(night).start
            lives.append(Served(begins, noon - timedelta(minutes=1)))
            begins = _moment_in(site, night, rng)
    # In polar night the next one begins at noon.
    lives.append(Served(begins, site.night_span(nights[-1]).end - timedelta(minutes=1)))
    return Script(tuple(lives), tuple(sorted(steps, key=lambda step: step.at)))


def _steps_in(site: Site, night: date, rng: random.Random) -> list[Step]:
    """The machine sleeps; or its clock is wrong from the afternoon on and put right in mid-window; or the
    other way round, put right at the night's end."""
    span, moment = site.night_span(night), _moment_in(site, night, rng)
    early, late = span.start + timedelta(minutes=1), span.end - timedelta(minutes=1)
    kind = rng.choice(("asleep", "set right", "set wrong"))
    if kind == "asleep":
        return [Step(moment, asleep=rng.choice(_SLEEPS))]
    error = rng.choice(_ERRORS)
    first, second = (early, moment) if kind == "set right" else (moment, late)
    return [Step(first, wrong=error), Step(second, wrong=timedelta(0))]


def _moment_in(site: Site, night: date, rng: random.Random) -> datetime:
    """A moment in the night: mostly in the midst of a twilight, where there is one."""
    span = site.night_span(night)
    windows = [w for which in Twilight if (w := _twilight(site, night, which)) is not None]
    if not windows or rng.random() < 0.2:
        window = Window(span.start + timedelta(hours=2), span.end - timedelta(hours=2))
    else:
        window = rng.choice(windows)
    return window.start + rng.uniform(0.1, 0.9) * (window.end - window.start)


def _twilight(site: Site, night: date, which: Twilight) -> Window | None:
    try:
        return site.twilight(night, which, HIGHEST_SUN_DEG, LOWEST_SUN_DEG)
    except NoWindow:
        return None
