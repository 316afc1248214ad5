"""`nightcal demo --web`: the demonstration's farm to look at and to play with in a browser."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from capture.cli.console import console
from capture.cli.demo import CONFIG, FULL, MARKER, NIGHT, SHORT, between_twilights, make_room, observe
from capture.cli.options import with_farm
from capture.clock import Pace, SimulatedClock
from capture.config import parse_config
from capture.journal import Journal, Listener
from capture.members.accounts import create, generated_password
from capture.members.roles import Role
from capture.night.control import Control
from capture.night.farm import Farm
from capture.night.scheduler import serve_nights, service_of
from capture.web.server import page_beside
from simulators import Observatory, demo_settings, serve

# Half an hour before the rigs get ready for dusk.
_START = datetime.combine(NIGHT, time(23, 0), UTC)
_WEB = """
[web]
port = {port}
"""
_NIGHTS = 365


def run_demo_web(
    folder: Path, seed: int, size_px: int, rate: float, port: int, *, short: bool, printer: Listener
) -> None:
    """Live night after night, at most `rate` times faster than life, until Ctrl-C. Raises Stopped."""
    make_room(folder)
    # Time may be held for as long as somebody likes.
    clock = SimulatedClock(_START, horizon=None, watchdog_s=1e9)
    observatory = Observatory(
        clock, demo_settings(seed=seed, width_px=size_px, height_px=size_px, night=NIGHT)
    )
    with serve(observatory) as server:
        text = CONFIG.format(server=server.address, **(SHORT if short else FULL)) + _WEB.format(port=port)
        (folder / MARKER).write_text(text, encoding="utf-8")
        config = parse_config(text, folder / MARKER)
        journal = Journal(clock)
        journal.listen(printer)
        console.print(f"A farm on {config.site.name}, simulated; time runs at most {rate:g} times faster")
        with_farm(config, clock, journal, lambda farm: _live(farm, journal, rate))


def _live(farm: Farm, journal: Journal, rate: float) -> None:
    clock = farm.clock
    pace = Pace(clock, rate, over=lambda: farm.stopping is not None)
    service = service_of(farm, journal)
    _make_accounts(farm)
    with Control(service, journal), page_beside(farm.config, farm.archive, journal, pace):
        clock.spawn(pace.live, "pace", rank=-1)
        clock.spawn(lambda: _observers(farm), "observers", rank=50)
        serve_nights(farm, journal, service=service)


def _make_accounts(farm: Farm) -> None:
    """An account of each role; what they open is a simulated roof."""
    accounts, now = farm.archive.catalogue.accounts, farm.clock.now()
    for role in (Role.MEMBER, Role.OPERATOR, Role.ADMIN):
        password = generated_password()
        create(accounts, role.word, role, now, password)
        console.print(f"sign in as {role.word} with the password {password}")


def _observers(farm: Farm) -> None:
    night = NIGHT
    while farm.stopping is None and (night - NIGHT).days < _NIGHTS:
        observe(farm.guard, between_twilights(farm.config, night), farm.clock)
        night += timedelta(days=1)
