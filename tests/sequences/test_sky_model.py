"""The model of the twilight sky: what it learns from frames, and the exposure that follows."""

from __future__ import annotations

from math import exp, log

import pytest

from sequences.sky_model import SkyModel, exposure_for, log_rate_of, shape, shape_slope_per_deg


def test_a_clear_twilight_fades_by_more_than_one_in_ln_per_degree_once_the_sun_is_down() -> None:
    assert shape(-4.0) - shape(-5.0) == pytest.approx(1.15, abs=0.08)
    assert shape_slope_per_deg(3.0) < 0.1


def test_one_frame_of_one_filter_tells_the_level_of_all() -> None:
    model = SkyModel(["L", "R", "Ha"])
    model.advance(0.0, -4.0)
    _, before = model.log_rate("R")
    model.learn("L", log(4000.0), 0.01)
    rate, sigma = model.log_rate("L")
    assert rate == pytest.approx(log(4000.0), abs=0.01)
    assert sigma < 0.02
    assert model.log_rate("R")[1] < before / 2
    assert model.log_rate("R")[0] < rate
    assert model.log_rate("Ha")[0] < model.log_rate("R")[0]


def test_two_frames_teach_how_fast_this_twilight_fades() -> None:
    model = SkyModel(["V"])
    steeper = 1.1
    for minute in range(12):
        altitude_deg = -3.0 - 0.2 * minute
        model.advance(60.0 * minute, altitude_deg)
        model.learn("V", 9.0 + steeper * (shape(altitude_deg) - shape(-3.0)), 0.005)
    rate, _ = model.log_rate("V", -6.0)
    assert rate == pytest.approx(9.0 + steeper * (shape(-6.0) - shape(-3.0)), abs=0.02)


def test_a_saturated_frame_only_raises_the_expected_rate() -> None:
    model = SkyModel(["V"])
    model.advance(0.0, -4.0)
    expected, _ = model.log_rate("V")
    model.learn_bound("V", expected + 2, brighter=True)
    raised, _ = model.log_rate("V")
    assert raised > expected + 1
    model.learn_bound("V", expected - 2, brighter=True)
    assert model.log_rate("V")[0] == raised


def test_an_unknown_filter_is_less_certain_than_a_usual_one() -> None:
    model = SkyModel(["L", "Moonbeam"])
    model.advance(0.0, -4.0)
    assert model.log_rate("Moonbeam")[1] > model.log_rate("L")[1]


@pytest.mark.parametrize("per_s", [-0.005, -1e-12, 0.0, 0.004])
def test_the_exposure_collects_the_target_from_a_changing_sky(per_s: float) -> None:
    rate, shutter_error_s = 2000.0, 0.02
    exposure_s = exposure_for(30000.0, log(rate), per_s, shutter_error_s)
    steps = 20000
    open_s = exposure_s + shutter_error_s
    collected = sum(rate * exp(per_s * open_s * (n + 0.5) / steps) for n in range(steps)) * open_s / steps
    assert collected == pytest.approx(30000.0, rel=1e-6)


def test_a_sky_that_fades_too_fast_never_gives_the_target() -> None:
    assert exposure_for(30000.0, log(100.0), -0.005, 0.0) == float("inf")


def test_the_mean_rate_of_a_frame_is_the_rate_at_its_middle() -> None:
    per_s, exposure_s = -0.005, 20.0
    level = 1500.0 * (1 - exp(per_s * exposure_s)) / -per_s
    assert log_rate_of(level, exposure_s) == pytest.approx(log(1500.0) + per_s * exposure_s / 2, abs=5e-4)
