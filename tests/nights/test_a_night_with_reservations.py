"""Nights in which somebody has reserved a rig: it gives way a margin before, and goes on after."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from capture.night.farm import Farm
from simulators import Observatory
from tests.capture.night.test_reservations import calendar, event
from tests.nights.harness import live, settings
from tests.nights.test_a_disturbed_night import DUSK, NEEDS, held

START, END = DUSK + timedelta(minutes=58), DUSK + timedelta(hours=4)


def _ics(when: datetime) -> str:
    return when.strftime("%Y%m%dT%H%M%SZ")


@pytest.mark.parametrize("known_before", [True, False])
def test_a_reserved_rig_exposes_nothing_from_the_margin_on_and_goes_on_afterwards(
    tmp_path: Path, known_before: bool
) -> None:
    file = tmp_path / "reservations" / "T1.ics"
    file.parent.mkdir()

    def reserve() -> None:
        file.write_text(calendar(event(start=_ics(START), end=_ics(END))))

    def reserve_late(farm: Farm, observatory: Observatory) -> None:
        farm.clock.sleep_until(START - timedelta(minutes=1))
        reserve()

    if known_before:
        reserve()
    night = live(
        tmp_path,
        settings(),
        meanwhile=None if known_before else reserve_late,
        change=lambda text: text + '[reservations]\nfolder = "reservations"\n',
    )
    margin = timedelta(minutes=5 if known_before else 0) - timedelta(seconds=1)
    exposed = {n: night.commands(f"camera/{n}", "startexposure") for n in (0, 1)}
    assert [time for time in exposed[0] if START - margin < time < END] == []
    assert any(time > END for time in exposed[0])
    assert any(START - margin < time < END for time in exposed[1]), "the other rig works on"
    aborts = night.commands("camera/0", "abortexposure")
    assert bool(aborts) != known_before, "an exposure is begun only if there is time"
    assert held(night) == NEEDS
