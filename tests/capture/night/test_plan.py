"""The plan: a pure function of needs, what is held, and the night."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from capture.config import Config, RigConfig, parse_config
from capture.errors import BadInput
from capture.frame import FrameSpec, Kind
from capture.night.needs import needs_of
from capture.night.plan import due, next_change, plan_rig
from capture.site import Site
from capture.store.needs import Missing, Need

NIGHT = date(2026, 11, 21)
SITE = Site("New Mexico", 32.9, -105.5, 2225.0, "America/Denver")
WHEEL = ("L", "R", "Ha")


@pytest.fixture
def rig(tmp_path) -> RigConfig:
    text = """
        site = {name = "x", latitude_deg = 32.9, longitude_deg = -105.5, elevation_m = 0, time_zone = "UTC"}
        storage = {folder = "data"}
        [[rig]]
        name = "T1"
        camera = "127.0.0.1:11111/0"
    """
    config: Config = parse_config(text, tmp_path / "nightcal.toml")
    return config.rig[0]


def spec_of(kind: Kind, exposure_s: float, filter_name: str | None) -> FrameSpec:
    return FrameSpec(kind, exposure_s, filter_name)


def everything_missing(rig: RigConfig) -> list[Missing]:
    return [Missing(need, 0) for need in needs_of(rig, WHEEL, spec_of)]


def test_needs_are_bias_the_standard_darks_and_a_flat_set_for_every_filter(rig: RigConfig) -> None:
    needs = needs_of(rig, WHEEL, spec_of)
    assert [str(need.spec) for need in needs] == [
        "bias", "dark 60 s", "dark 120 s", "dark 180 s", "dark 240 s", "dark 300 s", "dark 600 s",
        "flat L", "flat R", "flat Ha",
    ]  # fmt: skip
    assert [need.count for need in needs] == [20] + [10] * 9


def test_a_filter_that_the_wheel_lacks_is_refused_by_section_and_name(rig: RigConfig) -> None:
    flats = rig.flats.model_copy(update={"filters": ("L", "Lum")})
    with pytest.raises(BadInput, match=r'\[rig "T1".flats\] wants the filter .Lum., but the wheel has L'):
        needs_of(rig.model_copy(update={"flats": flats}), WHEEL, spec_of)


def test_a_full_night_is_dusk_then_bias_and_darks_then_dawn(rig: RigConfig) -> None:
    blocks = {block.key: block for block in plan_rig(SITE, NIGHT, rig, everything_missing(rig)).blocks}
    assert set(blocks) == {"dusk", "dawn", "bias", "darks"}
    assert blocks["dusk"].window.end == blocks["darks"].window.start
    assert blocks["darks"].window.end == blocks["dawn"].window.start
    assert blocks["darks"].frames == 60
    assert blocks["darks"].exposure_total_s == 10 * 1500


def test_half_of_every_flat_set_is_left_to_dawn_and_dawn_takes_all_that_is_missing(rig: RigConfig) -> None:
    blocks = {block.key: block for block in plan_rig(SITE, NIGHT, rig, everything_missing(rig)).blocks}
    assert [want.count for want in blocks["dusk"].wants] == [5, 5, 5]
    assert [want.count for want in blocks["dawn"].wants] == [10, 10, 10]


def test_what_is_held_is_not_planned_again(rig: RigConfig) -> None:
    missing = [Missing(Need("T1", FrameSpec(Kind.DARK, 300.0), 10, 30.0), 7)]
    blocks = plan_rig(SITE, NIGHT, rig, missing).blocks
    assert [(block.key, block.frames) for block in blocks] == [("darks", 3)]
    assert plan_rig(SITE, NIGHT, rig, []).blocks == ()


def test_another_rigs_needs_do_not_enter(rig: RigConfig) -> None:
    assert plan_rig(SITE, NIGHT, rig, [Missing(Need("T2", FrameSpec(Kind.BIAS), 20, 90.0), 0)]).blocks == ()


def test_due_follows_the_windows_and_leaves_out_what_is_finished(rig: RigConfig) -> None:
    plan = plan_rig(SITE, NIGHT, rig, everything_missing(rig))
    blocks = {block.key: block for block in plan.blocks}
    noon = SITE.night_span(NIGHT).start
    assert due(plan, noon, set()) is None
    assert next_change(plan, noon, set()) == blocks["dusk"].window.start
    assert due(plan, blocks["dusk"].window.start, set()) is blocks["dusk"]
    midnight = blocks["darks"].window.start + timedelta(hours=4)
    assert due(plan, midnight, set()) is blocks["bias"]
    assert due(plan, midnight, {"bias"}) is blocks["darks"]
    assert due(plan, midnight, {"bias", "darks"}) is None
    assert next_change(plan, midnight, set()) == blocks["dawn"].window.start
    assert next_change(plan, blocks["dawn"].window.end, set()) is None


def test_a_northern_midsummer_night_has_notes_instead_of_windows(rig: RigConfig) -> None:
    north = Site("North", 70.0, 20.0, 0.0, "Europe/Oslo")
    plan = plan_rig(north, date(2026, 6, 21), rig, everything_missing(rig))
    assert plan.blocks == ()
    assert any("no dusk at North" in note for note in plan.notes)
    assert any("no darkness" in note for note in plan.notes)


def test_a_polar_night_still_takes_darks(rig: RigConfig) -> None:
    pole = Site("Pole", 85.0, 20.0, 0.0, "UTC")
    plan = plan_rig(pole, date(2026, 12, 21), rig, everything_missing(rig))
    assert [block.key for block in plan.blocks] == ["bias", "darks"]
