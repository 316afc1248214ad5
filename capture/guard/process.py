"""The guard as a process of its own: no database, no images, no web; it lives while all else may die."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue

from capture.clock import Clock, clock_of_this_process
from capture.device_locks import holding
from capture.errors import BadInput, DeviceError, NightcalError
from capture.guard.client import Report
from capture.guard.door import Door
from capture.guard.guard import Guard
from capture.guard.own_config import GuardsConfig, load_guards_config
from capture.guard.wiring import guarding
from capture.journal import Entry, Journal
from capture.notify import notify

_LOOKS_EVERY_S = 5.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def main(arguments: list[str] | None = None) -> int:
    """Guard until SIGTERM or Ctrl-C, then shut the roof where it is ours.

    Exit status: 2 for a config that is not whole. No device keeps it from starting.
    """
    parser = argparse.ArgumentParser(prog="nightcal guard", description="Guard the roof of one site.")
    parser.add_argument(
        "-c", "--config", type=Path, default=Path("nightcal.toml"), help="the TOML config file"
    )
    parser.add_argument("--json", action="store_true", help="print JSON lines instead of text")
    options = parser.parse_args(arguments)
    try:
        config = load_guards_config(options.config)
        if config.roof is None or config.guard is None:
            lacks = "[roof]: there is nothing to guard" if config.roof is None else "[guard]"
            raise BadInput(f"{options.config} has no section {lacks}; see docs/config.md")
        guard_roof(config, clock_of_this_process(), _print_json if options.json else _print_line)
    except NightcalError as error:
        with suppress(OSError):
            print(f"nightcal: {error}", file=sys.stderr)
        return 2 if isinstance(error, BadInput) else 3 if isinstance(error, DeviceError) else 1
    return 0


def guard_roof(config: GuardsConfig, clock: Clock, printer: Callable[[Entry], None]) -> None:
    """Guard the roof of `config`, which has `[roof]` and `[guard]`, until a signal. On the main thread.

    Raises BadInput when another guards it.
    """
    roof, section = config.roof, config.guard
    assert roof is not None
    assert section is not None
    journal = Journal(clock)
    journal.listen(printer)
    mounts = {rig.name: rig.telescope for rig in config.rig if rig.telescope}
    over = clock.signal()

    def body() -> None:
        with (
            holding([f"dome {roof.dome}"], clock.now()),
            guarding(roof, mounts, config.timeouts, clock, journal, section.folder) as guard,
        ):
            with Door(guard, section.folder, journal):
                journal.say("roof", "guard", f"guarding the roof at {roof.dome}, mode {roof.mode}")
                _tell_of_latched(guard, journal)
                notify(READY=1)
                heard = None
                # A guard that has died ends its process: whoever started that sees it and starts another.
                while not (over.is_set() or guard.ended.is_set()):
                    report = guard.report()
                    # One that hangs makes no new report; it is then ended from outside.
                    if report.time != heard:
                        heard = report.time
                        notify(WATCHDOG=1, STATUS=f"the roof is {report.roof}, {_safety(report)}")
                    over.wait(_LOOKS_EVERY_S)
            notify(STOPPING=1)
            journal.say("roof", "guard", "the guard ends; it shuts the roof first where it is ours")

    with _on_signal(over.set):
        clock.run(body, "guard's main")


def _safety(report: Report) -> str:
    return "safe" if report.safe else f"not safe: {'; '.join(report.reasons)}"


def _tell_of_latched(guard: Guard, journal: Journal) -> None:
    if guard.fault is not None:
        journal.say(
            "roof", "alarm", f"the roof stays shut: {guard.fault}. Look at it, then `nightcal guard reset`."
        )


@contextmanager
def _on_signal(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` on a thread of its own: a handler interrupts the main thread with locks in its hand."""
    asked: SimpleQueue[bool] = SimpleQueue()

    def watch() -> None:
        if asked.get():
            stop()

    before = {number: signal.signal(number, lambda *_: asked.put(True)) for number in _SIGNALS}
    threading.Thread(target=watch, name="stop signals", daemon=True).start()
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        asked.put(False)


def _print_line(entry: Entry) -> None:
    print(f"{entry.time:%H:%M:%S}  {entry.source:<8} {entry.text}", flush=True)


def _print_json(entry: Entry) -> None:
    line = {"time": entry.time.isoformat(), "source": entry.source, "kind": entry.kind, "text": entry.text}
    print(json.dumps(line | entry.data, default=str), flush=True)
