"""Nights whose set point is out of reach: flats are taken, darks are not, and cooling is tried once more."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from capture.frame import FrameSpec, Kind
from capture.night.farm import Farm
from simulators import Observatory
from tests.capture.store.frames import make_frame
from tests.nights.harness import AFTERNOON, NIGHT, Night, live, settings
from tests.nights.test_a_disturbed_night import NEEDS, held

FLATS = {need: count for need, count in NEEDS.items() if need[0] == "T2" or "flat" in need[1]}


def at(celsius: float, folder: Path) -> Night:
    return live(folder, settings(), change=lambda text: text.replace("-10.0", str(celsius)))


def tries(night: Night) -> int:
    cooling = [entry.text for entry in night.entries if entry.source == "T1" and entry.kind == "cooling"]
    return sum(text.startswith("cooling to") for text in cooling)


def test_one_that_is_never_reached_costs_bias_and_darks_and_no_flat(tmp_path: Path) -> None:
    night = at(-60.0, tmp_path)
    assert night.result.failures == {}
    assert held(night) == FLATS
    assert not [f for f in night.frames if f.rig == "T1" and f.kind in (Kind.BIAS, Kind.DARK)]
    assert tries(night) == 2
    alarms = " ".join(night.said("alarm"))
    assert "the cooler cannot reach -60 C" in alarms
    assert "no bias and darks tonight; cooling has been tried twice" in alarms
    assert not night.observatory.camera(0).cooler.on


def test_one_that_the_colder_night_lets_it_reach_costs_nothing(tmp_path: Path) -> None:
    night = at(-28.5, tmp_path)
    assert "the cooler cannot reach -28.5 C" in " ".join(night.said("alarm"))
    assert tries(night) == 2
    assert held(night) == NEEDS
    darks = [frame for frame in night.frames if frame.rig == "T1" and frame.kind is Kind.DARK]
    assert min(frame.taken for frame in darks) > AFTERNOON + timedelta(hours=2)
    assert all(abs((frame.facts.ccd_temperature_c or 0.0) + 28.5) <= 0.5 for frame in darks)


def test_darks_of_lights_at_another_set_point_are_taken_there_and_those_out_of_reach_are_left(
    tmp_path: Path,
) -> None:
    def add_lights(farm: Farm, observatory: Observatory) -> None:
        for number, celsius in enumerate((-25.0, -70.0)):
            spec = FrameSpec(Kind.LIGHT, 200.0, "V", set_temperature_c=celsius)
            frame = make_frame(spec, rig="T2")
            frame = replace(frame, facts=replace(frame.facts, started=AFTERNOON - timedelta(days=3)))
            path = f"raw/light-{number}.fits"
            farm.archive.catalogue.add_frame(frame, run=None, night=NIGHT, path=path, sha256="0" * 64)

    night = live(tmp_path, settings(), meanwhile=add_lights)
    assert held(night) == {**NEEDS, ("T2", "light 200 s"): 2, ("T2", "dark 200 s"): 5}
    longer = [f for f in night.frames if f.rig == "T2" and f.spec.exposure_s == 200.0 and f.kind is Kind.DARK]
    assert {frame.spec.set_temperature_c for frame in longer} == {-25.0}
    assert all(abs((frame.facts.ccd_temperature_c or 0.0) + 25.0) <= 0.5 for frame in longer)
    assert any("cannot reach -70 C" in text and "are left" in text for text in night.said("alarm"))
    assert night.result.failures == {}
