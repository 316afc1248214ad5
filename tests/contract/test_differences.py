"""The list of differences is about tests that there are."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.contract.differences import ALPACA_SIMULATORS


def test_each_difference_names_a_test() -> None:
    trees = [ast.parse(path.read_text()) for path in Path(__file__).parent.glob("test_*.py")]
    tests = {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert set(ALPACA_SIMULATORS) <= tests
