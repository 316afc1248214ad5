"""Waiting: one checkpoint, few polls, and nothing waits for ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from benchmarks.calendar.stepping import SteppingClock
from capture.clock import SimulatedClock
from capture.errors import DeviceTimeout, Preempted, Stopped, Unsafe
from capture.rig.patience import Patience
from tests.capture.rig.bench import later
from tests.worker import as_worker


@pytest.fixture
def patience(clock: SimulatedClock) -> Patience:
    return Patience("T1", clock)


class Due:
    """True from a time on; counts how often it was asked."""

    def __init__(self, clock: SimulatedClock, at_s: float) -> None:
        self._clock = clock
        self._at_s = at_s
        self.asked = 0

    def __call__(self) -> bool:
        self.asked += 1
        return self._clock.monotonic() >= self._at_s


def withdraw() -> None:
    raise Unsafe("rain")


def test_a_wait_ends_soon_after_its_condition_comes_true(patience: Patience, clock: SimulatedClock) -> None:
    due = Due(clock, 30.0)
    clock.run(lambda: patience.wait("it", due, deadline_s=100))
    assert 30 <= clock.monotonic() <= 31


def test_nothing_is_asked_before_it_is_expected(patience: Patience, clock: SimulatedClock) -> None:
    due = Due(clock, 600.0)
    clock.run(lambda: patience.wait("it", due, deadline_s=1000, expected_s=600))
    assert clock.monotonic() == pytest.approx(600, abs=0.01)
    assert due.asked == 1


def test_a_fixed_interval_is_kept(patience: Patience, clock: SimulatedClock) -> None:
    due = Due(clock, 50.0)
    clock.run(lambda: patience.wait("it", due, deadline_s=100, poll_s=5))
    assert due.asked == 11


def test_what_never_comes_true_is_named_after_the_deadline(patience: Patience, clock: SimulatedClock) -> None:
    with pytest.raises(DeviceTimeout, match="T1: the slew was not done within 60 s"):
        clock.run(lambda: patience.wait("the slew", lambda: False, deadline_s=60))
    assert clock.monotonic() == pytest.approx(60, abs=0.1)


@pytest.mark.parametrize("how", ["wait", "expected", "pause", "pause_long"])
def test_a_stop_ends_every_kind_of_waiting_at_once(
    patience: Patience, clock: SimulatedClock, how: str
) -> None:
    waits = {
        "wait": lambda: patience.wait("it", lambda: False, 900),
        "expected": lambda: patience.wait("it", lambda: False, 900, expected_s=800),
        "pause": lambda: patience.pause(900),
        "pause_long": lambda: patience.pause_long(9000),
    }

    def main() -> None:
        later(clock, 100.2, lambda: patience.stop("an operator asked"))
        waits[how]()

    with pytest.raises(Stopped, match="T1: an operator asked"):
        clock.run(main)
    assert clock.monotonic() == pytest.approx(100.2, abs=0.01)


def test_a_stop_holds_until_it_is_forgotten(patience: Patience, clock: SimulatedClock) -> None:
    patience.stop("enough")
    for _ in range(2):
        with pytest.raises(Stopped):
            patience.checkpoint()
    patience.forget_stop()
    patience.checkpoint()


def test_conditions_hold_within_their_block_only(patience: Patience) -> None:
    with pytest.raises(Unsafe), patience.provided(withdraw):
        patience.checkpoint()
    patience.checkpoint()


def test_news_is_looked_at_when_it_comes_and_not_at_the_next_poll(
    patience: Patience, clock: SimulatedClock
) -> None:
    raining = False

    def condition() -> None:
        if raining:
            raise Unsafe("rain")

    def main() -> None:
        nonlocal raining
        with patience.provided(condition):
            clock.spawn(work, "T1")
            clock.sleep(7.7)
            raining = True
            patience.wake.set()
            clock.sleep(1)

    ended: list[float] = []

    def work() -> None:
        with pytest.raises(Unsafe):
            patience.wait("an exposure", lambda: False, 900, expected_s=600)
        ended.append(clock.monotonic())

    clock.run(main)
    assert ended == [pytest.approx(7.7)]


@as_worker
def test_making_safe_is_disturbed_by_nothing_but_its_deadline(
    patience: Patience, clock: SimulatedClock
) -> None:
    patience.stop("enough")
    with patience.provided(withdraw):
        with patience.undisturbed():
            patience.wait("the cover", Due(clock, 10), 60)
            patience.stop("I said enough")
            patience.wait("the cover", Due(clock, 20), 60)
            with pytest.raises(DeviceTimeout):
                patience.wait("the cover", lambda: False, 30)
        with pytest.raises(Stopped, match="I said enough"):
            patience.checkpoint()
    patience.forget_stop()
    with patience.provided(withdraw), pytest.raises(Unsafe):
        patience.checkpoint()


@as_worker
def test_a_pause_lets_its_time_pass(patience: Patience, clock: SimulatedClock) -> None:
    patience.pause(12.5)
    patience.pause_long(3600)
    patience.pause(0)
    assert clock.monotonic() == pytest.approx(3612.5, abs=0.01)


@pytest.mark.parametrize(("step_h", "ends_h"), [(1.0, 3.0), (-1.0, 5.0), (6.0, 2.0)])
def test_a_long_pause_ends_when_the_clock_says_so_though_it_was_set_meanwhile(
    step_h: float, ends_h: float
) -> None:
    clock = SteppingClock(datetime(2026, 11, 21, 12, tzinfo=UTC))
    patience = Patience("T1", clock)

    def main() -> None:
        later(clock, 7200, lambda: clock.set_wrong(timedelta(hours=step_h)))
        patience.pause_long(4 * 3600, "the twilight")

    clock.run(main)
    assert clock.monotonic() == pytest.approx(ends_h * 3600, abs=61)


def test_a_long_pause_is_over_soon_after_a_machine_has_slept_through_its_end() -> None:
    clock = SteppingClock(datetime(2026, 11, 21, 12, tzinfo=UTC))
    patience = Patience("T1", clock)

    def main() -> None:
        later(clock, 3600, lambda: clock.fall_asleep(timedelta(hours=9)))
        patience.pause_long(4 * 3600, "the twilight")

    clock.run(main)
    assert clock.world() - clock.start < timedelta(hours=10, minutes=2)


def test_within_a_window_work_is_preempted_at_its_end(patience: Patience, clock: SimulatedClock) -> None:
    def over() -> None:
        if clock.monotonic() >= 20:
            raise Preempted("the window ended")

    def main() -> None:
        with patience.provided(over):
            patience.pause(100)

    with pytest.raises(Preempted):
        clock.run(main)
    assert clock.monotonic() <= 25
