"""Darks: the shutter shut under a shut roof, for each exposure that is wanted."""

from __future__ import annotations

from collections.abc import Generator

from capture.errors import Preempted
from capture.frame import Frame
from capture.rig.rig import Rig
from sequences.dark_watch import DarkWatch
from sequences.job import Job

_MARGIN_S = 5.0


def darks(rig: Rig, job: Job) -> Generator[Frame, None, str]:
    """Take what `job` wants, in its order, and yield every frame; what the window has no time for is left.

    Raises Preempted when the roof opens, or is about to; LightLeak; Stopped; DeviceError.
    """
    with rig.until(job.window.end), rig.ready_for_dark():
        rig.cool()
        watch = DarkWatch(rig, job)
        for want in job.wants:
            for _ in range(want.count):
                # A frame counts on the probe after it, which needs its time too.
                needs_s = want.spec.exposure_s + rig.readout_s + _MARGIN_S + watch.takes_s
                if needs_s > rig.roof_leaves_s():
                    yield from watch.probe_after()
                    raise Preempted(f"{rig.name}: the roof opens too soon for {want.spec}")
                if needs_s > (job.window.end - rig.clock.now()).total_seconds():
                    yield from watch.probe_after()
                    return f"no time is left for {want.spec}"
                yield from watch.probe_if_due()
                rig.keep_cold()
                yield from watch.look(rig.expose(want.spec))
        yield from watch.probe_after()
    return "complete"
