"""Services on several machines with one catalogue: a rig is worked with by one of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from capture.clock import SimulatedClock
from capture.config import parse_config
from capture.errors import BadInput, Stopped
from capture.journal import Entry, Journal
from capture.night.farm import Farm, open_farm
from capture.store.catalogue import Catalogue
from tests.capture.store.postgresql import Server

pytestmark = pytest.mark.xdist_group("postgresql")
CONFIG = """
[site]
name = "Test Ridge"
latitude_deg = 32.9
longitude_deg = -105.5
elevation_m = 2225
time_zone = "America/Denver"
[storage]
folder = "archive"
database = "{database}"
[[rig]]
name = "T1"
camera = "127.0.0.1:1/0"
[[rig]]
name = "T2"
camera = "127.0.0.1:1/1"
"""
MINUTE = timedelta(minutes=1)


class Machine:
    """This machine, on a catalogue where another one has leases, too."""

    def __init__(self, url: str, folder: Path, clock: SimulatedClock) -> None:
        self.url, self.clock, self.entries = url, clock, list[Entry]()
        self._config = parse_config(CONFIG.format(database=url), folder / "nightcal.toml")

    def works(self, body: Callable[[Farm], None] = lambda _: None) -> None:
        journal = Journal(self.clock)
        journal.listen(self.entries.append)

        def main() -> None:
            with open_farm(self._config, self.clock, journal) as farm:
                body(farm)

        self.clock.run(main)

    def another_takes(self, rig: str) -> bool:
        catalogue = Catalogue(self.url)
        try:
            return catalogue.leases.take(rig, "other-host", self.clock.now(), 5 * MINUTE) is not None
        finally:
            catalogue.close()


@pytest.fixture
def machine(postgresql: Server, tmp_path: Path, clock: SimulatedClock) -> Machine:
    return Machine(postgresql.new_database(), tmp_path, clock)


def test_a_rig_that_another_machine_works_with_is_refused_in_one_sentence(machine: Machine) -> None:
    assert machine.another_takes("T2")
    with pytest.raises(BadInput, match=r"^T2 is worked with by another machine, other-host, until \d\d:\d\d"):
        machine.works()
    assert machine.another_takes("T1"), "what was taken on the way is given back"


def test_a_rig_stays_this_machines_while_it_works_and_is_free_afterwards(machine: Machine) -> None:
    def body(farm: Farm) -> None:
        for _ in range(3):
            machine.clock.sleep(400)
            assert not machine.another_takes("T1")

    machine.works(body)
    assert machine.another_takes("T1")


def test_who_has_lost_a_rig_to_another_machine_ends_its_work(machine: Machine) -> None:
    def body(farm: Farm) -> None:
        later = machine.clock.now() + 10 * MINUTE
        # As if this one had been asleep for so long.
        assert farm.archive.catalogue.leases.take("T1", "other-host", later, 5 * MINUTE) is not None
        machine.clock.sleep(70)
        with pytest.raises(Stopped, match="T1 is worked with by another machine"):
            farm.rest_for(1)

    machine.works(body)
    assert any("this one ends its work" in e.text for e in machine.entries if e.kind == "alarm")
