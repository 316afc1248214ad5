"""One rig lives through one night: whatever is due, until nothing more comes."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Protocol

from capture.clock import Clock
from capture.errors import BadInput, DeviceError, NotCold, Preempted
from capture.guard.client import GuardClient
from capture.journal import Journal
from capture.night.outlook import ground_of, plan_on
from capture.night.plan import PREPARE, Block, RigPlan, due, next_change
from capture.night.request_turns import RequestTurns
from capture.night.run import Outcome, Runner
from sequences.job import Job

_LOOK_AGAIN_S = 60.0
_AFTER_A_LEAK = timedelta(minutes=30)
# A cooler that does not reach its set point is given colder air, once.
_COOL_AGAIN_AFTER = timedelta(hours=2)
_FOREVER_S = 7 * 86400.0
# A server that broke down is started again in that time, a camera has found its cable.
_BEFORE_RECONNECTING_S = 60.0


class _AskedMeanwhile(Preempted):
    """Raised to end a wait in which nothing else would be done."""


class HandWork(Protocol):
    """Runs that persons ask for; they come before the plan's own work."""

    @property
    def is_asked(self) -> bool:
        """Whether a run waits for its turn."""

    def ends(self, sequence: str) -> bool:
        """Whether a run waits for which such a block of the plan ends after its frame."""

    def take_turn(self) -> bool:
        """Carry out the oldest, if there is one, and tell whether. Raises as Runner.run."""


class RigNight:
    """The night of one rig; every decision is made anew from the catalogue."""

    def __init__(
        self,
        runner: Runner,
        guard: GuardClient,
        clock: Clock,
        journal: Journal,
        night: date,
        by_hand: HandWork | None = None,
        turns: RequestTurns | None = None,
    ) -> None:
        self._by_hand = by_hand
        self._turns = turns
        self._runner = runner
        self._rig = runner.rig
        self._guard = guard
        self._clock = clock
        self._journal = journal
        self._night = night
        # What is planned next, after what is due now; read by others, so it is replaced as a whole.
        self.coming: Block | None = None
        # What members asked for until then is in the plan.
        self.heard = clock.now()
        self._finished: set[str] = set()
        # By the request whose turn it is, as the turn began.
        self._missed = 0
        # Since stray light was seen, no darks before this.
        self._no_darks_before = clock.now()
        # Since the sensor was too warm, neither bias nor darks before this.
        self._cool_again: datetime | None = None

    def plan(self) -> RigPlan:
        """What falls due tonight, laid over the rest of the night; connect the rig first. Raises BadInput."""
        rig, now = self._rig, self._clock.now()
        catalogue, nights = self._runner.archive.catalogue, (self._night,)
        ground = ground_of(
            catalogue, rig.site, rig.config.on(self._night), rig.filters, rig.spec, nights, now
        )
        plan = plan_on(ground, self._night, now)
        if self._turns is not None:
            plan = self._turns.with_turn(plan, now, self._finished)
        later = [b for b in plan.blocks if b.window.start > now and b.key not in self._finished]
        self.coming = min(later, key=lambda block: block.window.start, default=None)
        return plan

    def live(self) -> None:
        """Live through the night from now; at its end, a stop included, warm the camera up.

        Whatever a device fails in, connecting included, is met with one new connection a night. Raises
        DeviceError the second time, Stopped, BadInput, StoreError.
        """
        try:
            try:
                self._connect_and_work()
                return
            except DeviceError as error:
                self._journal.say(self._rig.name, "alarm", f"{error}. Connecting anew, once.")
            self._rig.disconnect()
            self._rig.patience.pause(_BEFORE_RECONNECTING_S, "a device that may come back")
            self._connect_and_work()
        finally:
            self._warm_up()

    def _warm_up(self) -> None:
        cooling = self._rig.cooling
        if cooling is not None and cooling.warm_up:
            with self._rig.patience.undisturbed(), suppress(DeviceError):
                self._rig.warm_up()

    def _connect_and_work(self) -> None:
        self._runner.connect()
        if self._turns is not None:
            self._turns.take_up()
        self._prepare()
        while self._step():
            pass

    def _prepare(self) -> None:
        """Cool down in time for the first block; nothing to do when the night wants nothing."""
        plan, now = self.plan(), self._clock.now()
        for note in plan.notes:
            self._journal.say(self._rig.name, "plan", note)
        first = now if due(plan, now, self._finished) else next_change(plan, now, self._finished)
        if first is not None:
            self._wait_until(first - PREPARE)
            if not self._rig.cool_for_flats():
                self._not_cold(plan, due(plan, self._clock.now(), self._finished))

    def _not_cold(self, plan: RigPlan, block: Block | None) -> None:
        """Put off what must be cold: the flats go on. `block`: what was due then."""
        now = self._clock.now()
        if block is not None and block.by_day:
            self._finished |= {b.key for b in plan.blocks if b.by_day}
            told = "no bias and darks by day"
        elif self._cool_again is None:
            self._cool_again = now + _COOL_AGAIN_AFTER
            told = f"bias and darks wait; cooling is tried once more, not before {self._cool_again:%H:%M} UTC"
        else:
            self._finished |= {b.key for b in plan.blocks if b.needs_cold}
            told = "no bias and darks tonight; cooling has been tried twice"
        self._journal.say(self._rig.name, "alarm", told)

    def _too_warm(self, plan: RigPlan, now: datetime) -> set[str]:
        """The blocks that wait for the next try to cool."""
        if self._cool_again is None or now >= self._cool_again:
            return set()
        return {b.key for b in plan.blocks if b.needs_cold}

    def _step(self) -> bool:
        """Do, or wait for, the next thing; False when the night holds nothing more."""
        if self._by_hand is not None and self._by_hand.take_turn():
            return True
        self.heard = self._clock.now()
        reserved = self._runner.reservations.now(self._rig.name)
        if reserved is not None:
            self._journal.say(self._rig.name, "waiting", f"reserved ({reserved.what})")
            self._wait_until(reserved.end)
            return True
        plan, now = self.plan(), self._clock.now()
        passed, again = self._put_off(plan, now)
        block = due(plan, now, self._finished | passed)
        if block is None:
            return self._rest(plan, now, again)
        if block.needs_dark and not self._dark_enough_for(block):
            self._await_darkness(block)
        else:
            self._begin(plan, block)
        return True

    def _put_off(self, plan: RigPlan, now: datetime) -> tuple[set[str], list[datetime]]:
        """The blocks that cannot be done yet, and the times to look at them again."""
        passed, again = self._too_warm(plan, now), []
        if passed and self._cool_again is not None:
            again.append(self._cool_again)
        if now < self._no_darks_before:
            passed |= {b.key for b in plan.blocks if b.needs_dark}
            again.append(self._no_darks_before)
        if not self._rig.permits_panel():
            passed.add("panel")
            again.append(now + timedelta(seconds=_LOOK_AGAIN_S))
        return passed, again

    def _rest(self, plan: RigPlan, now: datetime, again: list[datetime]) -> bool:
        """Wait for what comes next; False when nothing does."""
        change = next_change(plan, now, self._finished)
        if due(plan, now, self._finished) is not None:
            change = min(again if change is None else [change, *again])
        if change is not None:
            self._wait_until(change)
        return change is not None

    def _await_darkness(self, block: Block) -> None:
        self._journal.say(self._rig.name, "waiting", f"{block.sequence} wait for a roof that stays shut")
        self._rig.patience.wait(
            "the roof",
            lambda: self._is_asked() or self._dark_enough_for(block) or self._clock.now() >= block.window.end,
            _FOREVER_S,
            poll_s=_LOOK_AGAIN_S,
        )

    def _begin(self, plan: RigPlan, block: Block) -> None:
        """Do the block as far as it goes, and keep what that means for the rest of the night."""
        job = self._runner.job(block, self._night)
        if block.by_day and job.dark_model is None:
            why = "the library has no masters yet that tell how dark a dark is"
            self._journal.say(self._rig.name, "plan", f"no {block.key}: {why}")
            self._finished.add(block.key)
            return
        try:
            outcome = self._run(block, job)
        except NotCold as error:
            self._journal.say(self._rig.name, "alarm", str(error))
            self._not_cold(plan, block)
            return
        if outcome.leaked and block.by_day:
            self._finished |= {b.key for b in plan.blocks if b.by_day}
        elif outcome.leaked:
            self._no_darks_before = self._clock.now() + _AFTER_A_LEAK
        else:
            self._conclude(block, outcome.complete)

    def _run(self, block: Block, job: Job) -> Outcome:
        """Run the job, and see to the request that it is for."""
        if self._turns is None or block.request is None:
            return self._runner.run(job, lambda: self._gives_way(block))
        if not self._turns.begin(block):
            return Outcome(False, 0, "wanted no more")
        self._missed = self._turns.missing(block)
        how = "interrupted"
        try:
            outcome = self._runner.run(job, lambda: self._gives_way(block))
            how = outcome.text
        except NotCold:
            raise
        except (BadInput, DeviceError) as error:
            how = str(error)
            if self._turns.missing(block) >= self._missed:
                # Whatever it was, this request fails the rig once a night at most.
                self._finished.add(block.key)
                if self._turns.refused(block, error) or isinstance(error, BadInput):
                    return Outcome(False, 0, how)
            raise
        finally:
            self._turns.end(block, how)
        return outcome

    def _conclude_turn(self, block: Block, complete: bool) -> None:
        """A request whose whole turn gained nothing waits for another night, or for a reservation's end."""
        if self._turns is None or not self._turns.missing(block):
            return
        begins = self._runner.reservations.begins(self._rig.name)
        if not complete or self._turns.missing(block) < self._missed:
            return
        if begins is not None and begins < block.window.end:
            self._wait_until(begins)
            return
        self._finished.add(block.key)
        self._journal.say(self._rig.name, "alarm", f"{block.key} gained no good frame; left for tonight")

    def _dark_enough_for(self, block: Block) -> bool:
        """Whether the roof is shut for at least the block's shortest exposure, or does not matter."""
        if self._runner.takes_under_any_roof(block):
            return True
        shortest_s = min(want.spec.exposure_s for want in block.wants)
        return self._guard.report().dark and self._rig.roof_leaves_s() > shortest_s + _LOOK_AGAIN_S

    def _conclude(self, block: Block, complete: bool) -> None:
        """Decide whether the block has had its turn tonight.

        Flats that came to their own end have: the sky will not come back. Bias and darks go on until
        nothing is missing, or until a whole run gained nothing.
        """
        if block.request is not None:
            self._conclude_turn(block, complete)
        elif block.needs_dark:
            left = [b for b in self.plan().blocks if b.key == block.key]
            gained = not left or left[0].frames < block.frames
            begins = self._runner.reservations.begins(self._rig.name)
            if complete and not gained and begins is not None and begins < block.window.end:
                # There was no time for it before the reservation; there may be after it.
                self._wait_until(begins)
            elif complete and not gained:
                self._finished.add(block.key)
                self._journal.say(
                    self._rig.name, "alarm", f"{block.sequence} gained no good frame; left for now"
                )
        elif complete or self._clock.now() >= block.window.end:
            self._finished.add(block.key)
        else:
            # The sky was withdrawn: the next run waits for it, with only what is missing.
            self._rig.patience.pause(_LOOK_AGAIN_S / 4)

    def _wait_until(self, when: datetime) -> None:
        seconds = (when - self._clock.now()).total_seconds()
        if seconds > 0:
            self._journal.say(self._rig.name, "waiting", f"nothing to do before {when:%H:%M:%S} UTC")
            with suppress(_AskedMeanwhile), self._rig.patience.provided(self._nobody_asks):
                self._rig.patience.pause_long(seconds, "the next window")

    def _is_asked(self) -> bool:
        return self._by_hand is not None and self._by_hand.is_asked

    def _gives_way(self, block: Block) -> bool:
        return self._by_hand is not None and self._by_hand.ends(block.sequence)

    def _nobody_asks(self) -> None:
        if self._is_asked():
            raise _AskedMeanwhile(f"{self._rig.name}: a run by hand comes first")
        if self._turns is not None and self._turns.are_new(self.heard):
            raise _AskedMeanwhile(f"{self._rig.name}: a member has asked for something")
