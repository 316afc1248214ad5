"""How many good sky flats each strategy takes, against a clairvoyant: thousands of twilights as plain calls.

`python -m benchmarks.sky_flats [--quick] [--final] [--only WORD]... [--json FILE] [--plots FOLDER]
[--alpaca N]`

`--final` plays the third of the twilights that development keeps away from. `--alpaca N` plays N twilights
through the whole program over HTTP as well, and compares them frame by frame with the plain calls.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable
from itertools import product
from pathlib import Path

from benchmarks.sky_flats.alpaca import compare
from benchmarks.sky_flats.plots import write_plots
from benchmarks.sky_flats.run import Table, Task, run, tabled
from benchmarks.sky_flats.scenarios import CONFIGURATIONS, SCENARIOS, twilight_spec

# Twilights of clear, cirrus and clouds each; warm and faulty ones, in which all three take turns, are half.
_QUICK, _DEVELOPMENT, _FINAL = 4, 80, 40
# What one sees at more than twice the capacity is much what one sees a little above it.
_NOT_QUICK = ("ccd_lrgbsho_40",)
_COLUMNS = {
    "percent_of_oracle": "% oracle",
    "percent_of_bound": "% bound",
    "percent_of_causal_bound": "% causal",
    "tenth_percentile": "10th pct",
    "filters_complete": "complete",
    "rms_percent": "rms %",
    "out_of_band_saved": "off >10%",
    "far_out_saved": "off >25%",
}


def main() -> None:
    """Play, print the table, write the files."""
    arguments = _arguments()
    # The workers share the cores: none is to start threads of its own for a matrix of nine rows.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    number = arguments.twilights or (
        _QUICK if arguments.quick else _FINAL if arguments.final else _DEVELOPMENT
    )
    usual = [name for name in CONFIGURATIONS if not (arguments.quick and name in _NOT_QUICK)]
    tasks = [
        Task(configuration, scenario, n, arguments.final)
        for configuration in _chosen(CONFIGURATIONS, arguments.only) or usual
        for scenario in _chosen(SCENARIOS, arguments.only) or SCENARIOS
        for n in range(_in_turn(number) if SCENARIOS[scenario].warm else number)
    ]
    table = tabled(run(tasks, arguments.workers, lambda done: _progress(done, len(tasks))))
    print_table(table)
    if arguments.plots:
        write_plots(table, arguments.plots)
    if arguments.alpaca:
        print_comparisons(arguments.alpaca, final=arguments.final)
    if arguments.json:
        arguments.json.write_text(json.dumps(table, indent=1) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help=f"{_QUICK} twilights a scenario")
    parser.add_argument("--final", action="store_true", help="the twilights kept back from development")
    parser.add_argument("--twilights", type=int, help="how many a scenario")
    parser.add_argument("--only", action="append", default=[], help="a configuration or scenario; repeatable")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--alpaca", type=int, default=0, help="so many twilights over Alpaca as well")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plots", type=Path, help="the folder for the plots")
    return parser.parse_args()


def _in_turn(number: int) -> int:
    """Half as many, but each kind of weather once."""
    return min(number, max(3, number // 2))


def _chosen(names: Iterable[str], only: list[str]) -> list[str]:
    return [name for name in names if name in only]


def print_table(table: Table) -> None:
    """Print strategies by scenario for each configuration, best first."""
    for configuration, scenarios in table.items():
        for scenario, strategies in scenarios.items():
            count = int(next(iter(strategies.values()))["twilights"])
            print(f"\n{configuration}, {scenario} ({count} twilights)")
            print(f"{'':>16}" + "".join(f"{head:>10}" for head in _COLUMNS.values()))
            for name in sorted(strategies, key=lambda n: -strategies[n]["percent_of_oracle"]):
                figures = strategies[name]
                cells = [f"{figures[key]:10.1f}" if key in figures else f"{'':>10}" for key in _COLUMNS]
                print(f"{name:>16}" + "".join(cells))


def print_comparisons(count: int, *, final: bool) -> None:
    """Play twilights over Alpaca too, scenarios and configurations in turn, and print both scores."""
    pairs = list(product(SCENARIOS.items(), CONFIGURATIONS.items()))
    print("\nplain calls against the whole program: good, complete, rms %; its levels against the truth's")
    for n in range(count):
        (scenario_name, scenario), (name, configuration) = pairs[n * 7 % len(pairs)]
        one = compare(twilight_spec(scenario, configuration, n, final=final), configuration)
        both = [
            f"{s.good:4d} {s.complete:2d} {100 * (s.squares / max(s.saved, 1)) ** 0.5:5.2f}"
            for s in (one.pure, one.whole)
        ]
        print(f"{name:>16} {scenario_name:>7} {n:3d}: {both[0]} | {both[1]} | {one.worst_error:.2%}")


def _progress(done: int, of: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done} of {of} twilights", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
