"""A sample of the safety campaign, and that it notices each rule of the guard that is missing."""

from __future__ import annotations

from functools import cache

import pytest

from benchmarks.safety.__main__ import tried
from benchmarks.safety.cases import STEPS, Case, Step, all_cases
from benchmarks.safety.controls import CONTROLS
from benchmarks.safety.judge import Verdict

_BY_NAME = {str(case): case for case in all_cases()}
SAMPLE = list(_BY_NAME.values())[::1009]


@cache
def verdict_on(case: Case) -> Verdict:
    return tried(case)


@pytest.mark.parametrize("case", SAMPLE, ids=str)
def test_the_promise_is_kept(case: Case) -> None:
    assert verdict_on(case).violations == ()


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_each_step_is_reached_and_survives_danger(step: Step) -> None:
    case = next(case for case in _BY_NAME.values() if case.step is step)
    verdict = verdict_on(case)
    assert verdict.reached
    assert verdict.violations == ()


@pytest.mark.parametrize("rule", CONTROLS)
def test_a_guard_that_lacks_a_rule_is_found_out(rule: str) -> None:
    case = CONTROLS[rule][1]
    assert verdict_on(case).violations == ()
    assert tried(case, rule).violations
