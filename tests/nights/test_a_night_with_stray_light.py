"""Nights in which light reaches cameras under the shut roof: seen, set aside, told, and made up for."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from capture.frame import Kind
from capture.night.farm import Farm
from capture.store.archive import Archive
from simulators import Observatory
from simulators.settings import RoofSettings
from tests.nights.harness import SITE, live, settings
from tests.nights.test_a_disturbed_night import DUSK, NEEDS, held


def test_a_roof_that_lets_twilight_in_puts_the_darks_off_until_it_is_dark(tmp_path: Path) -> None:
    night = live(tmp_path, replace(settings(), roof=RoofSettings(leak=1.0)))
    darks = [frame for frame in night.frames if frame.rig == "T1" and frame.kind is Kind.DARK]
    rejected = [frame for frame in darks if not frame.good]
    assert rejected
    assert all("stray light" in str(frame.verdict) for frame in rejected)
    assert max(frame.facts.sun_altitude_deg for frame in darks if frame.good) < -12.5
    assert any("stray light" in text and "look at the roof" in text for text in night.said("alarm"))
    assert held(night) == NEEDS


def test_what_was_taken_since_the_last_good_probe_is_set_aside_and_taken_again(tmp_path: Path) -> None:
    lit = DUSK + timedelta(hours=1, minutes=12)

    def light_the_panel(farm: Farm, observatory: Observatory) -> None:
        panel = observatory.devices["covercalibrator", 0]
        farm.clock.sleep_until(lit)
        panel.call("put", "calibratoron", {"Brightness": "1"})
        farm.clock.sleep(600)
        panel.call("put", "calibratoroff", {})

    night = live(tmp_path, settings(), meanwhile=light_the_panel)
    clock = night.observatory.clock
    archive = Archive(night.folder, SITE, clock)
    try:
        aside = {one.frame: one for one in archive.catalogue.quarantine.all()}
    finally:
        archive.close()
    bad = [frame for frame in night.frames if frame.rig == "T1" and not frame.good]
    assert any(frame.id not in aside and "stray light" in str(frame.verdict) for frame in bad), "what it saw"
    spoilt = [frame for frame in bad if frame.id in aside]
    assert spoilt
    assert all(frame.taken < lit and "set aside" in str(frame.verdict) for frame in spoilt)
    assert {one.who for one in aside.values()} == {"the light-leak sentinel"}
    assert all((night.folder / frame.path).exists() for frame in bad), "nothing is deleted"
    assert f"{len(spoilt)} frames since" in " ".join(night.said("alarm"))
    assert held(night) == NEEDS
    inputs = {number for master in night.result.masters for number in master.inputs}
    assert inputs.isdisjoint(aside)


def by_day(text: str) -> str:
    return text.replace("exposures_s = [60, 300]", "by_day = true, exposures_s = [60, 300]")


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lived")
    night = live(folder, settings(), change=lambda text: by_day(text).replace("by_day = true, ", ""))
    assert held(night) == NEEDS
    archive = Archive(night.folder, SITE, night.observatory.clock)
    try:
        longer = [frame for frame in archive.catalogue.frames(rig="T1") if frame.spec.exposure_s == 300.0]
        archive.catalogue.quarantine.set_aside(
            "T1", (Kind.DARK,), longer[2].taken, night.ended, "a test", "lost"
        )
    finally:
        archive.close()
    return folder


@pytest.fixture
def short_of_three(lived: Path, tmp_path: Path) -> Path:
    """The folder of a night whose library has lost three of T1's darks of 300 s; its masters tell enough."""
    shutil.copytree(lived, tmp_path, dirs_exist_ok=True)
    return tmp_path


# A roof that is tight, and one that lets a millionth of the daylight in.
LEAKS = pytest.mark.parametrize(("leak", "fills"), [(1e-12, True), (1e-6, False)])


@LEAKS
@pytest.mark.xdist_group("short of three darks")
def test_after_dawn_darks_go_on_only_while_the_probes_are_dark(
    short_of_three: Path, leak: float, fills: bool
) -> None:
    after_dawn = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
    sky = replace(settings(), roof=RoofSettings(leak=leak))
    night = live(short_of_three, sky, start=after_dawn, change=by_day)
    assert (held(night) == NEEDS) == fills
    assert any("stray light" in text for text in night.said("alarm")) != fills


@LEAKS
@pytest.mark.xdist_group("short of three darks")
def test_before_dusk_darks_begin_only_while_the_probes_are_dark_and_the_night_takes_the_rest(
    short_of_three: Path, leak: float, fills: bool
) -> None:
    noon = datetime(2026, 11, 21, 19, 0, tzinfo=UTC)
    sky = replace(settings(), roof=RoofSettings(leak=leak))
    night = live(short_of_three, sky, start=noon, change=by_day)
    assert held(night) == NEEDS
    darks = [f for f in night.frames if f.rig == "T1" and f.kind is Kind.DARK and f.good]
    assert [frame.spec.exposure_s for frame in darks if frame.taken < DUSK] == ([300.0] * 3 if fills else [])
    assert any("stray light" in text for text in night.said("alarm")) != fills
