"""A simulated month of two rigs: clouds, rain, reservations, killed services, power cuts.

`python -m benchmarks.month [--quick] [--nights N] [--json FILE] [--plot FILE]`

Simulators, guard and service are processes on one served clock. The service is killed at the 13th frame of a
set of 20, and must go on with the 14th; then in about two nights of three it, or the guard too, is killed
with SIGKILL, or the power fails: cameras warm up, mounts are no longer parked, the roof stays as it is.
`filled`, `fresh`: shares of all needs at noon. Aims: `duplicates`, `lost`, `reserved` (frames in reserved
time), `darks_lit`, `collisions` 0. The status is 1 when one of these is not met.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from benchmarks.month.figures import Figures, figures_of
from benchmarks.month.life import live
from benchmarks.month.place import FIRST_NIGHT
from benchmarks.month.plot import month_plot

_WANTED_OF_KILLED_SET = 20


def main() -> int:
    """Live, print, plot."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="four nights")
    parser.add_argument("--nights", type=int, default=31)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    arguments = parser.parse_args()
    nights = [FIRST_NIGHT + timedelta(days=n) for n in range(4 if arguments.quick else arguments.nights)]
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        month = live(Path(name), nights, lambda text: print(text, file=sys.stderr, flush=True))
        figures = figures_of(Path(name), nights, month)
    minutes = (time.perf_counter() - began) / 60
    show(figures)
    print(f"{minutes:.1f} min")
    results = results_of(figures)
    if arguments.json:
        arguments.json.write_text(json.dumps(results | {"minutes": round(minutes, 1)}, indent=2) + "\n")
    if arguments.plot:
        arguments.plot.write_text(month_plot(figures) + "\n")
    return 0 if _as_it_should(figures) else 1


def show(figures: Figures) -> None:
    """Print a line for each day, and the sums."""
    print("night       filled  fresh  flats h  darks h  roof open h  safe twilights")
    for day in figures.days:
        print(
            f"{day.night}  {day.filled:6.0%} {day.fresh:6.0%} {day.lit_h:8.2f} {day.dark_h:8.2f} "
            f"{day.open_h:12.2f} {day.safe_twilights:15}"
        )
    for key, value in results_of(figures).items():
        print(f"{key}: {value}")
    for example in figures.examples:
        print(f"    {example}")


def results_of(figures: Figures) -> dict[str, object]:
    """The figures that are kept."""
    days = figures.days
    return {
        "nights": len(days),
        "frames": figures.frames,
        "good": figures.good,
        "masters": figures.masters,
        "filled_at_end": round(days[-1].filled, 3),
        "fresh_mean": round(sum(day.fresh for day in days) / len(days), 3),
        "fresh_least": round(min(day.fresh for day in days), 3),
        "flats_h": round(sum(day.lit_h for day in days), 1),
        "darks_h": round(sum(day.dark_h for day in days), 1),
        "roof_open_h": round(sum(day.open_h for day in days), 1),
        **{what.replace(" ", "_"): count for what, count in sorted(figures.blows.items())},
        "cut_runs": figures.cut_runs,
        "resumes": figures.resumes,
        "lost": figures.broken,
        "duplicates": figures.duplicates,
        "reserved": figures.reserved,
        "darks_lit": figures.darks_lit,
        "collisions": figures.collisions,
        "held_at_kill": figures.held_at_kill,
        "held_after": figures.held_after,
    }


def _as_it_should(figures: Figures) -> bool:
    never = (
        figures.broken,
        figures.duplicates,
        figures.reserved,
        figures.darks_lit,
        figures.collisions,
    )
    return not any(never) and figures.held_after == _WANTED_OF_KILLED_SET > figures.held_at_kill


if __name__ == "__main__":
    sys.exit(main())
