"""The peers behave by their laws."""

from __future__ import annotations

from dataclasses import replace
from math import ceil, exp, log

import pytest

from benchmarks.sky_flats.cameras import CMOS
from benchmarks.sky_flats.drive import Shot, drive
from benchmarks.sky_flats.peers import PEERS
from benchmarks.sky_flats.score import score
from benchmarks.sky_flats.truth import Faults, Twilight
from tests.benchmarks.skies import SPEC, SteadySky, sample

# What each sends for the judge is within this of the target, in a sky that does not change.
SETTLES_WITHIN = {
    "NINA": 0.1,
    "pyobs": 0.03,
    # Its model expects the sky to change during the frame and after the last.
    "chimera": 0.1,
    "RTS2": 0.1,
    "Astra": 0.05,
    "PTR": 0.02,
    "CCDciel": 0.01,
    "Ekos": 0.1,
    "rule of three": 0.01,
}


def _saved(name: str, twilight: Twilight, quotas: dict[str, int]) -> list[Shot]:
    shots = drive(PEERS[name](twilight, quotas), twilight, quotas)
    return [shot for shot in shots if shot.saved and not shot.probe]


@pytest.mark.parametrize("setting", [True, False])
@pytest.mark.parametrize("name", SETTLES_WITHIN)
def test_in_a_steady_sky_every_law_settles_on_the_target(name: str, setting: bool) -> None:
    # 8 s to the target; half of what is usual when the Sun is at -5 deg.
    twilight = SteadySky({"L": 3750.0}, replace(SPEC, setting=setting, throughput_mag=(("L", 0.5),)))
    levels = [shot.level_adu / 30_000 - 1 for shot in _saved(name, twilight, {"L": 8})]
    assert len(levels) >= 8
    assert max(map(abs, levels[3:8])) <= SETTLES_WITHIN[name]


@pytest.mark.parametrize("name", PEERS)
def test_exposures_stay_within_the_cameras_limits(name: str) -> None:
    for configuration in ("ccd_lrgbsho_10", "cmos_lrgbsho_20"):
        twilight, quotas = sample(configuration, "clouds", 1)
        camera = twilight.camera
        for shot in drive(PEERS[name](twilight, quotas), twilight, quotas):
            assert (
                shot.probe or camera.min_exposure_s - 1e-9 <= shot.exposure_s <= camera.max_exposure_s + 1e-9
            )


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("setting", [True, False])
def test_filters_go_from_faint_to_bright_at_dusk_and_back_at_dawn(name: str, setting: bool) -> None:
    twilight = Twilight(replace(SPEC, setting=setting, latitude_deg=56.0))
    saved = _saved(name, twilight, dict.fromkeys(("L", "B", "Ha"), 3))
    order = list(dict.fromkeys(shot.filter for shot in saved))
    assert order
    assert order == sorted(order, key=["Ha", "B", "L"].index, reverse=not setting)


@pytest.mark.parametrize("name", PEERS)
def test_a_lost_frame_is_taken_again(name: str) -> None:
    spec = replace(SPEC, latitude_deg=45.0, camera=CMOS, faults=Faults(lost_fraction=0.2))
    twilight = Twilight(spec)
    quotas = {"L": 10, "B": 10}
    assert score(drive(PEERS[name](twilight, quotas), twilight, quotas), twilight, quotas).frames >= 10


@pytest.mark.parametrize("name", ["pyobs", "RTS2", "rule of three", "POCS", "NINA", "CCDciel"])
def test_who_retakes_takes_no_more_than_wanted(name: str) -> None:
    twilight, quotas = sample("cmos_lrgbsho_20", "clouds", 2)
    saved = _saved(name, twilight, quotas)
    assert all(sum(shot.filter == f for shot in saved) <= quota for f, quota in quotas.items())


def test_rule_of_three_lags_a_falling_sky_by_its_own_cycle() -> None:
    twilight = Twilight(replace(SPEC, latitude_deg=0.0, zero_point_dex=0.0))
    saved = _saved("rule of three", twilight, {"L": 10})
    assert len(saved) > 3
    # About half a percent a second: 12 s of download and the two halves of 5 s frames leave 6 to 10 %.
    assert all(shot.level_adu < 30_000 for shot in saved[1:])


def test_rts2_exposes_what_its_list_has() -> None:
    twilight = Twilight(SPEC)
    shots = drive(PEERS["RTS2"](twilight, {"L": 10, "Ha": 10}), twilight, {"L": 10, "Ha": 10})
    ratios = {shot.exposure_s / twilight.camera.min_exposure_s for shot in shots}
    assert len(ratios) > 3
    assert all(ratio == pytest.approx(_nearest_power(ratio), rel=1e-6) for ratio in ratios)


def _nearest_power(ratio: float) -> float:
    """The nearest whole power of the list's step over 2 to 60 s, in at most 2 % steps."""
    count = ceil(log(30.0) / log(1.02))
    step = log(30.0) / count
    return exp(round(log(ratio) / step) * step)


@pytest.mark.parametrize("setting", [True, False])
def test_pocs_expects_that_the_sky_changes(setting: bool) -> None:
    twilight = SteadySky({"L": 1500.0}, replace(SPEC, setting=setting, throughput_mag=(("L", 0.5),)))
    shots = drive(PEERS["POCS"](twilight, {"L": 8}), twilight, {"L": 8})
    exposures_s = {shot.exposure_s for shot in shots[3:8]}
    # 20 s and the download before give 2^(32/180), a half more, in whole seconds.
    assert exposures_s == ({23.0} if setting else {18.0})


def test_pocs_exposes_whole_seconds() -> None:
    twilight, quotas = sample("ccd_lrgbsho_10", "clear", 2)
    exposures_s = [shot.exposure_s for shot in drive(PEERS["POCS"](twilight, quotas), twilight, quotas)]
    assert exposures_s
    assert all(exposure_s == int(exposure_s) for exposure_s in exposures_s)


def test_astra_keeps_what_it_takes_good_or_not() -> None:
    twilight, quotas = sample("ccd_lrgbsho_10", "clouds", 1)
    shots = [s for s in drive(PEERS["Astra"](twilight, quotas), twilight, quotas) if not s.probe]
    assert all(shot.saved for shot in shots)
    assert any(abs(shot.level_adu / 30_000 - 1) > 0.1 for shot in shots)


def test_half_a_magnitude_of_misconfiguration_does_not_stop_the_models() -> None:
    clear = Twilight(replace(SPEC, latitude_deg=45.0))
    errors = dict.fromkeys(clear.filters, 0.5)
    wrong = Twilight(replace(clear.spec, faults=Faults(usual_throughput_error_mag=errors)))
    quotas = dict.fromkeys(clear.filters, 5)
    for name in ("pyobs", "chimera", "PTR"):
        assert score(drive(PEERS[name](wrong, quotas), wrong, quotas), wrong, quotas).good > 0
