"""A year of nights at six latitudes: nothing runs twice, and no flat is taken outside its Sun band.

`python -m benchmarks.calendar [--quick] [--json FILE] [--resume FILE] [--workers N]`

The service runs on a simulated clock, over HTTP to simulators that live by the true time, with small needs
that are due again each night. Every fourth night its machine sleeps, or has a wrong clock that is put right
(or right and put wrong), mostly in mid-window; every sixth night the service starts late. `duplicates`:
nights begun twice by one service, runs of a rig beside each other, good frames of a whole set; aim 0.
`out_of_band`: sky flats, rejected ones too, exposed with the Sun outside the band by astropy; aim 0.
The control is a service that runs every job twice, at a place 3 deg east of its config's: both must be seen.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path

from benchmarks.calendar.kept import Lived, keep, kept
from benchmarks.calendar.places import PLACES
from benchmarks.calendar.spells import Task, live_and_tally, tasks_of
from benchmarks.calendar.tally import Tally


def main() -> int:
    """Print a line for each place; status 1 when something must not be, or the control sees nothing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a dozen nights of each place")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--resume", type=Path, help="keep each spell in this file; live only the others")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--minutes", type=float, default=600.0, help="begin no spell after so long")
    arguments = parser.parse_args()
    began = time.perf_counter()
    tasks = tasks_of(quick=arguments.quick)
    done = kept(arguments.resume, tasks) if arguments.resume else []
    held = {task for task, _, _ in done}
    left = [task for task in tasks if task not in held]
    done += _lived(left, arguments.workers, arguments.minutes * 60, arguments.resume)
    print(f"{'place':12} {'latitude':>8} {'nights':>7} {'with flats':>10} {'frames':>7} {'flats':>6} "
          f"{'duplicates':>10} {'out of band':>11} {'given up':>8} {'cpu s/night':>11}")  # fmt: skip
    for place in PLACES:
        mine = [(found, cpu_s) for task, found, cpu_s in done if task.place == place and not task.control]
        total = _sum([found for found, _ in mine])
        cpu_s = sum(cpu_s for _, cpu_s in mine)
        print(f"{place.name:12} {place.latitude_deg:8.1f} {total.nights:7} {total.flat_nights:10} "
              f"{total.frames:7} {total.flats:6} {total.duplicates:10} {total.out_of_band:11} "
              f"{total.failures:8} {cpu_s / max(1, total.nights):11.2f}")  # fmt: skip
        for example in total.examples:
            print(f"    {example}")
    every = _sum([found for task, found, _ in done if not task.control])
    control = _sum([found for task, found, _ in done if task.control])
    wall_s = time.perf_counter() - began
    print(
        f"control: {control.duplicates} duplicates, {control.out_of_band} out of band; "
        f"{len(done)} of {len(tasks)} spells; {wall_s / 60:.1f} min"
    )
    results = {
        "nights": every.nights,
        "duplicates": every.duplicates,
        "out_of_band": every.out_of_band,
        "given_up": every.failures,
        "flats": every.flats,
        "flats_judged": every.judged_flats,
        "nights_with_flats": every.flat_nights,
        "control_duplicates": control.duplicates,
        "control_out_of_band": control.out_of_band,
        "spells": len(done),
        "spells_of_all": len(tasks),
        "minutes": round(wall_s / 60, 2),
        "cpu_minutes": round(sum(cpu_s for _, _, cpu_s in done) / 60, 2),
    }
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")
    sees = control.duplicates > 0 and control.out_of_band > 0
    return 0 if sees and not every.duplicates and not every.out_of_band else 1


def _lived(tasks: list[Task], workers: int, most_s: float, file: Path | None) -> list[Lived]:
    """Live through the tasks side by side, a line on stderr for each; those begun in time. Kept in `file`."""
    began, done = time.perf_counter(), []
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        futures = [pool.submit(live_and_tally, task) for task in tasks]
        for future in as_completed(futures):
            if future.cancelled():
                continue
            task, found, _ = future.result()
            done.append(future.result())
            if file is not None:
                keep(file, future.result())
            print(
                f"{time.perf_counter() - began:6.0f} s {task.place.name:12} {task.nights[0]}: {found.nights} "
                f"nights, {found.duplicates} duplicates, {found.out_of_band} out of band",
                file=sys.stderr,
                flush=True,
            )
            if time.perf_counter() - began > most_s:
                for other in futures:
                    other.cancel()
    return done


def _sum(tallies: list[Tally]) -> Tally:
    total = Tally()
    for one in tallies:
        for key, value in asdict(one).items():
            setattr(total, key, getattr(total, key) + value)
    return total


if __name__ == "__main__":
    sys.exit(main())
