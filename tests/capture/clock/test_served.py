"""One simulated clock for several processes: one turn at a time among them all; who is killed is let go."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from capture.clock import (
    ADDRESS_VARIABLE,
    ClockServer,
    ServedClock,
    SimulatedClock,
    SystemClock,
    clock_of_this_process,
    serve_clock,
)
from capture.errors import ClockError

START = datetime(2026, 11, 21, 19, 0, tzinfo=UTC)
_TICKER = """
import sys
from capture.clock import ServedClock
clock = ServedClock(sys.argv[1])
def tick():
    for _ in range(int(sys.argv[3])):
        clock.sleep(float(sys.argv[2]))
        print(clock.monotonic(), flush=True)
clock.run(tick)
"""
_HOLDER = """
import sys, time
from capture.clock import ServedClock
clock = ServedClock(sys.argv[1])
def hold():
    clock.spawn(lambda: clock.sleep(3600), "another of the dead")
    clock.sleep(10)
    print("in its turn", flush=True)
    time.sleep(60)
clock.run(hold, name="doomed")
"""


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(START, horizon=timedelta(days=1))


@pytest.fixture
def server(clock: SimulatedClock) -> Iterator[ClockServer]:
    with serve_clock(clock) as server:
        yield server


@pytest.fixture
def one(server: ClockServer) -> Iterator[ServedClock]:
    with closing(ServedClock(server.address)) as clock:
        yield clock


@pytest.fixture
def other(server: ClockServer) -> Iterator[ServedClock]:
    with closing(ServedClock(server.address)) as clock:
        yield clock


@contextmanager
def another_process(script: str, server: ClockServer, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`script` at work, its first worker joined. Within a worker that keeps its turn meanwhile."""
    joined = server.joined
    command = [sys.executable, "-c", script, server.address, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            while server.joined == joined:
                assert process.poll() is None
                time.sleep(0.005)
            yield process
        finally:
            process.kill()


def test_workers_of_two_processes_take_turns_in_one_time(clock: SimulatedClock, server: ClockServer) -> None:
    here: list[float] = []

    def main() -> None:
        with another_process(_TICKER, server, "3", "4") as process:
            while process.poll() is None and clock.monotonic() < 100:
                here.append(clock.monotonic())
                clock.sleep(2)
            assert process.stdout is not None
            there.extend(float(line) for line in process.stdout)

    there: list[float] = []
    clock.run(main)
    assert there == [3, 6, 9, 12]
    assert here[:7] == [0, 2, 4, 6, 8, 10, 12]


def test_time_stands_while_another_process_has_the_turn(
    server: ClockServer, one: ServedClock, other: ServedClock
) -> None:
    seen: list[tuple[str, float]] = []

    def busy() -> None:
        one.sleep(1)
        seen.append(("begins", one.monotonic()))
        time.sleep(0.2)
        seen.append(("ends", one.monotonic()))

    def waiter() -> None:
        other.sleep(1.5)
        seen.append(("wakes", other.monotonic()))

    def main() -> None:
        there = threading.Thread(target=lambda: other.run(waiter))
        there.start()
        while server.joined < 2:
            time.sleep(0.005)
        busy()
        one.sleep(5)
        there.join()

    one.run(main)
    assert seen == [("begins", 1), ("ends", 1), ("wakes", 1.5)]


def test_a_killed_process_is_let_go_with_all_its_workers(clock: SimulatedClock, server: ClockServer) -> None:
    def main() -> float:
        with another_process(_HOLDER, server) as process:
            assert process.stdout is not None
            killer = threading.Thread(target=lambda: (process.stdout.readline(), process.kill()))
            killer.start()
            clock.sleep(20)
            killer.join()
            assert process.wait() == -signal.SIGKILL
        while server.guests:
            time.sleep(0.005)
        clock.sleep(10)
        return clock.monotonic()

    # Its workers' alarms are gone with it: time has not waited for the one after an hour.
    assert clock.run(main) == 30


def test_what_a_killed_process_has_sent_last_lands_in_its_own_turn(
    clock: SimulatedClock, server: ClockServer
) -> None:
    def main() -> float:
        with another_process(_HOLDER, server) as process:
            killed: list[float] = []

            def kill() -> None:
                assert process.stdout is not None
                process.stdout.readline()
                killed.append(time.perf_counter())
                process.kill()

            killer = threading.Thread(target=kill)
            killer.start()
            clock.sleep(20)
            killer.join()
            return time.perf_counter() - killed[0]

    assert clock.run(main) >= 0.05


def test_a_thread_that_is_no_worker_reads_the_time_that_another_process_has_reached(
    one: ServedClock, other: ServedClock
) -> None:
    one.run(lambda: one.sleep(90))
    assert other.monotonic() == 90
    assert other.now() == START + timedelta(seconds=90)


def test_a_signal_that_a_thread_sets_on_behalf_of_another_process_wakes_at_that_moment(
    clock: SimulatedClock, server: ClockServer, other: ServedClock
) -> None:
    """As when a request from one process makes a server thread of another wake its worker."""
    signal_there = other.signal()
    woken: list[float] = []

    def main() -> None:
        there = threading.Thread(
            target=lambda: other.run(lambda: (signal_there.wait(), woken.append(other.monotonic())))
        )
        there.start()
        while not server.joined:
            time.sleep(0.005)
        clock.sleep(7)
        requested = threading.Thread(target=signal_there.set)
        requested.start()
        requested.join()
        clock.sleep(50)
        there.join()

    clock.run(main)
    assert woken == [7]


def test_a_clock_whose_server_goes_away_ends_the_wait(server: ClockServer, one: ServedClock) -> None:
    def main() -> None:
        threading.Timer(0.1, server.close).start()
        one.signal().wait()

    with pytest.raises(ClockError, match="gone"):
        one.run(main)


def test_a_clock_that_is_not_there_is_named() -> None:
    with pytest.raises(ClockError, match=r"127\.0\.0\.1:1 "):
        ServedClock("127.0.0.1:1")
    with pytest.raises(ClockError, match="host:port"):
        ServedClock("noon")


def test_a_process_takes_the_clock_that_its_environment_names(
    server: ClockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(clock_of_this_process(), SystemClock)
    monkeypatch.setenv(ADDRESS_VARIABLE, server.address)
    clock = clock_of_this_process()
    assert isinstance(clock, ServedClock)
    with closing(clock):
        assert clock.now() == START


def test_a_worker_of_another_process_that_keeps_its_turn_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    with (
        serve_clock(SimulatedClock(START, watchdog_s=0.2)) as server,
        closing(ServedClock(server.address)) as clock,
    ):
        clock.run(lambda: time.sleep(1.0), name="sleepyhead")
    assert "'sleepyhead' keeps its turn" in capfd.readouterr().err
