"""The month's site: two rigs under one roof, a month of weather and of reservations from a seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from capture.site import Site
from simulators import ObservatorySettings, demo_settings
from simulators.settings import CloudSettings, FilterSettings, WeatherSettings

SITE = Site("Month Ridge", 32.9, -105.5, 2225.0, "America/Denver")
# Summer time begins within it.
FIRST_NIGHT = date(2027, 3, 1)
_SEED = 5

CONFIG = """
[site]
name = "Month Ridge"
latitude_deg = 32.9
longitude_deg = -105.5
elevation_m = 2225
time_zone = "America/Denver"
[storage]
folder = "archive"
[guard]
folder = "guard"
[reservations]
folder = "reservations"
[roof]
dome = "{server}/0"
mode = "operate"
if_park_fails = "stay_open"
safety_monitors = ["{server}/0"]
[[rig]]
name = "T1"
camera = "{server}/0"
filter_wheel = "{server}/0"
telescope = "{server}/0"
cover_calibrator = "{server}/0"
cooling = {{ set_temperature_c = -10.0 }}
flats = {{ count = 10, max_age_days = 2, max_exposure_s = 30.0 }}
bias = {{ count = 20, max_age_days = 5 }}
darks = {{ count = 10, max_age_days = 5, exposures_s = [60, 120, 300] }}
[[rig]]
name = "T2"
camera = "{server}/1"
filter_wheel = "{server}/1"
telescope = "{server}/1"
cover_calibrator = "{server}/1"
cooling = {{ set_temperature_c = -20.0 }}
flats = {{ count = 10, max_age_days = 3, min_exposure_s = 2.0 }}
bias = {{ count = 20, max_age_days = 5 }}
darks = {{ count = 20, max_age_days = 7, exposures_s = [120, 300, 600] }}
"""


@dataclass(frozen=True)
class Reserved:
    """A time that a rig is promised to somebody, UTC; None: all rigs."""

    start: datetime
    end: datetime
    rig: str | None


def settings_of(nights: Sequence[date], size_px: int = 64) -> ObservatorySettings:
    """A CMOS with 3 filters and a CCD with 7; the weather of the month."""
    demo = demo_settings(seed=_SEED, width_px=size_px, height_px=size_px, night=nights[0])
    cmos, ccd = demo.rigs
    filters = {"L": -1.35, "R": -0.08, "G": -0.11, "B": -0.46, "Ha": 3.4, "OIII": 3.0, "SII": 3.4}
    cmos = replace(cmos, filters=tuple(FilterSettings(name, filters[name]) for name in ("R", "G", "B")))
    ccd = replace(ccd, filters=tuple(FilterSettings(name, mag) for name, mag in filters.items()))
    return replace(demo, rigs=(cmos, ccd), weather=WeatherSettings(clouds=tuple(clouds_of(nights))))


def clouds_of(nights: Sequence[date]) -> list[CloudSettings]:
    """Spells of some days each: clear, with a bank of cloud in each night, or rain all day."""
    rng, clouds = random.Random(_SEED), []
    spell, left = "clear", 2
    for night in nights:
        noon = SITE.night_span(night).start
        if spell == "rainy":
            clouds.append(CloudSettings(noon, noon + timedelta(hours=24), 6.0, overcast=True))
        elif spell == "cloudy":
            begins = noon + timedelta(hours=rng.uniform(4, 15))
            lasts = timedelta(hours=rng.uniform(2, 6))
            clouds.append(CloudSettings(begins, begins + lasts, rng.uniform(1.5, 4.0), overcast=True))
        left -= 1
        if left == 0:
            others = {
                "clear": ("cloudy", "rainy"),
                "cloudy": ("clear", "rainy"),
                "rainy": ("clear", "cloudy"),
            }
            spell, left = rng.choice(others[spell]), rng.randint(2, 4)
    return clouds


def reservations_of(nights: Sequence[date]) -> list[Reserved]:
    """Every third night some hours of one rig, every tenth night all of it for both."""
    rng, found = random.Random(_SEED + 1), []
    for number, night in enumerate(nights):
        span = SITE.night_span(night)
        if number % 10 == 6:
            found.append(Reserved(span.start + timedelta(hours=5), span.end - timedelta(hours=5), None))
        elif number % 3 == 1:
            start = span.start + timedelta(hours=rng.uniform(5, 14))
            lasts = timedelta(hours=rng.uniform(1, 4))
            found.append(Reserved(start, start + lasts, rng.choice(("T1", "T2"))))
    return [replace(one, start=_whole(one.start), end=_whole(one.end)) for one in found]


def write_calendars(folder: Path, reserved: Sequence[Reserved]) -> None:
    """A file for each rig and one for all."""
    folder.mkdir()
    for rig in {one.rig for one in reserved}:
        lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//nightcal//month//EN"]
        for number, one in enumerate(one for one in reserved if one.rig == rig):
            lines += [
                "BEGIN:VEVENT",
                f"UID:{rig}-{number}@month",
                f"DTSTAMP:{one.start:%Y%m%dT%H%M%SZ}",
                f"DTSTART:{one.start:%Y%m%dT%H%M%SZ}",
                f"DTEND:{one.end:%Y%m%dT%H%M%SZ}",
                "SUMMARY:observers",
                "END:VEVENT",
            ]
        text = "\r\n".join([*lines, "END:VCALENDAR", ""])
        (folder / f"{rig or 'all'}.ics").write_text(text, encoding="utf-8", newline="")


def _whole(when: datetime) -> datetime:
    return when.astimezone(UTC).replace(microsecond=0)
