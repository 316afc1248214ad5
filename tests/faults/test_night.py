"""A whole simulated night with a filter wheel that never answers again."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from simulators import Fault
from tests.nights.harness import live, settings

# After the wheel has turned a few times.
LATER = 12


def test_a_wheel_that_hangs_costs_t1_its_night_and_t2_nothing(tmp_path: Path) -> None:
    hang = Fault("filterwheel/0", "position", "hang", after=LATER)
    night = live(tmp_path / "hung", settings(), prepare=lambda observatory: observatory.faults.add(hang))
    assert night.observatory.faults.struck(hang) >= 1
    assert list(night.result.failures) == ["T1"]
    assert "filterwheel 0 at" in night.result.failures["T1"]
    assert "position" in night.result.failures["T1"]
    assert any("T1 is given up" in text for text in night.said("alarm"))

    good = [frame for frame in night.frames if frame.rig == "T2" and frame.good]
    kinds = [str(frame.spec.set_key()) for frame in good]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "bias": 6, "dark 120 s": 5, "flat V": 4, "flat I": 4,
    }  # fmt: skip
    assert night.observatory.world.collisions == []
    assert night.observatory.world.roof.opening.value(night.ended.timestamp()) == 0
    assert night.ended < datetime(2026, 11, 22, 18, tzinfo=UTC)
