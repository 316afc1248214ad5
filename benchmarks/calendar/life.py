"""Nights of one place on a stepping clock: the service runs them, a script of disturbances befalls them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.calendar.places import Place, config_of, open_roof, settings_of
from benchmarks.calendar.stepping import SteppingClock, WorldClock
from capture.config import Config
from capture.errors import Stopped
from capture.journal import Entry, Journal
from capture.night.farm import Farm, open_farm
from capture.night.scheduler import serve_nights
from simulators import Observatory, serve


@dataclass(frozen=True)
class Step:
    """At a true time the machine's clock is set wrong by `wrong`, or right; or the machine sleeps."""

    at: datetime
    wrong: timedelta | None = None
    asleep: timedelta | None = None


@dataclass(frozen=True)
class Served:
    """One life of the service, from a true time to another."""

    start: datetime
    end: datetime


@dataclass
class Told:
    """What the service has said, each with the seconds of the machine's monotonic count, by life."""

    lives: list[list[tuple[float, Entry]]] = field(default_factory=list)

    def said(self, *kinds: str) -> list[str]:
        return [entry.text for life in self.lives for _, entry in life if entry.kind in kinds]


def live(
    place: Place,
    folder: Path,
    clock: SteppingClock,
    lives: Sequence[Served],
    steps: Sequence[Step] = (),
    *,
    east_deg: float = 0.0,
    deviate: Callable[[Farm], None] = lambda _: None,
    seed: int = 1,
) -> Told:
    """Let the service live its lives, one after the other; `deviate` may spoil each farm. Its archive stays.

    The simulators live by the true time; the service by the machine's.
    """
    told = Told()
    observatory = Observatory(WorldClock(clock), settings_of(place, seed))
    open_roof(observatory)
    with serve(observatory) as server:
        config = config_of(place, server.address, folder, east_deg=east_deg)

        def all_lives() -> None:
            for served in lives:
                _until(clock, served.start)
                mine = [step for step in steps if served.start <= step.at < served.end]
                _one_life(config, clock, served, mine, told, deviate)

        clock.run(all_lives)
    return told


def _one_life(
    config: Config,
    clock: SteppingClock,
    served: Served,
    steps: Sequence[Step],
    told: Told,
    deviate: Callable[[Farm], None],
) -> None:
    said: list[tuple[float, Entry]] = []
    told.lives.append(said)
    journal = Journal(clock)
    journal.listen(lambda entry: said.append((clock.monotonic(), entry)))
    with open_farm(config, clock, journal) as farm:
        deviate(farm)
        fate = clock.spawn(lambda: _befall(farm, clock, steps, served.end), "fate", rank=60)
        with suppress(Stopped):
            serve_nights(farm, journal)
        fate.join()


def _befall(farm: Farm, clock: SteppingClock, steps: Sequence[Step], end: datetime) -> None:
    for step in steps:
        _until(clock, step.at)
        if step.wrong is not None:
            clock.set_wrong(step.wrong)
        if step.asleep is not None:
            clock.fall_asleep(step.asleep)
    _until(clock, end)
    farm.stop("this life of the service ends")


def _until(clock: SteppingClock, world: datetime) -> None:
    while (left_s := (world - clock.world()).total_seconds()) > 0:
        clock.sleep(left_s)
