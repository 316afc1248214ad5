"""Danger at every step: how soon mounts are parked and the roof is closed.

`python -m benchmarks.safety [--quick] [--json FILE] [--resume FILE] [--workers N] [--every N]`

Aims: `park_latency_max_s` and `close_latency_max_s` at most 10, `violations` 0; and with a rule of the guard
or of the rigs taken out (`controls`), in a case that depends on it, more than 0. Simulated seconds, judged by
the simulators' command log and world. The status is 1 when an aim is not met.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path

from benchmarks.safety.cases import DANGERS, HUNG, STEPS, Case, sample
from benchmarks.safety.controls import CONTROLS, without
from benchmarks.safety.evening import live
from benchmarks.safety.judge import PROMISE_S, Verdict, judge

_QUICK_EVERY = 61
_LATENCIES = ("park_s", "close_s", "abort_s")


def tried(case: Case, rule: str | None = None) -> Verdict:
    """The verdict on one case, without one rule of `CONTROLS`."""
    with without(rule):
        return judge(live(case))


def main() -> int:
    """Print the figures, and the cases that broke a promise."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"one case in {_QUICK_EVERY}")
    parser.add_argument("--every", type=int, default=1, help="one case in so many")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--minutes", type=float, default=600.0, help="begin no case after so long")
    parser.add_argument("--resume", type=Path, help="keep each verdict in this file; live only the others")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    cases = sample(_QUICK_EVERY if arguments.quick else arguments.every)
    with ProcessPoolExecutor(arguments.workers) as pool:
        shown = pool.map(tried, [case for _, case in CONTROLS.values()], CONTROLS)
        controls = {rule: len(v.violations) for rule, v in zip(CONTROLS, shown, strict=True)}
        verdicts = _tried_all(pool, cases, arguments.minutes * 60, arguments.resume)
    broken = [v for v in verdicts if v.violations]
    figures = {
        "steps": len(STEPS),
        "faults": len(DANGERS),
        "hung": len(HUNG),
        "cases": len(verdicts),
        "cases_of_all": len(cases),
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
        slowest = sorted(verdicts, key=lambda v: max(getattr(v, what) or 0.0 for what in _LATENCIES))
        more = {"worst": [asdict(v) for v in slowest[:-11:-1]], "broken": [asdict(v) for v in broken]}
        arguments.json.write_text(json.dumps(figures | more, indent=2) + "\n")
    late = max(_worst(verdicts, "park_s"), _worst(verdicts, "close_s")) > PROMISE_S
    return 1 if broken or late or not all(controls.values()) else 0


def _worst(verdicts: Iterable[Verdict], what: str) -> float:
    return max((took for v in verdicts if (took := getattr(v, what)) is not None), default=0.0)


def _tried_all(
    pool: ProcessPoolExecutor, cases: Sequence[Case], most_s: float, file: Path | None
) -> list[Verdict]:
    """The verdicts that are in `file`, and those on the other cases that could begin in time, kept there."""
    wanted = {str(case): case for case in cases}
    done = [verdict for verdict in _kept(file) if wanted.pop(verdict.case, None)] if file else []
    began = time.perf_counter()
    # What there is time for is a fair sample of all.
    left = random.Random(1).sample(list(wanted.values()), len(wanted))
    futures = [pool.submit(tried, case) for case in left]
    for future in as_completed(futures):
        if future.cancelled():
            continue
        verdict = future.result()
        done.append(verdict)
        if file is not None:
            with file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(asdict(verdict)) + "\n")
        if time.perf_counter() - began > most_s:
            for other in futures:
                other.cancel()
    return done


def _kept(file: Path) -> list[Verdict]:
    """The verdicts of earlier runs; a last line that was cut off is left out."""
    if not file.exists():
        return []
    lines = file.read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines if line.endswith("}")]
    return [Verdict(**one | {"violations": tuple(one["violations"])}) for one in found]


if __name__ == "__main__":
    sys.exit(main())
