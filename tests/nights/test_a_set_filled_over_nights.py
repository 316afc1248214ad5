"""A set that no night has the time for: twenty darks of ten minutes over three short closed nights."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from capture.clock import SimulatedClock
from capture.config import Config, parse_config
from capture.frame import Kind
from capture.journal import Entry, Journal
from capture.night.farm import Farm, open_farm
from capture.night.scheduler import serve_nights
from capture.store.rows import FrameRow, MasterRow
from simulators import Observatory, serve
from simulators.device import Command
from tests.capture.night.test_reservations import calendar, event
from tests.nights.harness import AFTERNOON, CONFIG, settings

# What all look at is lived once.
pytestmark = pytest.mark.xdist_group("a set filled over nights")

EXPOSURE = timedelta(seconds=600)
# The dark hours begin at 00:43 UTC on 2026-11-22. Two nights end early for members; the third does not.
DAY = timedelta(days=1)
RESERVED = (datetime(2026, 11, 22, 2, 20, tzinfo=UTC), datetime(2026, 11, 23, 4, 0, tzinfo=UTC))
OPEN = (datetime(2026, 11, 23, 1, 30, tzinfo=UTC), datetime(2026, 11, 23, 2, 40, tzinfo=UTC))
MARGIN = timedelta(minutes=5)


def config_of(server: str, folder: Path) -> Config:
    text = CONFIG.format(server=server).replace('mode = "operate"', 'mode = "observe"')
    text = re.sub(r'\[\[rig\]\]\nname = "T2".*?(?=\[masters\])', "", text, flags=re.DOTALL)
    text = re.sub(r"flats = .*", "flats = { count = 0 }", text)
    text = re.sub(r"bias = .*", "bias = { count = 0 }", text)
    text = re.sub(r"darks = .*", "darks = { count = 20, exposures_s = [600] }", text)
    return parse_config(text + '[reservations]\nfolder = "reservations"\n', folder / "nightcal.toml")


class Nights:
    """What came of three nights."""

    def __init__(self, folder: Path) -> None:
        clock = SimulatedClock(AFTERNOON, horizon=timedelta(days=5))
        self.observatory = Observatory(clock, settings())
        self.entries: list[Entry] = []
        self.frames: list[FrameRow] = []
        self.masters: list[MasterRow] = []
        whole = calendar(*(event(start=_ics(start), end=_ics(start.replace(hour=14))) for start in RESERVED))
        (folder / "reservations").mkdir()
        (folder / "reservations" / "T1.ics").write_text(whole)
        with serve(self.observatory) as server:
            config = config_of(server.address, folder)
            clock.run(lambda: self._live(config, clock))

    def _live(self, config: Config, clock: SimulatedClock) -> None:
        journal = Journal(clock)
        journal.listen(self.entries.append)
        with open_farm(config, clock, journal) as farm:
            beside = clock.spawn(lambda: self._others_open_the_roof(farm), "others", rank=60)
            serve_nights(farm, journal, until=AFTERNOON + 3 * DAY - timedelta(hours=1))
            beside.join()
            self.frames = farm.archive.catalogue.frames(kind=Kind.DARK)
            self.masters = farm.archive.catalogue.masters()

    def _others_open_the_roof(self, farm: Farm) -> None:
        dome = self.observatory.devices["dome", 0]
        for when, member in zip(OPEN, ("openshutter", "closeshutter"), strict=True):
            farm.clock.sleep_until(when)
            dome.call("put", member, {})

    def commands(self, member: str) -> list[Command]:
        return [c for c in self.observatory.command_log if (c.device, c.member) == ("camera/0", member)]


def _ics(when: datetime) -> str:
    return when.strftime("%Y%m%dT%H%M%SZ")


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Nights:
    return Nights(tmp_path_factory.mktemp("nights"))


def test_it_becomes_whole_with_nothing_taken_twice_and_becomes_one_master(nights: Nights) -> None:
    good = [frame for frame in nights.frames if frame.good]
    assert len(good) == len(nights.frames) == 20
    by_night = [sum(frame.night == night for frame in good) for night in sorted({f.night for f in good})]
    assert len(by_night) == 3
    assert all(by_night)
    assert all(later.taken - earlier.taken >= EXPOSURE for earlier, later in pairwise(good))
    begun = [c for c in nights.commands("startexposure") if float(c.parameters["Duration"]) == 600.0]
    assert len(begun) == 21, "one more was begun, which the roof ended"
    newest = max(nights.masters, key=lambda master: master.built)
    assert len(newest.inputs) == 20


@pytest.mark.parametrize("reserved", RESERVED)
def test_a_night_is_filled_up_to_a_reservation_and_no_exposure_has_to_be_ended_for_it(
    nights: Nights, reserved: datetime
) -> None:
    ends = reserved - MARGIN
    night = [c.time for c in nights.commands("startexposure") if ends - DAY / 2 < c.time < reserved + DAY / 4]
    assert max(night) < ends
    longest = [f.taken + EXPOSURE for f in nights.frames if ends - DAY / 2 < f.taken < ends]
    assert timedelta(0) < ends - max(longest) < EXPOSURE + timedelta(minutes=2)
    assert [c for c in nights.commands("abortexposure") if abs(c.time - ends) < timedelta(minutes=15)] == []


def test_an_opening_roof_ends_the_exposure_within_one_poll_and_a_shut_one_begins_anew(nights: Nights) -> None:
    (abort,) = nights.commands("abortexposure")
    assert timedelta(0) < abort.time - OPEN[0] <= timedelta(seconds=5.5)
    started = [command.time for command in nights.commands("startexposure")]
    assert [time for time in started if OPEN[0] < time < OPEN[1]] == []
    assert any(OPEN[1] < time < OPEN[1] + timedelta(minutes=5) for time in started)
