"""Danger at every step: how soon mounts are parked and the roof is closed.

`python -m benchmarks.safety [--quick] [--json FILE] [--workers N] [--every N]`

Aims: `park_latency_max_s` and `close_latency_max_s` at most 10, `violations` 0; and with a rule of the guard
taken out (`controls`), in a case that depends on it, more than 0. Simulated seconds, judged by the
simulators' command log and world.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from benchmarks.safety.cases import DANGERS, HUNG, STEPS, Case, sample
from benchmarks.safety.controls import CONTROLS, without
from benchmarks.safety.evening import live
from benchmarks.safety.judge import Verdict, judge

_QUICK_EVERY = 61


def tried(case: Case, rule: str | None = None) -> Verdict:
    """The verdict on one case, by a guard that lacks `rule`."""
    with without(rule):
        return judge(live(case))


def _worst(verdicts: Iterable[Verdict], what: str) -> float:
    return max((took for v in verdicts if (took := getattr(v, what)) is not None), default=0.0)


def main() -> None:
    """Print the figures, and the cases that broke a promise."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"one case in {_QUICK_EVERY}")
    parser.add_argument("--every", type=int, default=1, help="one case in so many")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    cases = sample(_QUICK_EVERY if arguments.quick else arguments.every)
    with ProcessPoolExecutor(arguments.workers) as pool:
        verdicts = list(pool.map(tried, cases))
        shown = pool.map(tried, [case for _, case in CONTROLS.values()], CONTROLS)
        controls = {rule: len(v.violations) for rule, v in zip(CONTROLS, shown, strict=True)}
    broken = [v for v in verdicts if v.violations]
    slowest = sorted(verdicts, key=lambda v: max(v.park_s or 0, v.close_s or 0, v.abort_s or 0))[-10:]
    figures = {
        "steps": len(STEPS),
        "faults": len(DANGERS),
        "hung": len(HUNG),
        "cases": len(verdicts),
        "not_reached": sum(not v.reached for v in verdicts),
        "park_latency_max_s": round(_worst(verdicts, "park_s"), 2),
        "close_latency_max_s": round(_worst(verdicts, "close_s"), 2),
        "abort_latency_max_s": round(_worst(verdicts, "abort_s"), 2),
        "violations": sum(len(v.violations) for v in verdicts),
        "controls": controls,
    }
    for name, value in figures.items():
        print(f"{name:22} {value}")
    for verdict in broken:
        print(f"{verdict.case}: {'; '.join(verdict.violations)}")
    if arguments.json:
        worst = [
            {"case": v.case, "park_s": v.park_s, "close_s": v.close_s, "abort_s": v.abort_s}
            for v in reversed(slowest)
        ]
        broken_cases = [{"case": v.case, "violations": v.violations} for v in broken]
        arguments.json.write_text(
            json.dumps(figures | {"worst": worst, "broken": broken_cases}, indent=2) + "\n"
        )


if __name__ == "__main__":
    main()
