"""The sequence of docs/how-to/add-a-sequence.md, as it stands there, on a simulated rig."""

from __future__ import annotations

from collections.abc import Generator
from datetime import timedelta
from typing import Any

import pytest

from capture.config import Config
from capture.frame import Frame, Kind
from capture.guard.client import RoofState
from capture.site import Window
from sequences.job import Job, Want
from simulators import Observatory
from tests.capture.rig.bench import RigBench
from tests.documents import ROOT, blocks


@pytest.mark.parametrize(
    ("window_s", "exposures_s", "ended"),
    [(3600, [5, 20, 5, 20, 5, 20], "complete"), (45, [5, 20, 5], "no time is left for")],
)
def test_the_guide_s_sequence_takes_darks_in_rounds(
    config: Config, observatory: Observatory, window_s: float, exposures_s: list[float], ended: str
) -> None:
    (code,) = blocks(ROOT / "docs" / "how-to" / "add-a-sequence.md", "python")
    around: dict[str, Any] = {}
    exec(compile(code, "dark_rounds.py", "exec", dont_inherit=True), around)
    bench = RigBench(config, observatory, RoofState.SHUT)
    taken: list[Frame] = []

    def main() -> str:
        with bench.rig(cooling=None) as rig:
            now = rig.clock.now()
            wants = tuple(Want(rig.spec(Kind.DARK, exposure_s), 3) for exposure_s in (5.0, 20.0))
            window = Window(now, now + timedelta(seconds=window_s))
            return kept(around["dark_rounds"](rig, Job("dark_rounds", "T1", now.date(), window, wants)))

    def kept(frames: Generator[Frame, None, str]) -> str:
        while True:
            try:
                taken.append(next(frames))
            except StopIteration as end:
                return str(end.value)

    assert bench.clock.run(main).startswith(ended)
    assert [frame.spec.exposure_s for frame in taken] == exposures_s
    assert all(frame.verdict.good for frame in taken)
