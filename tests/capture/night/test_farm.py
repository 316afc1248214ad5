"""The farm: what it opens is as the config says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from capture.clock import SimulatedClock
from capture.config import parse_config
from capture.errors import DeviceTimeout
from capture.journal import Entry, Journal
from capture.night.farm import Farm, open_farm
from simulators import Fault, Observatory, Server
from tests.conftest import TWO_RIGS

TIMEOUTS = '[timeouts]\nread_s = 3\n[timeouts.at."{server}/0"]\nread_s = 4\n'


@pytest.mark.parametrize(
    ("device", "member", "within"),
    [
        ("camera/0", "cameraxsize", "4 s"),
        ("filterwheel/0", "names", "4 s"),
        ("telescope/0", "canslewaltazasync", "4 s"),
        ("covercalibrator/1", "connected", "3 s"),
        ("camera/1", "cameraxsize", "3 s"),
    ],
)
def test_a_rigs_devices_keep_to_the_timeouts_of_the_config(
    device: str,
    member: str,
    within: str,
    clock: SimulatedClock,
    observatory: Observatory,
    served: Server,
    tmp_path: Path,
) -> None:
    def connect(farm: Farm) -> None:
        observatory.faults.add(Fault(device, member, "hang"))
        with pytest.raises(DeviceTimeout, match=f"did not answer GET {member} within {within}"):
            farm.rigs["T1" if device.endswith("0") else "T2"].connect()

    within_a_farm(connect, clock, served, tmp_path)


@pytest.mark.parametrize(("device", "member"), [("dome/0", "shutterstatus"), ("safetymonitor/0", "issafe")])
def test_the_guard_waits_for_no_device_longer_than_its_promise_allows(
    device: str, member: str, clock: SimulatedClock, observatory: Observatory, served: Server, tmp_path: Path
) -> None:
    def wait(farm: Farm) -> None:
        observatory.faults.add(Fault(device, member, "hang"))
        clock.sleep(60)

    entries = within_a_farm(wait, clock, served, tmp_path)
    assert any(f"did not answer GET {member} within 2 s" in entry.text for entry in entries)


def within_a_farm(
    work: Callable[[Farm], None], clock: SimulatedClock, served: Server, folder: Path
) -> list[Entry]:
    """Do `work` with a farm of two rigs; return what the journal said."""
    text = (TWO_RIGS + TIMEOUTS).format(server=served.address)
    config = parse_config(text, folder / "nightcal.toml")
    journal = Journal(clock)
    entries: list[Entry] = []
    journal.listen(entries.append)

    def live() -> None:
        with open_farm(config, clock, journal) as farm:
            try:
                work(farm)
            finally:
                served.observatory.faults.clear()

    clock.run(live)
    return entries
