"""The plan: a pure function of needs, what is held, and the night."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from capture.config import Config, RigConfig, parse_config
from capture.errors import BadInput
from capture.frame import FrameSpec, Kind
from capture.night.needs import needs_of
from capture.night.plan import RigPlan, SkyKnown, due, next_change, plan_rig
from capture.night.twilight import Limits, Pace
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
    missing = everything_missing(rig)
    blocks = {block.key: block for block in plan_rig(SITE, NIGHT, rig, missing).blocks}
    assert [want.count for want in blocks["dusk"].wants] == [5, 5, 5]
    assert [want.count for want in blocks["dawn"].wants] == [5, 5, 5]
    late = plan_rig(SITE, NIGHT, rig, missing, now=blocks["dusk"].window.end)
    flats = [block for block in late.blocks if block.sequence == "sky_flats"]
    assert [block.key for block in flats] == ["dawn"]
    assert [want.count for want in flats[0].wants] == [10, 10, 10]


def flat(name: str) -> FrameSpec:
    return FrameSpec(Kind.FLAT, filter=name)


def lacking(name: str, have: int, stale_days: float | None, count: int = 10) -> Missing:
    since = None if stale_days is None else SITE.night_span(NIGHT).start - timedelta(days=stale_days)
    return Missing(Need("T1", flat(name), count, 14.0), have, since)


def dusk_order(plan: RigPlan) -> list[tuple[str | None, int]]:
    return [(want.spec.filter, want.count) for want in plan.blocks[0].wants]


def test_flats_go_from_the_stalest_on_those_never_held_first(rig: RigConfig) -> None:
    missing = [lacking("R", 0, 1.0), lacking("G", 6, None), lacking("B", 0, 8.0), lacking("L", 2, None)]
    plan = plan_rig(SITE, NIGHT, rig, missing)
    assert [name for name, _ in dusk_order(plan)] == ["L", "B", "R"]
    assert [want.spec.filter for want in plan.blocks[1].wants] == ["L", "G", "B", "R"]


def test_darks_go_from_the_stalest_on_those_never_whole_first_from_the_shortest(rig: RigConfig) -> None:
    darks = {m.need.spec.exposure_s: m for m in everything_missing(rig) if m.need.spec.kind is Kind.DARK}
    noon = SITE.night_span(NIGHT).start
    missing = [
        replace(darks[60.0], stale_since=noon - timedelta(days=1)), darks[600.0], darks[300.0],
        replace(darks[120.0], stale_since=noon - timedelta(days=9)),
    ]  # fmt: skip
    (block,) = [b for b in plan_rig(SITE, NIGHT, rig, missing).blocks if b.sequence == "darks"]
    assert [want.spec.exposure_s for want in block.wants] == [300.0, 600.0, 120.0, 60.0]


def test_by_day_darks_begin_at_noon_and_what_is_left_of_them_follows_dawn(rig: RigConfig) -> None:
    assert not [b for b in plan_rig(SITE, NIGHT, rig, everything_missing(rig)).blocks if b.by_day]
    by_day = rig.model_copy(update={"darks": rig.darks.model_copy(update={"by_day": True})})
    blocks = {b.key: b for b in plan_rig(SITE, NIGHT, by_day, everything_missing(rig)).blocks}
    day = blocks["darks by day"]
    assert (day.window.start, day.window.end) == (blocks["dawn"].window.end, SITE.night_span(NIGHT).end)
    assert day.wants == blocks["darks"].wants
    early = blocks["darks before dusk"]
    assert (early.window.start, early.window.end) == (
        SITE.night_span(NIGHT).start,
        blocks["dusk"].window.start,
    )
    assert early.by_day
    assert early.wants == day.wants


def test_what_an_operator_ordered_comes_first_and_whole_at_dusk(rig: RigConfig) -> None:
    missing = [lacking("R", 0, None), lacking("L", 5, 3.0)]
    ordered = [lacking("L", 0, None, count=3), lacking("Ha", 0, None, count=4)]
    plan = plan_rig(SITE, NIGHT, rig, missing, ordered=ordered)
    # L is due as well, with more than was ordered: one set of the larger count, never both.
    assert dusk_order(plan) == [("L", 5), ("Ha", 4), ("R", 5)]


class Dim:
    """A sky that only Ha can use, and that for a few frames of 60 s."""

    def log_rate(self, spec: FrameSpec, sun_altitude_deg):
        return 10.3 + 1.15 * sun_altitude_deg + {"Ha": 0.0, "SII": 0.0, "L": 60.0}[spec.filter or ""]


def test_flats_that_the_night_has_no_room_for_are_left_to_the_coming_nights(rig: RigConfig) -> None:
    sky = SkyKnown(Dim(), Limits(30000.0, 20.0, 60.0), Pace(120.0, 10.0))
    missing = [lacking("SII", 0, 1.0), lacking("Ha", 0, 2.0), lacking("L", 0, 3.0)]
    plan = plan_rig(SITE, NIGHT, rig, missing, sky=sky)
    taken: dict[str | None, int] = {}
    for block in plan.blocks:
        for want in block.wants:
            taken[want.spec.filter] = taken.get(want.spec.filter, 0) + want.count
    left = {want.spec.filter: want.count for want in plan.left}
    # L has no exposure at all by what is known; it is offered, as what is known may be wrong.
    assert taken["L"] == 10
    assert taken["Ha"] > taken.get("SII", 0)
    assert taken.get("SII", 0) + left["SII"] == 10
    predicted = {one.spec.filter for block in plan.blocks for one in block.predicted}
    assert predicted == {name for name in ("Ha", "SII") if name in taken}


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
