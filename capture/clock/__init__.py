"""Time: the only room that reads a clock or sleeps.

One Clock is handed to everything. SystemClock is the machine's. SimulatedClock jumps to the next deadline
when every registered worker waits, so that a night passes in seconds and no exposure is ever shortened.
ServedClock is a simulated clock that lives in another process (`serve_clock`).

A *worker* is a thread that the clock knows. In simulated time exactly one worker has the turn; time, an
integer of microseconds, moves only when nobody has it, to the earliest alarm; equal alarms go by
(time, rank, order of asking). What a worker does within its turn, HTTP included, costs no simulated time.
A plain lock, Event or queue held across a wait would freeze time: use the clock's Signal and Queue.
"""

from capture.clock.base import Clock, Queue, QueueClosed, Signal, Worker
from capture.clock.paced import Pace
from capture.clock.served import ADDRESS_VARIABLE, ServedClock, clock_of_this_process
from capture.clock.server import ClockServer, serve_clock
from capture.clock.simulated import SimulatedClock
from capture.clock.system import SystemClock, stopwatch

__all__ = [
    "ADDRESS_VARIABLE",
    "Clock",
    "ClockServer",
    "Pace",
    "Queue",
    "QueueClosed",
    "ServedClock",
    "Signal",
    "SimulatedClock",
    "SystemClock",
    "Worker",
    "clock_of_this_process",
    "serve_clock",
    "stopwatch",
]
