"""What must not be: something executed twice, a frame beyond what was missing, a flat outside its Sun band.

Judged from the catalogue and from what the service said, by astropy's Sun and not by our own.
"""

from __future__ import annotations

import warnings
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import astropy.units as u
import numpy as np
from astropy.coordinates import AltAz, EarthLocation, get_sun
from astropy.time import Time
from astropy.utils import iers
from numpy.typing import NDArray

from benchmarks.calendar.life import Told
from benchmarks.calendar.places import HIGHEST_SUN_DEG, LOWEST_SUN_DEG, Place
from benchmarks.calendar.stepping import SteppingClock
from capture.config import Config
from capture.frame import FrameSpec, Kind
from capture.store.archive import Archive
from capture.store.rows import FrameRow, RunRow

# Our ephemeris is within 0.013 deg of astropy's, and a window is found to a tenth of a second.
_TOLERANCE_DEG = 0.02


@dataclass
class Tally:
    """Of one place. `nights`: begun; `flat_nights`: with a good flat; `examples` of what must not be."""

    nights: int = 0
    flat_nights: int = 0
    flats: int = 0
    judged_flats: int = 0
    frames: int = 0
    duplicates: int = 0
    out_of_band: int = 0
    failures: int = 0
    examples: list[str] = field(default_factory=list)


def tally(place: Place, config: Config, archive: Archive, told: Told, clock: SteppingClock) -> Tally:
    """Count over all that the place's archive holds."""
    frames, runs = archive.catalogue.frames(), archive.catalogue.runs()
    good = [row for row in frames if row.good]
    flats = [row for row in frames if row.kind is Kind.FLAT]
    twice = nights_twice(told) + overlapping_runs(told) + surplus(config, good, runs)
    outside = out_of_band(place, flats, clock)
    given_up = [text for text in told.said("alarm") if "given up" in text]
    return Tally(
        nights=sum("begins" in text for text in told.said("night")),
        flat_nights=len({row.night for row in flats if row.good}),
        flats=sum(row.good for row in flats),
        judged_flats=len(flats),
        frames=len(frames),
        duplicates=len(twice),
        out_of_band=len(outside),
        failures=len(given_up),
        examples=[*twice[:5], *outside[:5], *given_up[:5]],
    )


def nights_twice(told: Told) -> list[str]:
    """Nights that one life of the service began more than once."""
    found = []
    for number, life in enumerate(told.lives):
        begun = Counter(e.text for _, e in life if e.kind == "night" and "begins" in e.text)
        found += [f"life {number}: {text}, {times} times" for text, times in begun.items() if times > 1]
    return found


def overlapping_runs(told: Told) -> list[str]:
    """Runs that a rig began while another of its runs went on, by the monotonic count."""
    found = []
    for life in told.lives:
        under_way: Counter[str] = Counter()
        for _, entry in life:
            if entry.kind == "run":
                under_way[entry.source] += 1 if "wanted" in entry.data else -1
                if under_way[entry.source] > 1:
                    found.append(
                        f"{entry.time:%Y-%m-%d %H:%M} {entry.source}: {entry.text} beside another run"
                    )
    return found


def surplus(config: Config, good: Sequence[FrameRow], runs: Sequence[RunRow]) -> list[str]:
    """Good frames of sets that were whole without them, by what was young enough when their run began.

    What ages out before the night is over is due from its noon on, but no more than half its age ahead.
    """
    site = config.site.site()
    started = {run.id: (run.started, site.night_span(run.night).end) for run in runs}
    wanted: dict[tuple[str, Kind], tuple[int, float]] = {}
    for rig in config.rig:
        wanted[rig.name, Kind.FLAT] = rig.flats.count, rig.flats.max_age_days
        wanted[rig.name, Kind.BIAS] = rig.bias.count, rig.bias.max_age_days
        wanted[rig.name, Kind.DARK] = rig.darks.count, rig.darks.max_age_days
    earlier: dict[tuple[str, FrameSpec], list[datetime]] = defaultdict(list)
    found = []
    for row in sorted(good, key=lambda row: row.id):
        count, max_age_days = wanted[row.rig, row.kind]
        begun, over = started.get(row.run or 0, (row.taken, row.taken))
        due = min(max(begun, over), begun + timedelta(days=max_age_days / 2))
        youngest = due - timedelta(days=max_age_days)
        held = earlier[row.rig, row.spec.set_key()]
        if sum(taken >= youngest for taken in held) >= count:
            found.append(f"{row.taken:%Y-%m-%d %H:%M:%S} {row.rig}: one {row.spec.set_key()} too many")
        held.append(row.taken)
    return found


def out_of_band(place: Place, flats: Sequence[FrameRow], clock: SteppingClock) -> list[str]:
    """Sky flats, good or rejected, with the Sun outside the band while they exposed.

    The Sun is that of the time which the machine's clock told: of the true time, whenever that clock was
    right.
    """
    if not flats:
        return []
    ends = [row.taken + timedelta(seconds=row.facts.exposure_s) for row in flats]
    times = [*(row.taken for row in flats), *ends]
    altitudes_deg = sun_altitudes_deg(place, times).reshape(2, -1)
    lowest_deg, highest_deg = LOWEST_SUN_DEG - _TOLERANCE_DEG, HIGHEST_SUN_DEG + _TOLERANCE_DEG
    beyond = (altitudes_deg < lowest_deg) | (altitudes_deg > highest_deg)
    outside = beyond[0] | beyond[1]
    return [
        f"{row.taken:%Y-%m-%d %H:%M:%S} flat {row.spec.filter}: Sun {altitudes_deg[0, n]:.2f} deg, clock "
        f"{clock.error_at(row.taken).total_seconds():+.0f} s"
        for n, row in enumerate(flats)
        if outside[n]
    ]


def sun_altitudes_deg(place: Place, times: Sequence[datetime]) -> NDArray[np.float64]:
    """The Sun's geometric altitude by astropy, in degrees, one for each time (UTC)."""
    spot = EarthLocation(lat=place.latitude_deg * u.deg, lon=place.longitude_deg * u.deg)
    when = Time([time.timestamp() for time in times], format="unix")
    # Nothing is fetched: beyond the table that came with astropy UT1 is off by milliseconds.
    with (
        warnings.catch_warnings(),
        iers.conf.set_temp("auto_download", False),
        iers.conf.set_temp("auto_max_age", None),
        iers.conf.set_temp("iers_degraded_accuracy", "ignore"),
    ):
        warnings.simplefilter("ignore")
        return np.asarray(get_sun(when).transform_to(AltAz(obstime=when, location=spot)).alt.deg)
