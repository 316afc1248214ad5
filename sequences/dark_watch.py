"""Probes of a run of darks or bias: before it, between its frames and after it, and a look at each frame."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from datetime import datetime

from capture.errors import LightLeak
from capture.frame import Frame, FrameSpec, Kind
from capture.rig.rig import Rig
from sequences.job import Job
from sequences.light_leak import Look, Sentinel, look_at

_EVERY_S = 1800.0


class DarkWatch:
    """The sentinel of one run. It raises LightLeak after it has yielded the frame that showed it.

    `set_c`: the set point of its darks. The library is asked only at the rig's own, which is None's meaning.
    """

    def __init__(self, rig: Rig, job: Job, set_c: float | None = None) -> None:
        self._rig = rig
        usual = rig.spec(Kind.DARK, rig.config.darks.probe_s)
        self._spec = usual if set_c is None else replace(usual, set_temperature_c=set_c)
        model = job.dark_model if self._spec == usual else None
        self._sentinel = Sentinel(model, cooled=rig.cooling is not None)
        self._probed_at: float | None = None
        self._since: datetime | None = None

    @property
    def takes_s(self) -> float:
        """What the probe before the next frame, if one is due, and the one after it take, in seconds."""
        if not self._spec.exposure_s:
            return 0.0
        a_probe_s = self._spec.exposure_s + 2 * (self._rig.readout_s + 1.0)
        # The first look of all may take two.
        return a_probe_s * (3 if self._probed_at is None else 2 if self._is_due() else 1)

    def probe_if_due(self) -> Generator[Frame]:
        """A probe when the last one was half an hour ago, or none was taken yet."""
        if self._is_due():
            yield from self.probe()

    def _is_due(self) -> bool:
        return self._probed_at is None or self._rig.clock.monotonic() - self._probed_at >= _EVERY_S

    def probe_after(self) -> Generator[Frame]:
        """The last probe, when there was a first."""
        if self._probed_at is not None:
            yield from self.probe()

    def probe(self) -> Generator[Frame]:
        """Take a probe, and a second one while there is nothing to compare the first with.

        Yields it only when it shows stray light.
        """
        if not self._spec.exposure_s:
            return
        begun = self._rig.clock.now()
        bias = look_of(self._rig.expose(replace(self._spec, kind=Kind.BIAS, exposure_s=0.0)))
        self._sentinel.see_bias(bias)
        for _ in range(1 if self._sentinel.knows(bias.grid.shape) else 2):
            frame = self._rig.expose(self._spec)
            reason = self._sentinel.see(look_of(frame))
            self._tell(reason, frame)
            if reason is not None:
                yield frame.judged(f"stray light: {reason}")
                raise LightLeak(f"{self._rig.name}: stray light: {reason}", self._since)
        self._probed_at, self._since = self._rig.clock.monotonic(), begun

    def look(self, frame: Frame) -> Generator[Frame]:
        """Yield the frame, rejected when it shows stray light."""
        reason = None
        if self._spec.exposure_s and _of_same_setup(frame.spec, self._spec):
            reason = self._sentinel.see(look_of(frame))
        yield frame if reason is None else frame.judged(f"stray light: {reason}")
        if reason is not None:
            self._tell(reason, frame)
            raise LightLeak(f"{self._rig.name}: stray light: {reason}", self._since)

    def _tell(self, reason: str | None, frame: Frame) -> None:
        word = reason or f"dark, {self._sentinel.excess_adu:+.1f} ADU over what is expected"
        self._rig.journal.say(self._rig.name, "sentinel", f"probe {frame.spec}: {word}", good=reason is None)


def look_of(frame: Frame) -> Look:
    """The frame in small."""
    return look_at(frame.pixels, frame.facts.exposure_s, frame.facts.sun_altitude_deg)


def _of_same_setup(spec: FrameSpec, probe: FrameSpec) -> bool:
    return spec.kind is Kind.DARK and replace(spec.set_key(), exposure_s=probe.exposure_s) == probe.set_key()
