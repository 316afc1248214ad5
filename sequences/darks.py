"""Darks: the shutter shut under a shut roof, for each exposure that is wanted."""

from __future__ import annotations

from collections.abc import Generator
from itertools import groupby

from capture.errors import NotCold, Preempted
from capture.frame import Frame
from capture.rig.rig import Rig
from sequences.dark_watch import DarkWatch
from sequences.job import Job, Want

_MARGIN_S = 5.0


def darks(rig: Rig, job: Job) -> Generator[Frame, None, str]:
    """Take what `job` wants, in its order, and yield every frame; what the window has no time for is left.

    What is wanted at another set point than the rig's is left, with an alarm, where that cannot be reached.

    Raises Preempted when the roof opens, or is about to, unless any roof will do; LightLeak; Stopped;
    NotCold; DeviceError.
    """
    with rig.until(job.window.end), rig.ready_for_dark(any_roof=job.any_roof):
        for set_c, wants in groupby(job.wants, key=lambda want: want.spec.set_temperature_c):
            if _reached(rig, set_c):
                ended = yield from _at_one_temperature(rig, job, set_c, tuple(wants))
                if ended:
                    return ended
    return "complete"


def _reached(rig: Rig, set_c: float | None) -> bool:
    try:
        rig.cool(set_c)
    except NotCold as error:
        if rig.cooling is None or set_c in (None, rig.cooling.set_temperature_c):
            raise
        rig.journal.say(rig.name, "alarm", f"{error}. The darks of lights that were so cold are left")
        return False
    return True


def _at_one_temperature(
    rig: Rig, job: Job, set_c: float | None, wants: tuple[Want, ...]
) -> Generator[Frame, None, str | None]:
    """What is wanted at the set point where the sensor is; in words why it ended before all was taken."""
    watch = DarkWatch(rig, job, set_c)
    for want in wants:
        for _ in range(want.count):
            # A frame counts on the probe after it, which needs its time too.
            needs_s = want.spec.exposure_s + rig.readout_s + _MARGIN_S + watch.takes_s
            if needs_s > rig.roof_leaves_s() and not job.any_roof:
                yield from watch.probe_after()
                raise Preempted(f"{rig.name}: the roof opens too soon for {want.spec}")
            if needs_s > (job.window.end - rig.clock.now()).total_seconds():
                yield from watch.probe_after()
                return f"no time is left for {want.spec}"
            yield from watch.probe_if_due()
            rig.keep_cold()
            yield from watch.look(rig.expose(want.spec))
    yield from watch.probe_after()
    return None
