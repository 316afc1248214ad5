"""How far our window edges (astral, unrefracted) lie from astropy's, in degrees of the Sun and in seconds.

`python -m benchmarks.window_edges [--quick] [--json FILE]`
"""

from __future__ import annotations

import argparse
import json
from datetime import date, datetime, timedelta
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.coordinates import AltAz, EarthLocation, get_sun
from astropy.time import Time
from astropy.utils import iers

from capture.errors import NoWindow
from capture.site import Site, Twilight

PLACES = {
    0: ("Africa/Kampala", 32.0),
    33: ("America/Denver", -105.5),
    56: ("Europe/Oslo", 12.0),
    65: ("Europe/Helsinki", 25.0),
}
EDGES_DEG = (-1.0, -8.0)


def edges(site: Site, step_days: int) -> list[tuple[datetime, float]]:
    """Every edge of a year's windows with the altitude that it is meant to have."""
    found = []
    for day in range(0, 365, step_days):
        night = date(2026, 1, 1) + timedelta(days=day)
        for which in Twilight:
            try:
                window = site.twilight(night, which, *EDGES_DEG)
            except NoWindow:
                continue
            bright, dark = (window.start, window.end)[:: 1 if which is Twilight.DUSK else -1]
            found.append((bright, EDGES_DEG[0]))
            if site.sun_altitude_deg(dark) < EDGES_DEG[1] + 0.01:
                found.append((dark, EDGES_DEG[1]))
    return found


def measure(latitude_deg: int, step_days: int) -> dict[str, float]:
    """The largest error over a year at one latitude."""
    zone, longitude_deg = PLACES[latitude_deg]
    found = edges(Site("somewhere", latitude_deg, longitude_deg, 0.0, zone), step_days)
    place = EarthLocation(lat=latitude_deg * u.deg, lon=longitude_deg * u.deg)

    def altitudes_deg(seconds: float) -> np.ndarray:
        times = Time([when + timedelta(seconds=seconds) for when, _ in found])
        return np.asarray(get_sun(times).transform_to(AltAz(obstime=times, location=place)).alt.deg)

    error_deg = np.abs(altitudes_deg(0.0) - np.array([altitude for _, altitude in found]))
    speed_deg_per_s = np.abs(altitudes_deg(30.0) - altitudes_deg(-30.0)) / 60
    return {
        "edges": len(found),
        "max_error_deg": float(error_deg.max()),
        "max_error_s": float((error_deg / speed_deg_per_s).max()),
        "median_error_s": float(np.median(error_deg / speed_deg_per_s)),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="every 30th night instead of every 3rd")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with iers.conf.set_temp("auto_download", False), iers.conf.set_temp("auto_max_age", None):
        table = {f"latitude_{n}": measure(n, 30 if arguments.quick else 3) for n in PLACES}
    print(f"{'latitude':>9} {'edges':>6} {'max deg':>8} {'max s':>7} {'median s':>9}")
    for name, row in table.items():
        print(
            f"{name.removeprefix('latitude_'):>9} {row['edges']:>6} {row['max_error_deg']:8.4f} "
            f"{row['max_error_s']:7.1f} {row['median_error_s']:9.1f}"
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(table, indent=2) + "\n")


if __name__ == "__main__":
    main()
