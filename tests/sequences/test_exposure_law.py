"""How long to expose under a sky that changes meanwhile."""

from __future__ import annotations

from math import exp, expm1, log

import numpy as np
import pytest

from sequences.exposure_law import exposure_s, mean_log_rate


@pytest.mark.parametrize("per_s", [-0.005, -1e-12, 0.0, 0.004])
def test_the_exposure_collects_the_target_from_a_changing_sky(per_s: float) -> None:
    rate, shutter_error_s = 2000.0, 0.02
    needed_s = float(exposure_s(30000.0, log(rate), per_s, shutter_error_s))
    steps = 20000
    open_s = needed_s + shutter_error_s
    collected = sum(rate * exp(per_s * open_s * (n + 0.5) / steps) for n in range(steps)) * open_s / steps
    assert collected == pytest.approx(30000.0, rel=1e-6)


def test_a_sky_that_fades_too_fast_never_gives_the_target() -> None:
    assert exposure_s(30000.0, log(100.0), -0.005, 0.0) == float("inf")


def test_many_moments_are_asked_at_once() -> None:
    needed_s = exposure_s(30000.0, np.log([1000.0, 100.0]), np.array([0.0, -0.005]), 0.0)
    assert needed_s.tolist() == [pytest.approx(30.0), float("inf")]


@pytest.mark.parametrize("change", [-0.6, -0.01, 0.3])
def test_the_mean_rate_of_a_frame_is_that_of_an_exponential(change: float) -> None:
    open_s = 20.0
    mean = log(1500.0 * expm1(change) / change)
    assert float(mean_log_rate(log(1500.0), change / open_s, open_s)) == pytest.approx(mean, abs=1e-5)
