"""The model of the twilight sky: what it learns from frames, and how sure it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import exp, log

import numpy as np
import pytest

from capture.site import Window
from sequences.sky_model import SkyModel, SkyPrior, shape
from sequences.sun_track import SunTrack

START = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)
START_S = START.timestamp()
DEG_PER_S = 12 / 3600


def setting_sun(when: datetime) -> float:
    return -2.0 - DEG_PER_S * (when - START).total_seconds()


SUN = SunTrack(Window(START, START + timedelta(minutes=45)), setting_sun)


def sky_model(*filters: str, shutter_sigma_s: float = 0.0) -> SkyModel:
    return SkyModel(filters, SUN, START_S, SkyPrior(shutter_sigma_s=shutter_sigma_s))


def teach(model: SkyModel, filter_name: str, after_s: float, exposure_s: float, rate: float) -> None:
    """Show a frame of a sky that holds its rate while the shutter is open."""
    model.learn(filter_name, START_S + after_s, exposure_s, rate * exposure_s)


def test_a_clear_twilight_fades_by_more_than_one_in_ln_per_degree_once_the_sun_is_down() -> None:
    assert float(shape(-4.0) - shape(-5.0)) == pytest.approx(1.15, abs=0.08)
    assert float(shape(3.0) - shape(2.0)) < 0.2
    assert float(shape(-11.0) - shape(-12.0)) < 0.95


def test_one_frame_of_one_filter_tells_the_level_of_all() -> None:
    model = sky_model("L", "R", "Ha")
    before = model.log_rate("R", START_S).sigma
    teach(model, "L", 0.0, 2.0, 4000.0)
    seen, other, faint = (model.log_rate(name, START_S + 2) for name in ("L", "R", "Ha"))
    assert seen.mean == pytest.approx(log(4000.0), abs=0.02)
    assert seen.sigma < 0.1
    assert other.sigma < before / 2
    assert faint.mean < other.mean < seen.mean


def test_frames_teach_how_fast_this_twilight_fades() -> None:
    model = sky_model("V")
    steeper, slope = 1.15, {}
    for second in range(0, 720, 30):
        middle_deg = setting_sun(START + timedelta(seconds=second + 1))
        teach(model, "V", second, 2.0, exp(9.0 + steeper * float(shape(middle_deg) - shape(-2.0))))
        later = model.log_rates(np.array([START_S + second + 2, START_S + second + 302]))[0]
        slope[second] = later[1] - later[0]
    fades = steeper * float(shape(-2 - 300 * DEG_PER_S - 690 * DEG_PER_S) - shape(-2 - 692 * DEG_PER_S))
    assert slope[690] == pytest.approx(fades, rel=0.04)
    assert slope[0] / slope[690] < 0.95


def test_a_saturated_frame_only_raises_the_expected_rate() -> None:
    model = sky_model("V")
    expected = model.log_rate("V", START_S).mean
    bound_adu = exp(expected + 2) * 2.0
    model.learn_bound("V", START_S, 2.0, bound_adu, brighter=True)
    raised = model.log_rate("V", START_S + 2).mean
    assert raised > expected + 2
    model.learn_bound("V", START_S + 3, 2.0, exp(expected - 8) * 2.0, brighter=True)
    assert model.log_rate("V", START_S + 5).mean == pytest.approx(raised, abs=0.05)


def test_an_unknown_filter_is_less_certain_than_a_usual_one() -> None:
    model = sky_model("L", "Moonbeam")
    assert model.log_rate("Moonbeam", START_S).sigma > model.log_rate("L", START_S).sigma
    assert model.throughput_sigma("Moonbeam") > 1.0


def test_under_a_restless_sky_it_is_less_sure_of_the_next_frame_than_under_a_calm_one() -> None:
    calm, restless = sky_model("V"), sky_model("V")
    for number in range(20):
        fade = float(shape(setting_sun(START + timedelta(seconds=15 * number + 1))))
        teach(calm, "V", 15 * number, 2.0, exp(9.0 + fade))
        teach(restless, "V", 15 * number, 2.0, exp(9.0 + fade + 0.1 * (-1) ** number))
    after_s = START_S + 20 * 15
    assert calm.foresee("V", after_s, 2.0).sigma < 0.02
    assert restless.foresee("V", after_s, 2.0).sigma > 0.08


def test_a_look_makes_it_surer_of_the_frame_after_it() -> None:
    model = sky_model("R")
    blind = model.foresee("R", START_S + 3, 5.0)
    looked = model.foresee("R", START_S + 3, 5.0, (START_S, 2.0))
    assert looked.sigma < blind.sigma / 10
    assert blind.chance(-50.0, 50.0) == pytest.approx(1.0)


def test_frames_of_different_exposures_show_the_shutter_s_error() -> None:
    model = sky_model("V", shutter_sigma_s=0.04)
    for number in range(24):
        exposure_s = (1.0, 20.0)[number % 2]
        middle_deg = setting_sun(START + timedelta(seconds=40 * number + exposure_s / 2))
        rate = exp(8.0 + float(shape(middle_deg)))
        model.learn("V", START_S + 40 * number, exposure_s, rate * (exposure_s + 0.05))
    assert model.shutter_error_s == pytest.approx(0.05, abs=0.02)


def test_a_level_that_may_be_off_teaches_less() -> None:
    exact, rough = sky_model("V"), sky_model("V")
    for model, sigma_ln in ((exact, 0.0), (rough, 0.3)):
        model.learn("V", START_S, 2.0, 8000.0, sigma_ln)
    assert rough.log_rate("V", START_S + 2).sigma > 3 * exact.log_rate("V", START_S + 2).sigma


@pytest.mark.parametrize("seed", [2, 6, 20, 28, 36, 37])
def test_under_broken_clouds_no_refuted_belief_makes_the_shutter_or_the_level_wild(seed: int) -> None:
    rng, cloud, rate = np.random.default_rng(seed), 0.0, 0.0
    model = sky_model("Ha", "SII", "L", shutter_sigma_s=0.04)
    for number in range(60):
        cloud = 0.92 * cloud + 0.1 * float(rng.standard_normal())
        middle_deg = setting_sun(START + timedelta(seconds=20 * number))
        rate = exp(11.0 + cloud + float(shape(middle_deg) - shape(-2.0)))
        seen = 1 + 0.002 * float(rng.standard_normal())
        model.learn(("Ha", "SII")[number % 7 > 3], START_S + 20 * number, 0.2, rate * 0.22 * seen)
        assert abs(model.shutter_error_s) < 0.08
    assert model.log_rate("Ha", START_S + 1200).mean == pytest.approx(log(rate), abs=0.15)
