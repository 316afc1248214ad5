"""The live line of a terminal: what each rig does, the countdown of its exposure, and when the run ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from rich.console import Console
from rich.live import Live
from rich.text import Text

from capture.clock import Clock
from capture.guard.client import RoofState
from capture.night.farm import Farm
from capture.night.run import Progress
from capture.rig.patience import Activity

_REFRESHES_PER_S = 4


@contextmanager
def live_line(farms: Sequence[Farm], clock: Clock, console: Console) -> Iterator[None]:
    """Within this block the terminal's last line tells what `farms` do; nothing where there is no terminal.

    `farms` may be filled later. Rich's own thread reads what the workers have set, and asks no device.
    """
    if not console.is_terminal:
        yield
        return
    with Live(_Line(farms, clock), console=console, refresh_per_second=_REFRESHES_PER_S, transient=True):
        yield


class _Line:
    def __init__(self, farms: Sequence[Farm], clock: Clock) -> None:
        self._farms = farms
        self._clock = clock

    def __rich__(self) -> Text:
        now, ticks = self._clock.now(), self._clock.monotonic()
        parts = [f"{now:%H:%M:%S}"]
        for farm in list(self._farms):
            for name, runner in farm.runners.items():
                parts.append(describe(name, runner.progress, runner.rig.patience.activity, now, ticks))
            roof = farm.guard.report().roof
            if roof in (RoofState.OPENING, RoofState.CLOSING):
                parts.append(f"the roof is {roof}")
        text = "  |  ".join(part for part in parts if part)
        return Text(text, style="reverse", no_wrap=True, overflow="ellipsis")


def describe(
    rig: str, progress: Progress | None, activity: Activity | None, now: datetime, ticks: float
) -> str:
    """`T1 darks 3/10, ends about 05:12 UTC (in 42:10): an exposure of 600 s, 8:12 left`; empty when idle.

    `ticks`: the monotonic time now.
    """
    words = rig
    if progress is not None:
        left_s = (progress.ends - now).total_seconds()
        words += f" {progress.sequence} {progress} (in {_duration(left_s)})"
    if activity is None:
        return words if progress is not None else ""
    words += f": {activity.what}"
    if activity.until is None:
        return f"{words}, {_duration(ticks - activity.since)} so far"
    if ticks > activity.until:
        return f"{words}, done any moment"
    return f"{words}, {_duration(activity.until - ticks)} left"


def _duration(seconds: float) -> str:
    """`8:05`, `1:00:00`."""
    minutes, second = divmod(max(0, round(seconds)), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
