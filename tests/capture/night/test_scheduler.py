"""When nights begin: by the Sun, once each, whatever the hour at which the service starts."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from capture.clock import SimulatedClock, SystemClock
from capture.config import parse_config
from capture.errors import Stopped
from capture.journal import Entry, Journal
from capture.night.farm import open_farm
from capture.night.scheduler import SunTrigger, due, next_start, serve_nights, start_of
from capture.site import Site
from capture.store.lights import LightRow, LightState
from simulators import Observatory, serve
from tests.capture.library.lights import write_light
from tests.nights.harness import AFTERNOON, CONFIG, NIGHT, settings

NEW_MEXICO = Site("New Mexico", 32.9, -105.5, 2225.0, "America/Denver")
POLE = Site("Pole", 88.0, 20.0, 0.0, "Europe/Oslo")


def test_a_night_begins_before_its_dusk_early_enough_to_cool_down() -> None:
    start = start_of(NEW_MEXICO, NIGHT, 0.0)
    assert (
        timedelta(minutes=35) < datetime(2026, 11, 21, 23, 53, 14, tzinfo=UTC) - start < timedelta(minutes=45)
    )


def test_a_service_started_at_any_hour_takes_up_the_night_that_is_under_way() -> None:
    start = start_of(NEW_MEXICO, NIGHT, 0.0)
    assert due(NEW_MEXICO, start - timedelta(minutes=1), None, 0.0) is None
    assert due(NEW_MEXICO, start, None, 0.0) == NIGHT
    assert due(NEW_MEXICO, start + timedelta(hours=9), None, 0.0) == NIGHT
    assert due(NEW_MEXICO, start + timedelta(hours=9), NIGHT, 0.0) is None


def test_every_night_of_a_year_begins_exactly_once() -> None:
    now, begun = datetime(2026, 1, 1, 20, 0, tzinfo=UTC), []
    done: date | None = None
    while len(begun) < 365:
        night = due(NEW_MEXICO, now, done, 0.0)
        if night is not None:
            begun.append(night)
            done = night
        now = next_start(NEW_MEXICO, now, 0.0)
    assert begun == [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]


def test_where_darks_are_taken_by_day_a_night_begins_at_its_noon_and_once() -> None:
    noon = NEW_MEXICO.night_span(NIGHT).start
    assert start_of(NEW_MEXICO, NIGHT, 90.0) == noon
    assert next_start(NEW_MEXICO, noon, 90.0) == noon + timedelta(days=1)
    assert due(NEW_MEXICO, noon, NIGHT - timedelta(days=1), 90.0) == NIGHT


def test_lights_that_come_while_the_service_runs_are_taken_in(tmp_path: Path) -> None:
    clock = SimulatedClock(AFTERNOON - timedelta(hours=3))
    with serve(Observatory(clock, settings())) as server:
        text = CONFIG.format(server=server.address) + '[lights]\nfolder = "lights"\n'
        config = parse_config(text, tmp_path / "nightcal.toml")
        write_light(tmp_path / "lights" / "jdoe" / "x.fits", TELESCOP=config.rig[0].name)
        journal = Journal(clock)

        def body() -> list[LightRow]:
            with open_farm(config, clock, journal) as farm:
                serve_nights(farm, journal, until=clock.now() + timedelta(minutes=2))
                return farm.archive.catalogue.lights.all()

        (row,) = clock.run(body)
    assert (row.light.owner, row.state) == ("jdoe", LightState.WAITING)
    assert "there is no master dark" in row.reason


def test_a_polar_night_begins_at_noon_since_it_has_darks_to_take() -> None:
    night = date(2026, 12, 21)
    assert start_of(POLE, night, 0.0) == POLE.night_span(night).start


def test_the_trigger_fires_at_the_next_start_and_never_twice_for_one_night() -> None:
    trigger = SunTrigger(NEW_MEXICO, 0.0)
    first = trigger.get_next_fire_time(None, AFTERNOON)
    assert first == start_of(NEW_MEXICO, NIGHT, 0.0)
    second = trigger.get_next_fire_time(first, first - timedelta(seconds=5))
    assert second == start_of(NEW_MEXICO, NIGHT + timedelta(days=1), 0.0)


def test_two_simulated_nights_in_service_take_everything_once(tmp_path: Path) -> None:
    clock = SimulatedClock(AFTERNOON, horizon=timedelta(days=4))
    entries: list[Entry] = []

    def service() -> Counter[str]:
        journal = Journal(clock)
        journal.listen(entries.append)
        with open_farm(config, clock, journal) as farm:
            serve_nights(farm, journal, until=AFTERNOON + timedelta(days=2))
            frames = farm.archive.catalogue.frames(good=True)
            return Counter(str(frame.spec.set_key()) for frame in frames)

    with serve(Observatory(clock, settings())) as server:
        config = parse_config(CONFIG.format(server=server.address), tmp_path / "nightcal.toml")
        held = clock.run(service)
    assert held["bias"] == 12
    assert held["flat L"] == 4
    for rig in ("T1", "T2"):
        begun = [e.text for e in entries if (e.source, e.kind) == (rig, "night") and "begins" in e.text]
        assert begun == ["the night of 2026-11-21 begins", "the night of 2026-11-22 begins"]


def test_on_the_machines_clock_the_service_rests_by_day_and_stops_at_once(tmp_path: Path) -> None:
    clock = SystemClock()
    # Where it is early afternoon now: the night before is over.
    east_h = 13 - clock.now().hour
    place = f"latitude_deg = 0, longitude_deg = {(east_h * 15 + 180) % 360 - 180}, elevation_m = 0"
    text = f"""
        site = {{name = "x", {place}, time_zone = "Etc/GMT{-east_h:+d}"}}
        storage = {{folder = "{tmp_path}/data"}}
        [[rig]]
        name = "T1"
        camera = "127.0.0.1:9/0"
    """
    config = parse_config(text, tmp_path / "nightcal.toml")
    entries: list[Entry] = []
    stopped: list[float] = []

    def service() -> None:
        journal = Journal(clock)
        journal.listen(entries.append)
        with open_farm(config, clock, journal) as farm:

            def stop() -> None:
                while not any("the next night begins at" in entry.text for entry in entries):
                    clock.sleep(0.05)
                stopped.append(clock.monotonic())
                farm.stop("stopped by the test")

            clock.spawn(stop, "operator")
            serve_nights(farm, journal)

    with pytest.raises(Stopped):
        clock.run(service)
    # By itself it would rest for five hours.
    assert clock.monotonic() - stopped[0] < 60
