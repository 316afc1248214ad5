"""The life of one rig in the service: night after night, on a worker of its own, whatever the others do."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from datetime import date, datetime

from capture.errors import BadInput, ClockError, DeviceError, NightcalError, NoWindow, Stopped, StoreError
from capture.night.farm import Farm
from capture.night.hand_runs import HandRun, carry_out, jobs_of
from capture.night.rig_night import RigNight
from capture.site import Site
from capture.store.pauses import Pause

# What woke nobody, as a step of the machine's clock, is seen within that time.
_LOOKS_EVERY_S = 60.0
_FIRST_REST_S = 60.0
_LONGEST_REST_S = 1800.0
_MOST_ASKED = 20

Due = Callable[[Site, datetime, date | None, float], date | None]
NextStart = Callable[[Site, datetime, float], datetime]


class RigLife:
    """Lives until `end` or until the farm is stopped. Any thread may ask; one worker lives.

    `beats` grows while the worker makes progress or waits in good order.
    """

    def __init__(self, farm: Farm, name: str, due: Due, next_start: NextStart) -> None:
        """`due` and `next_start` tell by the Sun when nights are. Raises StoreError."""
        self._farm = farm
        self._runner = farm.runners[name]
        self._rig = farm.rigs[name]
        self._due = due
        self._next_start = next_start
        config = self._rig.config
        # Who may take darks by day begins at noon.
        self._highest_sun_deg = 90.0 if config.darks.by_day else config.flats.highest_sun_deg
        self._lock = threading.Lock()
        self._asked: deque[HandRun] = deque()
        self._ends = False
        self._done: date | None = None
        self._turns = farm.turns(name)
        # What members asked for until then was seen by the night that is done.
        self._heard: datetime | None = None
        self._rest_s = _FIRST_REST_S
        self.name = name
        self.pause = farm.archive.catalogue.pauses.of(name)
        # In words what it does between runs; read by others, so it is replaced as a whole.
        self.doing = "starting"
        # The run by hand that is being carried out.
        self.by_hand: HandRun | None = None
        self._under_way: RigNight | None = None

    @property
    def asked(self) -> tuple[HandRun, ...]:
        """The runs that wait for their turn."""
        with self._lock:
            return tuple(self._asked)

    @property
    def coming(self) -> dict[str, str] | None:
        """What the night under way has planned next, as plain data; from any thread."""
        block = self._under_way.coming if self._under_way is not None else None
        if block is None or block.window.start <= self._farm.clock.now():
            return None
        window = block.window
        return {
            "sequence": block.sequence,
            "start": window.start.isoformat(),
            "end": window.end.isoformat(),
        }

    def pause_by(self, pause: Pause) -> None:
        """Begin no new work until `resume`; what runs ends in good order. Raises StoreError."""
        # First the rig, then the record: a catalogue that does not answer keeps no rig going.
        self.pause = pause
        self._rig.patience.stop(str(pause))
        self._farm.archive.catalogue.pauses.pause(pause)

    def resume(self, who: str, why: str) -> None:
        """Work again. Raises StoreError; the rig then stays paused."""
        self._farm.archive.catalogue.pauses.resume(self.name, self._farm.clock.now(), who, why)
        self.pause = None
        self.wake()

    def ask(self, run: HandRun) -> int:
        """Queue a run before the plan's own work; return how many are before it. Raises BadInput."""
        with self._lock:
            if len(self._asked) >= _MOST_ASKED:
                raise BadInput(f"{_MOST_ASKED} runs wait for {self.name} already; let it take some first")
            self._asked.append(run)
            before = len(self._asked) - 1
        self.wake()
        return before

    def end(self) -> None:
        """End after the night under way."""
        self._ends = True
        self.wake()

    def wake(self) -> None:
        """Look anew at what is to do."""
        self._rig.patience.wake.set()

    def live(self) -> None:
        """Night after night. Whatever fails ends neither the rig's life nor another's. Raises ClockError."""
        while True:
            # Forgotten first, then looked at: who says `pause` or `stop` meanwhile says it first there.
            self._rig.patience.forget_stop()
            if self._farm.stopping is not None:
                return
            try:
                if not self._next():
                    return
                continue
            except Stopped as stopped:
                self._say("stopped", str(stopped))
                continue
            except ClockError:
                raise
            except Exception as error:
                told = str(error) if isinstance(error, NightcalError) else f"{type(error).__name__}: {error}"
                again = f"it is tried again in {self._rest_s / 60:.0f} min"
                self._say("alarm", f"{self.name} cannot go on: {told}. {again}")
            self._recover()

    def _recover(self) -> None:
        self._rig.disconnect()
        self._runner.writer.try_again()
        self.doing = "waiting after a failure"
        end = self._farm.clock.monotonic() + self._rest_s
        self._rest_s = min(2 * self._rest_s, _LONGEST_REST_S)
        while (left_s := end - self._farm.clock.monotonic()) > 0:
            self._rig.patience.wake.clear()
            if self._farm.stopping is not None or self._ends:
                return
            self._rig.patience.wake.wait(min(_LOOKS_EVERY_S, left_s))

    def _next(self) -> bool:
        """Do the next thing, or wait for it; False at the end of this life."""
        patience, clock, site = self._rig.patience, self._farm.clock, self._farm.site
        patience.wake.clear()
        if self._farm.stopping is not None or self._ends:
            return False
        if self.pause is not None:
            self._wait(str(self.pause), None)
            return True
        if self._by_hand(connected=False):
            return True
        night = self._due(site, clock.now(), self._done, self._highest_sun_deg)
        if night is None and self._heard is not None and self._turns.are_new(self._heard):
            # The night had nothing more to do; now it has.
            self._heard = clock.now()
            night = self._due(site, clock.now(), None, self._highest_sun_deg)
        if night is None:
            try:
                starts = self._next_start(site, clock.now(), self._highest_sun_deg)
            except NoWindow as error:
                self._wait(str(error), None)
                return True
            self._wait(f"the next night begins at {starts:%Y-%m-%d %H:%M} UTC", starts)
            return True
        self._night(night)
        self._done = night
        self._rest_s = _FIRST_REST_S
        return True

    def _wait(self, words: str, until: datetime | None) -> None:
        """Wait for news, or for that time; the words are said once."""
        if self.doing != words:
            self.doing = words
            self._say("waiting", words)
        left_s = _LOOKS_EVERY_S
        if until is not None:
            left_s = (until - self._farm.clock.now()).total_seconds()
            # On a clock that jumps nothing sets it, and a step more is a turn more.
            left_s = left_s if self._farm.clock.jumps else min(_LOOKS_EVERY_S, left_s)
        elif self._farm.clock.jumps:
            left_s = 3600.0
        self._rig.patience.wake.wait(max(0.001, left_s))

    def _night(self, night: date) -> None:
        self._say("night", f"the night of {night} begins")
        self.doing = f"in the night of {night}"
        farm, given_up = self._farm, None
        self._under_way = RigNight(
            self._runner, farm.guard, farm.clock, farm.journal, night, self, self._turns
        )
        try:
            self._under_way.live()
        except (Stopped, StoreError, ClockError):
            raise
        except NightcalError as error:
            given_up = str(error)
            self._say("alarm", f"{self.name} is given up for tonight: {error}")
            self._rig.disconnect()
        finally:
            self._heard, self._under_way = self._under_way.heard, None
        masters = farm.build_masters(self.name)
        told = f"the night of {night} ends: {len(masters)} masters"
        told += ", the rig was given up" if given_up else ""
        farm.journal.say(self.name, "night", told, ended=str(night))

    @property
    def is_asked(self) -> bool:
        """Whether a run waits for its turn."""
        return bool(self._asked)

    def ends(self, sequence: str) -> bool:
        """Whether such a block of the plan ends after its frame for the run that is asked for.

        Bias and darks go on another time. The sky does not come back: its flats end for other sky flats only.
        """
        return any(sequence != "sky_flats" or run.sequence == "sky_flats" for run in self.asked[:1])

    def when(self, run: HandRun) -> str:
        """In words when such a run would begin, were no other asked for; from any thread."""
        progress, exposure, by_hand = self._runner.progress, self._rig.under_way, self.by_hand
        if progress is None:
            return "now"
        if by_hand is not None:
            return f"when {by_hand} by hand has ended, about {progress.ends:%H:%M} UTC"
        if progress.by_the_sky and run.sequence != progress.sequence:
            return f"when {progress.sequence} has ended, at {progress.ends:%H:%M} UTC at the latest"
        if exposure is None:
            return f"in a moment: {progress.sequence} gives way, and goes on afterwards"
        left_s = exposure.exposure_s - (self._farm.clock.now() - exposure.started).total_seconds()
        left_s = max(0.0, left_s) + self._rig.readout_s
        return f"after the frame under way, in about {left_s:.0f} s; {progress.sequence} goes on afterwards"

    def take_turn(self) -> bool:
        """Within a night, the rig connected: carry out the oldest run that was asked for, if there is one."""
        return self._by_hand(connected=True)

    def _by_hand(self, *, connected: bool) -> bool:
        with self._lock:
            if not self._asked:
                return False
            run = self.by_hand = self._asked.popleft()
        self._say("run", f"{run} by hand, asked by {run.who}" + (f": {run.why}" if run.why else ""))
        before, self.doing = self.doing, f"{run} by hand"
        try:
            if not connected:
                self._runner.connect()
            for job in jobs_of(run, self._runner):
                carry_out(job, self._runner, self._farm.guard, self._farm.config)
            self._farm.build_masters(self.name)
        except (Stopped, StoreError, ClockError):
            raise
        except NightcalError as error:
            self._say("alarm", f"{run} by hand is given up: {error}")
            if isinstance(error, DeviceError):
                if connected:
                    raise
                self._rig.disconnect()
        finally:
            self.doing, self.by_hand = before, None
        return True

    def _say(self, kind: str, text: str) -> None:
        self._farm.journal.say(self.name, kind, text)
