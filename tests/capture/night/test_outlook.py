"""The coming nights from config and catalogue: orders, flat-darks, and what each night leaves to the next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from capture.config import RigConfig, parse_config
from capture.frame import CameraLimits, FrameSpec, Kind
from capture.night.needs import known_filters
from capture.night.outlook import ComingNight, coming_nights, ground_of, plan_on
from capture.night.plan import RigPlan
from capture.site import Site, Twilight
from capture.store.catalogue import Catalogue
from capture.store.orders import OrderedFlats
from tests.capture.night.twilights import LEVELS, add_bias, add_twilight
from tests.capture.store.frames import make_frame

SITE = Site("Ridge", 32.9, -105.5, 2225.0, "America/Denver")
NIGHT = date(2026, 11, 21)
NIGHTS = [NIGHT + timedelta(days=number) for number in range(4)]
NOON = SITE.night_span(NIGHT).start
CONFIG = """
    site = {name = "x", latitude_deg = 32.9, longitude_deg = -105.5, elevation_m = 0, time_zone = "UTC"}
    storage = {folder = "data"}
    [[rig]]
    name = "T1"
    camera = "127.0.0.1:11111/0"
"""


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    catalogue = Catalogue(tmp_path / "c.sqlite")
    yield catalogue
    catalogue.close()


def rig(lines: str = "") -> RigConfig:
    return parse_config(CONFIG + lines, Path("nightcal.toml")).rig[0]


def spec_of(kind: Kind, exposure_s: float, filter_name: str | None) -> FrameSpec:
    return FrameSpec(kind, exposure_s, filter_name)


def outlook(
    catalogue: Catalogue, config: RigConfig, wheel: tuple[str, ...] = ("L", "R")
) -> list[ComingNight]:
    ground = ground_of(catalogue, SITE, config, wheel, spec_of, NIGHTS, NOON)
    return coming_nights(ground, NIGHTS, NOON)


def counts(plan: RigPlan, *sequences: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for block in plan.blocks:
        if not sequences or block.sequence in sequences:
            for want in block.wants:
                found[str(want.spec)] = found.get(str(want.spec), 0) + want.count
    return found


def test_a_night_takes_nothing_that_the_night_before_it_takes(catalogue: Catalogue) -> None:
    first, second, *_ = outlook(catalogue, rig())
    assert counts(first.plan)["flat L"] == 10
    assert counts(second.plan) == {}
    assert second.missing == ()


@pytest.mark.parametrize(("hours_after_noon", "due"), [(9, True), (20, True), (27, False)])
def test_what_ages_out_before_the_night_is_over_is_due_from_its_dusk_on(
    catalogue: Catalogue, hours_after_noon: int, due: bool
) -> None:
    bias = catalogue.add_frame(
        make_frame(FrameSpec(Kind.BIAS), minutes=-3 * 1440),
        run=None,
        night=NIGHT,
        path="b.fits",
        sha256="0" * 64,
    )
    ages_out = NOON + timedelta(hours=hours_after_noon)
    max_age_days = (ages_out - bias.taken) / timedelta(days=1)
    config = rig(f"bias = {{count = 1, max_age_days = {max_age_days}}}")
    dusk = SITE.twilight(NIGHT, Twilight.DUSK, 0.0, -10.0).start
    ground = ground_of(catalogue, SITE, config, ("L",), spec_of, [NIGHT], dusk)
    assert ("bias" in counts(plan_on(ground, NIGHT, dusk))) == due


def test_what_was_just_taken_is_not_due_again_however_short_its_age(catalogue: Catalogue) -> None:
    add_bias(catalogue, NIGHT)
    bias = catalogue.newest("T1")
    assert bias is not None
    ground = ground_of(
        catalogue, SITE, rig("bias = {count = 1, max_age_days = 0.2}"), ("L",), spec_of, [NIGHT], bias.taken
    )
    assert "bias" not in counts(plan_on(ground, NIGHT, bias.taken))


def test_flats_beyond_a_twilights_room_go_to_the_coming_nights(catalogue: Catalogue) -> None:
    add_bias(catalogue, NIGHT)
    add_twilight(catalogue, SITE, NIGHT - timedelta(days=1), dict.fromkeys(LEVELS, 6))
    config = rig("flats = {count = 150, max_exposure_s = 10.0, min_exposure_s = 1.0}")
    nights = [one.plan for one in outlook(catalogue, config, ("L", "R", "Ha"))]
    taken = [counts(plan, "sky_flats") for plan in nights]
    assert 0 < sum(taken[0].values()) < 3 * 144
    assert {str(want.spec): want.count for want in nights[0].left} == {
        name: 144 - taken[0].get(name, 0)
        for name in ("flat L", "flat R", "flat Ha")
        if taken[0].get(name, 0) < 144
    }
    for name in ("flat L", "flat R", "flat Ha"):
        assert sum(night.get(name, 0) for night in taken) <= 144
    assert sum(sum(night.values()) for night in taken) == 3 * 144


def test_darks_beyond_the_nights_length_go_to_the_next_one(catalogue: Catalogue) -> None:
    config = rig("darks = {exposures_s = [600], count = 100}\nflats = {count = 0}\nbias = {count = 0}")
    taken = [counts(one.plan).get("dark 600 s", 0) for one in outlook(catalogue, config)]
    assert 60 < taken[0] < 75
    assert taken == [taken[0], 100 - taken[0], 0, 0]


def test_an_order_holds_for_its_night_only_and_names_what_the_wheel_lacks(catalogue: Catalogue) -> None:
    ordered = [OrderedFlats("R", 4), OrderedFlats("Hb", 5), OrderedFlats("L")]
    catalogue.told.set_order("T1", NIGHTS[1], ordered, NOON, "ann")
    first, second, third, _ = outlook(catalogue, rig("flats = {count = 3}"))
    assert counts(first.plan, "sky_flats") == {"flat L": 3, "flat R": 3}
    assert counts(second.plan, "sky_flats") == {"flat R": 4, "flat L": 3}
    assert counts(third.plan) == {}
    assert "ordered by ann: R x4, Hb x5, L" in second.plan.notes
    assert "Hb was ordered, but the wheel has L R" in second.plan.notes
    assert first.plan.notes == third.plan.notes == ()


def test_frames_taken_since_the_order_meet_it_and_those_before_it_do_not(catalogue: Catalogue) -> None:
    add_twilight(catalogue, SITE, NIGHT - timedelta(days=1), {"R": 10})
    add_twilight(catalogue, SITE, NIGHT, {"R": 3})
    catalogue.told.set_order("T1", NIGHT, [OrderedFlats("R", 5)], NOON, "ann")
    later = NOON + timedelta(hours=8)
    ground = ground_of(catalogue, SITE, rig("flats = {count = 5}"), ("R",), spec_of, (NIGHT,), later)
    assert counts(plan_on(ground, NIGHT, later), "sky_flats") == {"flat R": 2}


def test_flat_darks_are_needed_of_the_exposures_that_good_young_flats_had(catalogue: Catalogue) -> None:
    lines = "darks = {exposures_s = [60], count = 4}\nflats = {flat_darks = true, count = 0}"
    add_twilight(catalogue, SITE, NIGHT - timedelta(days=1), {"L": 2})
    add_twilight(catalogue, SITE, NIGHT - timedelta(days=1), {"R": 2}, reasons=("a cloud",))
    add_twilight(catalogue, SITE, NIGHT - timedelta(days=20), {"Ha": 2})
    exposures_s = {frame.spec.exposure_s for frame in catalogue.frames() if frame.spec.filter == "L"}
    assert len(exposures_s) == 2
    first, second, *_ = outlook(catalogue, rig(lines))
    wanted = {w.spec.exposure_s: w.count for b in first.plan.blocks if b.key == "darks" for w in b.wants}
    assert wanted == dict.fromkeys({*exposures_s, 60.0}, 4)
    assert counts(second.plan) == {}
    without = outlook(catalogue, rig(lines.replace("true", "false")))[0]
    assert counts(without.plan, "darks") == {"dark 60 s": 4}


LIGHT = FrameSpec(Kind.LIGHT, 900.0, "R", binning=2, gain=120, offset=9, readout_mode="Fast")


def add_light(catalogue: Catalogue, days_ago: float, spec: FrameSpec = LIGHT) -> None:
    frame = make_frame(spec)
    facts = replace(frame.facts, started=NOON - timedelta(days=days_ago))
    path = f"light {len(catalogue.paths())}"
    catalogue.add_frame(replace(frame, facts=facts), run=None, night=NIGHT, path=path, sha256="0" * 64)


def specs_wanted(catalogue: Catalogue, lines: str) -> dict[FrameSpec, int]:
    first, *_ = outlook(catalogue, rig("flats = {count = 0}\n" + lines))
    return {want.spec: want.count for block in first.plan.blocks for want in block.wants}


def test_darks_and_bias_are_needed_that_match_the_lights_of_the_last_weeks(catalogue: Catalogue) -> None:
    add_light(catalogue, 29)
    add_light(catalogue, 1)
    add_light(catalogue, 31, replace(LIGHT, exposure_s=450.0))
    add_light(
        catalogue, 1, replace(LIGHT, exposure_s=60.0, binning=1, gain=None, offset=None, readout_mode=None)
    )
    lines = "darks = {exposures_s = [60], count = 4}\nbias = {count = 3}"
    dark = replace(LIGHT, kind=Kind.DARK, filter=None)
    assert specs_wanted(catalogue, lines) == {
        FrameSpec(Kind.BIAS): 3,
        replace(dark, kind=Kind.BIAS, exposure_s=0.0): 3,
        FrameSpec(Kind.DARK, 60.0): 4,
        dark: 4,
    }
    for days, found in ((0, 1), (32, 3)):
        darks = specs_wanted(catalogue, lines.replace("count = 4", f"count = 4, lights_days = {days}"))
        assert len([spec for spec in darks if spec.kind is Kind.DARK]) == found


def test_lights_at_another_set_point_get_their_darks_there_last_and_not_by_day(catalogue: Catalogue) -> None:
    lines = "cooling = {set_temperature_c = -10}\ndarks = {exposures_s = [600], count = 1, by_day = true}\n"
    for temperature_c in (-20.0, -15.0, -10.0, None):
        add_light(catalogue, 1, replace(LIGHT, exposure_s=300.0, set_temperature_c=temperature_c))
    config = rig(lines + "flats = {count = 0}\nbias = {count = 0}")
    plan = plan_on(ground_of(catalogue, SITE, config, ("L",), spec_of, (NIGHT,), NOON), NIGHT, NOON)
    wants = {block.key: block.wants for block in plan.blocks}
    temperatures_c = [want.spec.set_temperature_c for want in wants["darks"]]
    assert temperatures_c[-2:] == [-15.0, -20.0]
    assert set(temperatures_c[:-2]) == {None, -10.0}
    assert wants["darks by day"] == wants["darks"][:-2]


def test_a_rigs_filters_are_those_of_flats_until_its_wheel_was_seen_and_then_the_wheels(
    catalogue: Catalogue,
) -> None:
    assert known_filters(rig(), catalogue) == ()
    frame = make_frame(FrameSpec(Kind.FLAT, 3.0, "OIII"))
    catalogue.add_frame(frame, run=None, night=NIGHT, path="a.fits", sha256="0" * 64)
    assert known_filters(rig(), catalogue) == ("OIII",)
    limits = CameraLimits(0.001, 3600.0, 4, None)
    catalogue.cameras.keep("T1", limits, ("L", "Ha"), NOON)
    assert known_filters(rig(), catalogue) == ("L", "Ha")


def test_a_filter_that_the_config_names_is_known_before_the_wheel_was_seen_with_it(
    catalogue: Catalogue,
) -> None:
    catalogue.cameras.keep("T1", CameraLimits(0.001, 3600.0, 4, None), ("L", "Ha"), NOON)
    assert known_filters(rig('flats.filters = ["Ha", "SII"]'), catalogue) == ("L", "Ha", "SII")
