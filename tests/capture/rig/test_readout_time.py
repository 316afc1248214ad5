"""How long a readout takes is learned, so that the next exposure can begin the moment the image is there."""

from __future__ import annotations

from capture.frame import FrameSpec, Kind
from capture.rig.rig import Rig
from simulators import Observatory
from simulators.faults import Fault
from tests.capture.rig.bench import RigBench


def test_a_readout_that_was_once_seen_late_is_found_in_time_again_within_a_few_frames(
    shut_bench: RigBench, observatory: Observatory
) -> None:
    dark = FrameSpec(Kind.DARK, 2.0)

    def work(rig: Rig) -> tuple[float, float, list[float]]:
        for _ in range(3):
            rig.expose(dark)
        usual_s = rig.readout_s
        # The answer takes 3 s once, and the image has long been there.
        observatory.faults.add(Fault("camera/0", "imageready", "slow", seconds=3.0, times=1))
        rig.expose(dark)
        late_s = rig.readout_s
        after_s = []
        for _ in range(8):
            rig.expose(dark)
            after_s.append(rig.readout_s)
        return usual_s, late_s, after_s

    def main() -> tuple[float, float, list[float]]:
        with shut_bench.rig() as rig:
            return work(rig)

    usual_s, late_s, after_s = shut_bench.clock.run(main)
    assert late_s > usual_s + 0.5
    assert after_s[-1] < usual_s + 0.02
