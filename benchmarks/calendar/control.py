"""The negative control: a service that carries out every job twice."""

from __future__ import annotations

from collections.abc import Callable

from capture.night.farm import Farm
from capture.night.run import Outcome, Runner
from sequences.job import Job


def takes_twice(farm: Farm) -> None:
    """Spoil the farm: each of its jobs runs again as soon as it has ended."""
    for runner in farm.runners.values():
        _double(runner)


def _double(runner: Runner) -> None:
    once = runner.run

    def twice(job: Job, *more: Callable[[], bool]) -> Outcome:
        once(job, *more)
        return once(job, *more)

    runner.run = twice
