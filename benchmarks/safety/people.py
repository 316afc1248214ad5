"""Who else there is in a case: observers under an open roof, and somebody who asks for it in danger."""

from __future__ import annotations

from benchmarks.safety.cases import CAMERA, Case
from benchmarks.safety.life import Life
from capture.clock import Clock, Signal
from capture.guard.client import GuardClient
from simulators import Observatory

_LOOK_EVERY_S = 1.0
_LEASE_S = 60.0
_OPENS_WITHIN_S = 300.0
_ASK_AT_EXPOSURE = 3
# Somebody who knows nothing of the danger asks for an open roof so long after it.
_VISITOR_AFTER_S = 20.0


class People:
    """Observers and a visitor; the simulators hear of them as of any other client."""

    def __init__(self, case: Case, clock: Clock, observatory: Observatory, life: Life) -> None:
        self._case = case
        self._ours = case.roof != "observe"
        self._clock = clock
        self._observatory = observatory
        self._life = life

    def before_the_guard(self) -> None:
        """What is found when the guard starts: a roof of others that is open, or ours left open."""
        sky, mine = self._case.step.sky, self._case.step.work == "sky_flats"
        if sky == "found open" or (not self._ours and (mine or sky in ("held", "beside flats"))):
            self._open()
            self._clock.sleep(60.0)
        if sky == "found open":
            self._use_the_mounts()

    def before_the_rigs(self, guard: GuardClient) -> None:
        """Observers have the roof open and point at the sky before T1 begins."""
        if self._case.step.sky == "held":
            self._wait_for_open_sky(guard)

    def live(self, guard: GuardClient, over: Signal) -> None:
        """Until it is `over`."""
        while not over.is_set():
            if self._case.step.sky == "held":
                guard.hold("observers", _LEASE_S)
            elif self._case.step.sky == "asked for" and self._is_asked_for():
                if not self._ours:
                    self._open()
                self._wait_for_open_sky(guard)
                while not over.wait(_LOOK_EVERY_S):
                    guard.hold("observers", _LEASE_S)
                return
            if self._life.danger_s is not None and self._now_s() > self._life.danger_s + _VISITOR_AFTER_S:
                guard.hold("a visitor", _LEASE_S)
            over.wait(_LOOK_EVERY_S)

    def _now_s(self) -> float:
        return self._clock.monotonic()

    def _is_asked_for(self) -> bool:
        log = self._observatory.command_log
        return sum((c.device, c.member) == (CAMERA, "startexposure") for c in log) >= _ASK_AT_EXPOSURE

    def _wait_for_open_sky(self, guard: GuardClient) -> None:
        """Hold the roof until it is open, then point at the sky; not when danger comes before."""
        until_s = self._now_s() + _OPENS_WITHIN_S
        while not guard.report().open_and_safe:
            if self._now_s() > until_s or self._life.danger_s is not None:
                return
            guard.hold("observers", _LEASE_S)
            self._clock.sleep(_LOOK_EVERY_S)
        self._use_the_mounts()

    def _use_the_mounts(self) -> None:
        for number in range(len(self._observatory.world.rigs)):
            mount = self._observatory.devices["telescope", number]
            mount.connected = True
            mount.call("put", "unpark", {})
            mount.call("put", "slewtoaltazasync", {"Azimuth": "100", "Altitude": "76"})

    def _open(self) -> None:
        dome = self._observatory.devices["dome", 0]
        dome.connected = True
        dome.call("put", "openshutter", {})
