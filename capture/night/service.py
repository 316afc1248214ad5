"""The service: every rig lives on a worker of its own, and one that has died is brought back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

from capture.clock import Worker
from capture.errors import BadInput, ClockError
from capture.guard.door import told
from capture.guard.guard import Guard
from capture.guard.remote import Doorbell
from capture.journal import Entry, Journal
from capture.night.dry_run import dry_run
from capture.night.farm import Farm
from capture.night.hand_runs import HandRun, next_twilight
from capture.night.rig_life import Due, NextStart, RigLife
from capture.night.rig_status import rig_status
from capture.store.pauses import Pause

_LOOKS_EVERY_S = 5.0
_LOOKS_IN_SIMULATED_TIME_EVERY_S = 600.0
_RANK = 20


class Service:
    """All rigs of a farm. `tick` may be called at any time, any number of times, by any thread."""

    def __init__(self, farm: Farm, journal: Journal, due: Due, next_start: NextStart) -> None:
        """Raises StoreError."""
        self.farm = farm
        self._journal = journal
        self._lock = threading.Lock()
        self._lives = {name: RigLife(farm, name, due, next_start) for name in farm.rigs}
        self._workers: dict[str, Worker] = {}
        self._last_frame: dict[str, Mapping[str, object]] = {}
        self._ending = False
        self._began = farm.clock.now()
        journal.listen(self._note)

    def __str__(self) -> str:
        parts = []
        for name, life in self._lives.items():
            running = self.farm.runners[name].progress
            parts.append(f"{name}: {running.sequence} {running}" if running else f"{name}: {life.doing}")
        return "; ".join(parts)

    def tick(self) -> None:
        """Give every rig without a living worker a new one, and let those that wait look at the Sun."""
        with self._lock:
            for rank, (name, life) in enumerate(self._lives.items()):
                worker = self._workers.get(name)
                if worker is not None and not worker.done.is_set():
                    life.wake()
                    continue
                if self._ending or self.farm.stopping is not None:
                    continue
                if worker is not None and isinstance(worker.failure, ClockError):
                    continue
                if worker is not None:
                    self._journal.say(name, "alarm", f"the worker of {name} has died and is started anew")
                self._workers[name] = self.farm.clock.spawn(life.live, name, _RANK + rank)

    def live(self, until: datetime | None = None, beat: Callable[[], None] = lambda: None) -> None:
        """Keep the rigs alive until the farm is stopped, or `until`; nights under way then are finished.

        `beat` is called at every look, while every rig has a living worker. Raises Stopped.
        """
        clock = self.farm.clock
        step_s = _LOOKS_IN_SIMULATED_TIME_EVERY_S if clock.jumps else _LOOKS_EVERY_S
        try:
            while until is None or clock.now() < until:
                self.tick()
                self.farm.writer.keep()
                beat()
                left_s = step_s if until is None else min(step_s, (until - clock.now()).total_seconds())
                self.farm.rest_for(left_s)
        finally:
            self._ending = True
            for life in self._lives.values():
                life.end()
            for worker in self._workers.values():
                worker.join()

    def pause(self, rigs: Collection[str], who: str, why: str) -> None:
        """Let these rigs, all if none is named, begin no new work; what runs ends in good order.

        Raises BadInput, StoreError.
        """
        for life in self._named(rigs):
            if life.pause is None:
                pause = Pause(life.name, self.farm.clock.now(), who, why)
                self._journal.say(life.name, "stop", str(pause))
                life.pause_by(pause)

    def resume(self, rigs: Collection[str], who: str, why: str) -> None:
        """Let them work again. Raises BadInput, StoreError."""
        for life in self._named(rigs):
            if life.pause is not None:
                life.resume(who, why)
                self._journal.say(life.name, "stop", f"resumed by {who}" + (f": {why}" if why else ""))

    def stop(self, who: str, why: str) -> None:
        """End the whole service in good order."""
        reason = f"stopped by {who}" + (f": {why}" if why else "")
        self._journal.say("nightcal", "stop", reason)
        self.farm.stop(reason)

    def reset_guard(self, who: str, why: str) -> str:
        """Forget the roof's fault, after somebody has looked at the roof. Raises BadInput, GuardAway."""
        guard, fault = self.farm.guard, self.farm.guard.report().fault
        if fault is None:
            raise BadInput("the roof has no fault")
        if isinstance(guard, Guard):
            guard.reset(who)
        elif self.farm.config.guard is not None:
            bell = Doorbell(self.farm.config.guard.folder)
            try:
                bell.ask("reset", who=who)
            finally:
                bell.close()
        said = f"the roof's fault is reset by {who}" + (f": {why}" if why else "")
        self._journal.say("roof", "reset", f"{said}. It was: {fault}")
        return said

    def ask(self, rig: str, run: HandRun) -> str:
        """Queue a run by hand, and tell in words what comes of it. Raises BadInput, StoreError."""
        (life,) = self._named([rig])
        if life.pause is not None:
            raise BadInput(f"{rig} is {life.pause}; nightcal resume --rig {rig} first")
        if run.sequence == "sky_flats":
            window = next_twilight(self.farm.site, self.farm.clock.now(), self.farm.rigs[rig].config)
            if self.farm.clock.now() < window.start:
                raise BadInput(
                    f"the next twilight begins at {window.start:%m-%d %H:%M} UTC, and until then {rig} "
                    f"has other work; order flats for the night with nightcal plan --tonight"
                )
        # What the rig cannot is refused at once, not when its turn comes.
        farm = self.farm
        dry_run(farm.rigs[rig].config, farm.site, farm.archive.catalogue, run, farm.clock.now())
        when = life.when(run)
        before = life.ask(run)
        self._journal.say(rig, "run", f"{run} asked by {run.who}" + (f": {run.why}" if run.why else ""))
        return f"{rig} takes {run} {when}" + (f", after {before} others" if before else "")

    def status(self) -> dict[str, Any]:
        """What everybody does now, as JSON can tell it. Asks no device and no database."""
        farm, now = self.farm, self.farm.clock.now()
        guard = told(farm.guard.report()) if farm.config.roof is not None else None
        return {
            "site": farm.site.name,
            "time": now.isoformat(),
            "since": self._began.isoformat(),
            "sun_altitude_deg": farm.site.sun_altitude_deg(now),
            "guard": guard,
            "safe": None if guard is None else guard["safe"],
            "rigs": [
                rig_status(farm, life, self._last_frame.get(name)) for name, life in self._lives.items()
            ],
        }

    def _note(self, entry: Entry) -> None:
        if entry.kind == "frame":
            data = {key: entry.data.get(key) for key in ("good", "reasons")}
            self._last_frame[entry.source] = {"time": entry.time.isoformat(), "text": entry.text} | data

    def _named(self, rigs: Collection[str]) -> list[RigLife]:
        for name in rigs:
            if name not in self._lives:
                raise BadInput(f"there is no rig {name!r} in the service; it has {', '.join(self._lives)}")
        return [life for name, life in self._lives.items() if not rigs or name in rigs]
