"""The table of the guard's rules is about the guard and the tests as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.guard_rules.rules import RULES, Rule

_ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.says)
def test_a_rule_can_be_broken_and_names_a_test_that_there_is(rule: Rule) -> None:
    source = (_ROOT / "capture" / "guard" / rule.file).read_text(encoding="utf-8")
    assert source.count(rule.old) == 1
    file, *_, test = rule.test.split("::")
    assert f"def {test}(" in (_ROOT / "tests" / "capture" / "guard" / file).read_text(encoding="utf-8")


def test_no_rule_is_there_twice() -> None:
    assert len({rule.says for rule in RULES}) == len(RULES)
