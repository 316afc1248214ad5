"""`python -m simulators`: the demo's observatory over Alpaca, in real time or faster, for any program."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import SimpleQueue

from capture.clock import ADDRESS_VARIABLE, Clock, SystemClock, clock_of_this_process
from capture.errors import ClockError
from simulators.demo import demo_settings
from simulators.discovery import DISCOVERY_PORT, Responder
from simulators.faults import Fault, read_faults
from simulators.observatory import Observatory
from simulators.server import serve

_LOCAL = timedelta(hours=-7)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no date and time such as 2026-11-21T23:30:00"
        ) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value <= 100_000:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and at most 100000")
    return value


def _faults(name: str) -> list[Fault]:
    try:
        return read_faults(Path(name).read_bytes())
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{name}: {error.strerror}") from None
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{name}: {error}") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m simulators",
        description="Serve a simulated observatory over ASCOM Alpaca.",
        epilog=f"{ADDRESS_VARIABLE}=HOST:PORT: live by that simulated clock, whatever --rate and --start.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=11_111, help="0 takes a free one (default %(default)s)")
    parser.add_argument("--rate", type=_positive, default=1.0, help="seconds per real second (default 1)")
    parser.add_argument("--seed", type=int, default=1, help="another sky and other sensors (default 1)")
    parser.add_argument("--start", type=_moment, help="the time to begin at, ISO, UTC (default: now)")
    parser.add_argument("--size", type=int, default=1024, help="pixels along a sensor's side (default 1024)")
    parser.add_argument("--platform", type=int, choices=(6, 7), default=7, help="ASCOM Platform (default 7)")
    parser.add_argument(
        "--faults", type=_faults, default=[], metavar="FILE.json", help="faults, see simulators/faults.py"
    )
    parser.add_argument("--discovery", action="store_true", help=f"answer on UDP {DISCOVERY_PORT}")
    return parser


def _clock(options: argparse.Namespace) -> Clock:
    """The simulated clock that the environment names, else the machine's. Raises ClockError."""
    if os.environ.get(ADDRESS_VARIABLE):
        return clock_of_this_process()
    return SystemClock(rate=options.rate, start=options.start)


def main(arguments: list[str] | None = None) -> int:
    """Serve until Ctrl-C or SIGTERM; return the exit status, 2 for bad input."""
    options = _parser().parse_args(arguments)
    if options.seed < 0 or not 16 <= options.size <= 10_000 or not 0 <= options.port <= 65_535:
        print("--seed must not be negative, --size be 16 to 10000, --port 0 to 65535.", file=sys.stderr)
        return 2
    try:
        clock = _clock(options)
    except ClockError as error:
        print(f"{error}.", file=sys.stderr)
        return 2
    # The night's script hangs on the local noon before now, so that any start sees the demo's weather.
    night = (clock.now() + _LOCAL - timedelta(hours=12)).date()
    demo = demo_settings(options.seed, options.size, options.size, night)
    observatory = Observatory(clock, replace(demo, platform=options.platform, faults=tuple(options.faults)))
    # Of all ways to wait only this one may be ended from a signal handler without a risk of deadlock.
    signals: SimpleQueue[int] = SimpleQueue()
    with ExitStack() as stack:
        try:
            server = stack.enter_context(serve(observatory, options.host, options.port))
        except OSError as error:
            where = f"{options.host}:{options.port}"
            print(f"cannot listen on {where}: {error.strerror}; choose another --port.", file=sys.stderr)
            return 2
        if options.discovery:
            try:
                stack.enter_context(Responder(server.port, options.host))
            except OSError as error:
                print(f"cannot answer discovery on UDP {DISCOVERY_PORT}: {error.strerror}.", file=sys.stderr)
                return 2
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda number, _: signals.put(number))
        pace = "simulated time" if clock.jumps else f"rate {options.rate:g}"
        print(f"Alpaca server on {server.address}, {clock.now():%Y-%m-%d %H:%M:%S} UTC, {pace}")
        for device in observatory.devices.values():
            print(f"  {device.address:22} {device.name}")
        for fault in observatory.faults.list():
            print(f"  fault: {fault.kind} at {fault.device} {fault.member} from call {fault.after} on")
        sys.stdout.flush()
        signals.get()
    print("ended")
    return 0


if __name__ == "__main__":
    sys.exit(main())
