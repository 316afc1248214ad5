"""Flats by the panel in the closed-dome night: lit only while no neighbour needs darkness, never left on."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from pathlib import Path

from capture.frame import Kind
from capture.night.farm import Farm
from simulators import Observatory
from simulators.device import Command
from tests.nights.harness import Night, live, settings
from tests.nights.test_a_disturbed_night import DUSK, NEEDS, held

PANEL = 'name = "T1"\npanel = {{ filters = ["L", "Ha"] }}'


def with_panel(text: str) -> str:
    return text.replace('name = "T1"', PANEL.replace("{{", "{").replace("}}", "}"))


def lit(night: Night) -> list[tuple[Command, Command]]:
    """Every lighting of T1's panel, with its end."""
    log = [c for c in night.observatory.command_log if c.device == "covercalibrator/0"]
    calls = [c for c in log if c.member in ("calibratoron", "calibratoroff")]
    return [(one, other) for one, other in pairwise(calls) if one.member == "calibratoron"]


def test_the_panel_takes_its_filters_and_the_sky_the_others(tmp_path: Path) -> None:
    night = live(tmp_path, settings(), change=with_panel)
    assert held(night) == NEEDS
    flats = [frame for frame in night.frames if frame.rig == "T1" and frame.kind is Kind.FLAT]
    assert {frame.spec.filter for frame in flats if frame.facts.roof_shut} == {"L", "Ha"}
    assert {frame.spec.filter for frame in flats if not frame.facts.roof_shut} == {"G"}
    assert {master.spec.filter for master in night.result.masters if master.spec.kind is Kind.FLAT} >= {
        "L", "Ha",
    }  # fmt: skip
    on = lit(night)
    assert on
    neighbours = [
        c.time
        for c in night.observatory.command_log
        if c.device == "camera/1" and c.member == "startexposure" and c.parameters["Light"] == "False"
    ]
    for begin, end in on:
        assert not [time for time in neighbours if begin.time <= time <= end.time]
    assert night.observatory.world.rigs[0].panel.target == 0


def test_a_stop_puts_the_panel_out(tmp_path: Path) -> None:
    def stop_when_lit(farm: Farm, observatory: Observatory) -> None:
        while observatory.world.rigs[0].panel.target == 0:
            farm.clock.sleep(1.0)
        farm.stop("stopped by the test")

    night = live(tmp_path, settings(), meanwhile=stop_when_lit, change=with_panel)
    assert night.result.stopped
    ((begin, end),) = [one for one in lit(night) if one[1].member == "calibratoroff"]
    assert end.time - begin.time < timedelta(seconds=10)
    assert end.time > DUSK
    assert night.observatory.world.rigs[0].panel.target == 0
    assert night.observatory.world.rigs[0].cover.target == 0
