"""The benchmark's true sky: its windows, its integrals, its independence."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from benchmarks.sky_flats.truth import Faults, Twilight, TwilightSpec
from simulators.settings import Veil

SPEC = TwilightSpec(seed=5, night=datetime(2026, 3, 20, tzinfo=UTC), setting=True)
CLOUDS = Veil(0.25, 240.0)


@pytest.mark.parametrize("latitude_deg", [0.0, 33.0, -33.0, 56.0])
@pytest.mark.parametrize("setting", [True, False])
def test_a_window_runs_from_just_above_the_horizon_to_night_or_back(
    latitude_deg: float, setting: bool
) -> None:
    twilight = Twilight(replace(SPEC, latitude_deg=latitude_deg, longitude_deg=77.0, setting=setting))
    ends = [twilight.sun_altitude_deg(twilight.when(t_s)) for t_s in (0.0, twilight.end_s)]
    assert ends[not setting] == pytest.approx(1.0, abs=0.05)
    assert ends[setting] == pytest.approx(-12.0, abs=0.05)


def test_in_a_northern_june_the_window_ends_when_the_sun_is_lowest() -> None:
    june = replace(SPEC, latitude_deg=60.0, night=datetime(2026, 6, 21, tzinfo=UTC))
    dusk, dawn = Twilight(june), Twilight(replace(june, setting=False))
    assert dusk.sun_altitude_deg(dusk.when(dusk.end_s)) == pytest.approx(-6.6, abs=0.1)
    assert abs((dawn.epoch - dusk.when(dusk.end_s)).total_seconds()) < 60


def test_where_the_sun_does_not_set_there_is_no_twilight() -> None:
    with pytest.raises(ValueError, match="no twilight"):
        Twilight(replace(SPEC, latitude_deg=80.0, night=datetime(2026, 6, 21, tzinfo=UTC)))


@pytest.mark.parametrize("veil", [None, CLOUDS])
def test_a_level_is_the_integral_of_the_rate(veil: Veil | None) -> None:
    twilight = Twilight(replace(SPEC, veil=veil))
    fine_s = np.linspace(700.3, 740.9, 20_001)
    rates = twilight.rate_adu_per_s("R", fine_s)
    expected = float(((rates[1:] + rates[:-1]) / 2).sum() * (fine_s[1] - fine_s[0]))
    assert twilight.level_adu("R", 700.3, 40.6) == pytest.approx(expected, rel=1e-6)


def test_without_clouds_the_sky_is_clear_and_with_them_it_is_not() -> None:
    times_s = np.arange(0, 2000.0, 10)
    bare, veiled = Twilight(SPEC), Twilight(replace(SPEC, veil=CLOUDS))
    clear = veiled.clear_rate_adu_per_s("L", times_s)
    assert np.allclose(bare.rate_adu_per_s("L", times_s), clear, rtol=1e-12)
    ratio = np.log(veiled.rate_adu_per_s("L", times_s) / clear)
    assert 0.1 < ratio.std() < 0.4
    assert bare.cloud is None
    assert veiled.cloud == (0.25, 240.0, 0.0)


def test_faults_are_added_to_the_camera() -> None:
    faults = Faults(download_jitter_s=3.0, shutter_error_s=0.04)
    plain, faulty = Twilight(SPEC).camera, Twilight(replace(SPEC, faults=faults)).camera
    assert faulty.download_jitter_s - plain.download_jitter_s == pytest.approx(3.0)
    assert faulty.shutter_error_s - plain.shutter_error_s == pytest.approx(0.04)


def test_the_truth_knows_of_no_strategy() -> None:
    code = "import sys, benchmarks.sky_flats.truth; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "simulators.sky" in loaded.split()
    assert not [name for name in loaded.split() if name.partition(".")[0] == "sequences"]
