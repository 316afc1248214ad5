"""Break each rule of the guard once: does a test fail?

`python -m benchmarks.guard_rules [--all-tests] [--workers N] [--json FILE] [WORD ...]`

The sources are changed in a copy (`rules.py` says how), where the test that is named for the rule runs. With
`--all-tests` all tests of the guard run against a rule whose own does not fail. WORDs choose rules. The
status is 1 when a rule is broken unseen.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.guard_rules.rules import RULES, Rule

_ROOT = Path(__file__).parents[2]
_TESTS = "tests/capture/guard"
_LONGEST_S = 600


def seen(rule: Rule, *, all_tests: bool) -> str | None:
    """The first test that fails without `rule`, None where all pass. Raises ValueError where none ran."""
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name)
        for part in ("capture", "simulators", "sequences", "tests"):
            shutil.copytree(_ROOT / part, copy / part)
        shutil.copy(_ROOT / "pyproject.toml", copy)
        source = copy / "capture" / "guard" / rule.file
        text = source.read_text(encoding="utf-8")
        if text.count(rule.old) != 1:
            raise ValueError(f"{rule.file} has not once what is to be changed for: {rule.says}")
        source.write_text(text.replace(rule.old, rule.new), encoding="utf-8")
        found = _failure(copy, f"{_TESTS}/{rule.test}")
        return _failure(copy, _TESTS) if found is None and all_tests else found


def _failure(copy: Path, tests: str) -> str | None:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider", tests]
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    try:
        ran = subprocess.run(
            command,
            check=False,
            cwd=copy,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_LONGEST_S,
        )
    except subprocess.TimeoutExpired:
        return f"{tests} (it does not end)"
    if ran.returncode not in (0, 1):
        raise ValueError(f"{tests} did not run: {ran.stdout[-300:]}{ran.stderr[-300:]}")
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", ran.stdout, re.MULTILINE)
    return None if ran.returncode == 0 else failed.group(1) if failed else tests


def main() -> int:
    """Print each rule and the test that saw it broken."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("words", nargs="*", metavar="WORD")
    parser.add_argument("--all-tests", action="store_true")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rules = [rule for rule in RULES if all(word in rule.says for word in arguments.words)]
    results: dict[str, str | None] = {}
    with ThreadPoolExecutor(arguments.workers) as pool:
        for rule, test in zip(
            rules, pool.map(lambda one: seen(one, all_tests=arguments.all_tests), rules), strict=True
        ):
            results[rule.says] = test
            print(f"{rule.file:11} {rule.says:52} {test or 'UNSEEN'}", flush=True)
    unseen = sum(test is None for test in results.values())
    print(f"rules {len(results)}, unseen {unseen}")
    if arguments.json:
        arguments.json.write_text(
            json.dumps({"rules": len(results), "unseen": unseen, "tests": results}, indent=2) + "\n"
        )
    return 1 if unseen else 0


if __name__ == "__main__":
    sys.exit(main())
