"""The clock: simulated time jumps, one turn at a time, and no wake-up is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from capture.clock import Clock, Queue, QueueClosed, ServedClock, SimulatedClock, SystemClock, serve_clock
from capture.errors import ClockError

START = datetime(2026, 11, 21, 19, 0, tzinfo=UTC)


@pytest.fixture
def served() -> Iterator[Clock]:
    with (
        serve_clock(SimulatedClock(START, horizon=timedelta(days=1))) as server,
        closing(ServedClock(server.address)) as clock,
    ):
        yield clock


@pytest.fixture(params=["simulated", "served"])
def jumping(request: pytest.FixtureRequest) -> Clock:
    """A clock whose time jumps, from START to a horizon of a day."""
    if request.param == "served":
        clock: Clock = request.getfixturevalue("served")
        return clock
    return SimulatedClock(START, horizon=timedelta(days=1))


@pytest.fixture(params=["simulated", "served", "system"])
def clock(request: pytest.FixtureRequest) -> Clock:
    """Any clock."""
    if request.param == "system":
        return SystemClock()
    clock: Clock = request.getfixturevalue("served") if request.param == "served" else SimulatedClock(START)
    return clock


def test_a_simulated_night_of_sleep_passes_in_an_instant(jumping: Clock) -> None:
    clock = jumping
    began = time.perf_counter()
    clock.run(lambda: clock.sleep(12 * 3600))
    assert clock.now() == START + timedelta(hours=12)
    assert time.perf_counter() - began < 60


def test_workers_take_turns_in_the_order_of_their_alarms_then_of_their_rank(jumping: Clock) -> None:
    clock = jumping
    seen: list[tuple[float, str]] = []

    def ticker(name: str, step_s: float) -> None:
        for _ in range(3):
            clock.sleep(step_s)
            seen.append((clock.monotonic(), name))

    def main() -> None:
        workers = [
            clock.spawn(lambda: ticker("late rank", 2), "b", rank=2),
            clock.spawn(lambda: ticker("early rank", 2), "a", rank=1),
            clock.spawn(lambda: ticker("quick", 1), "c", rank=3),
        ]
        for worker in workers:
            worker.join()

    clock.run(main)
    assert seen == [
        (1, "quick"),
        (2, "early rank"), (2, "late rank"), (2, "quick"),
        (3, "quick"),
        (4, "early rank"), (4, "late rank"),
        (6, "early rank"), (6, "late rank"),
    ]  # fmt: skip


def test_a_signal_wakes_its_waiters_at_the_moment_it_is_set(clock: Clock) -> None:
    def main() -> tuple[bool, float]:
        signal = clock.signal()
        began = clock.monotonic()
        clock.spawn(lambda: (clock.sleep(0.05), signal.set()), "setter")
        return signal.wait(timeout_s=30), clock.monotonic() - began

    woken, waited_s = clock.run(main)
    assert woken
    assert 0.049 <= waited_s < 10


def test_a_signal_that_nobody_sets_times_out(clock: Clock) -> None:
    assert clock.run(lambda: clock.signal().wait(timeout_s=0.05)) is False


def test_a_waiter_wakes_although_another_waiter_cleared_the_signal_first(jumping: Clock) -> None:
    clock = jumping
    woken: list[str] = []

    def main() -> None:
        signal = clock.signal()

        def first() -> None:
            signal.wait()
            woken.append("first")
            signal.clear()

        workers = [clock.spawn(first, "first", rank=1)]
        workers.append(clock.spawn(lambda: (signal.wait(), woken.append("second")), "second", rank=2))
        clock.sleep(1)
        signal.set()
        for worker in workers:
            worker.join()

    clock.run(main)
    assert woken == ["first", "second"]


def test_a_bounded_queue_keeps_order_and_makes_the_producer_wait(clock: Clock) -> None:
    def main() -> tuple[list[int], int]:
        queue: Queue[int] = clock.queue(capacity=2)
        deepest = 0
        got: list[int] = []

        def produce() -> None:
            nonlocal deepest
            for number in range(50):
                queue.put(number)
                deepest = max(deepest, len(queue))
            queue.close()

        producer = clock.spawn(produce, "producer")
        while True:
            try:
                got.append(queue.get())
            except QueueClosed:
                break
        producer.join()
        return got, deepest

    got, deepest = clock.run(main)
    assert got == list(range(50))
    assert deepest <= 2


def test_a_thread_that_is_no_worker_cannot_sleep_in_simulated_time(jumping: Clock) -> None:
    with pytest.raises(ClockError, match="no worker"):
        jumping.sleep(1)


def test_any_thread_may_set_a_signal_that_workers_wait_for(jumping: Clock) -> None:
    clock = jumping
    signal = clock.signal()
    other = threading.Timer(0.1, signal.set)

    def main() -> bool:
        other.start()
        heard = signal.wait()
        # It asks a served clock for more, which is gone when the run ends.
        other.join()
        return heard

    assert clock.run(main) is True


def test_a_worker_that_dies_unseen_fails_the_run(jumping: Clock) -> None:
    clock = jumping

    def main() -> None:
        clock.spawn(lambda: 1 / 0, "unlucky")
        clock.sleep(1)

    with pytest.raises(ClockError, match="unlucky"):
        clock.run(main)


def test_a_failure_that_was_raised_once_is_not_raised_again_by_the_next_run(jumping: Clock) -> None:
    clock = jumping
    with pytest.raises(ZeroDivisionError):
        clock.run(lambda: 1 / 0)
    assert clock.run(lambda: "well") == "well"


def test_joining_a_dead_worker_raises_what_it_died_of(clock: Clock) -> None:
    with pytest.raises(ZeroDivisionError):
        clock.run(lambda: clock.spawn(lambda: 1 / 0, "unlucky").join())


def test_simulated_time_has_a_horizon(jumping: Clock) -> None:
    with pytest.raises(ClockError, match="horizon"):
        jumping.run(lambda: jumping.sleep(2 * 86400))


def test_a_worker_that_keeps_its_turn_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    clock = SimulatedClock(START, watchdog_s=0.2)
    clock.run(lambda: time.sleep(1.0), name="sleepyhead")
    assert "sleepyhead" in capfd.readouterr().err


def test_deadlines_between_two_microseconds_are_reached(jumping: Clock) -> None:
    clock = jumping

    def main() -> None:
        for step in (0.1, 1e-7, 1 / 3, 12.0000001):
            for _ in range(1000):
                clock.sleep(step)

    clock.run(main)
    assert clock.monotonic() == pytest.approx(1000 * (0.1 + 1 / 3 + 12), rel=1e-3)


def test_a_faster_system_clock_runs_ahead_of_the_machine() -> None:
    clock = SystemClock(rate=1000, start=START)
    began = time.perf_counter()
    clock.run(lambda: clock.sleep(60))
    assert time.perf_counter() - began < 30
    assert clock.now() >= START + timedelta(seconds=60)
