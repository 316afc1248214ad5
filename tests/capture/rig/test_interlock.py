"""Light and darkness among the rigs under one roof, in one process and in several."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from capture.clock import SimulatedClock
from capture.rig.interlock import Interlock
from capture.rig.patience import Patience
from tests.capture.rig.bench import later
from tests.worker import as_worker

# What a process under the same roof does until it is killed.
DARK = """
import sys
from pathlib import Path
from capture.clock import SystemClock
from capture.rig.interlock import Interlock
from capture.rig.patience import Patience
clock = SystemClock()
def main():
    with Interlock(Path(sys.argv[1])).darkness("T2", Patience("T2", clock)):
        print("dark", flush=True)
        sys.stdin.read()
clock.run(main)
"""


@pytest.fixture(params=["one process", "two processes"])
def interlocks(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Interlock, Interlock]:
    """T1's and T2's: the same one, or two that share nothing but a folder."""
    if request.param == "one process":
        return (Interlock(),) * 2
    return Interlock(tmp_path), Interlock(tmp_path)


Holding = Callable[[str, Patience], AbstractContextManager[None]]


def waited_s(clock: SimulatedClock, first: Holding, second: Holding) -> float:
    """How long T1 waits for `second` while T2 is in `first` for 100 s more."""

    def main() -> float:
        begun, held = clock.monotonic(), first("T2", Patience("T2", clock))
        held.__enter__()
        later(clock, 100.0, lambda: held.__exit__(None, None, None))
        with second("T1", Patience("T1", clock)):
            waited = clock.monotonic() - begun
            clock.sleep(110.0)
        return waited

    return clock.run(main)


def test_light_waits_for_darkness_and_darkness_for_light_and_neither_for_its_like(
    clock: SimulatedClock, interlocks: tuple[Interlock, Interlock]
) -> None:
    mine, theirs = interlocks
    assert 100 <= waited_s(clock, theirs.darkness, mine.light) < 106
    assert 100 <= waited_s(clock, theirs.light, mine.darkness) < 106
    assert waited_s(clock, theirs.darkness, mine.darkness) == 0
    assert waited_s(clock, theirs.light, mine.light) == 0


@as_worker
def test_light_is_permitted_while_no_other_rig_needs_darkness(
    clock: SimulatedClock, interlocks: tuple[Interlock, Interlock]
) -> None:
    mine, theirs = interlocks
    with theirs.darkness("T2", Patience("T2", clock)):
        assert not mine.permits_light("T1")
        assert theirs.permits_light("T2")
    assert mine.permits_light("T1")


@contextmanager
def another_process(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """One whose T2 needs darkness, from now on."""
    command = [sys.executable, "-c", DARK, str(folder)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "dark\n"
            yield process
        finally:
            process.kill()


def test_what_a_process_claims_ends_with_it_however_it_ends(tmp_path: Path) -> None:
    mine = Interlock(tmp_path)
    with another_process(tmp_path) as process:
        assert not mine.permits_light("T1")
        process.kill()
        process.wait()
        assert mine.permits_light("T1")
