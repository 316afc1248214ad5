"""Darks: the shutter shut under a shut roof, for each exposure that is wanted."""

from __future__ import annotations

from collections.abc import Iterator

from capture.frame import Frame
from capture.rig.rig import Rig
from sequences.job import Job

_MARGIN_S = 5.0


def darks(rig: Rig, job: Job) -> Iterator[Frame]:
    """Take what `job` wants, in its order, and yield every frame; what does not fit any more is left out.

    Raises Preempted when the roof is about to open, Stopped, DeviceError.
    """
    with rig.until(job.window.end), rig.ready_for_dark():
        rig.cool()
        for want in job.wants:
            for _ in range(want.count):
                window_s = (job.window.end - rig.clock.now()).total_seconds()
                needs_s = want.spec.exposure_s + rig.readout_s + _MARGIN_S
                if needs_s > min(window_s, rig.roof_leaves_s()):
                    rig.journal.say(rig.name, "darks", f"no time is left for {want.spec}")
                    break
                yield rig.expose(want.spec)
