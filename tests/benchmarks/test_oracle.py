"""The clairvoyant takes what can be had, and no more than can be had."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise, permutations, product
from math import floor, inf

import numpy as np
import pytest

from benchmarks.sky_flats.bounds import linear_bound
from benchmarks.sky_flats.drive import drive
from benchmarks.sky_flats.openings import STEP_S, Openings, openings
from benchmarks.sky_flats.oracle import clairvoyant
from benchmarks.sky_flats.ours import Ours
from benchmarks.sky_flats.peers import PEERS
from benchmarks.sky_flats.score import score
from benchmarks.sky_flats.truth import Faults, Twilight
from tests.benchmarks.skies import SPEC, SteadySky, sample

SAMPLED = [
    ("ccd_lrgbsho_10", "clouds", 1),
    ("ccd_lrgbsho_20", "clear", 0),
    ("ccd_lrgbsho_20", "clouds", 3),
    ("cmos_lrgbsho_60", "clear", 1),
    ("cmos_lrgbsho_20", "clouds", 31),
    ("ccd_ubvri_10", "cirrus", 32),
]


@pytest.mark.parametrize("at", SAMPLED)
def test_every_frame_is_good_and_none_is_more_than_wanted(at: tuple[str, str, int]) -> None:
    twilight, quotas = sample(*at)
    shots = clairvoyant(twilight, quotas)
    assert score(shots, twilight, quotas).good == len(shots) > 0


@pytest.mark.parametrize("at", SAMPLED)
def test_the_camera_and_the_wheel_keep_up_with_its_frames(at: tuple[str, str, int]) -> None:
    twilight, quotas = sample(*at)
    camera = twilight.camera
    shots = clairvoyant(twilight, quotas)
    for before, after in pairwise(shots):
        shut_s = before.started_s + before.exposure_s + camera.shutter_error_s
        turned_s = camera.wheel_s if after.filter != before.filter else 0.0
        assert after.started_s >= shut_s + max(camera.download_s, turned_s) - 0.01
    assert shots[-1].started_s < twilight.end_s


@pytest.mark.parametrize("at", [at for at in SAMPLED if not at[0].startswith("cmos")])
def test_nobody_takes_more_good_frames(at: tuple[str, str, int]) -> None:
    twilight, quotas = sample(*at)
    best = score(clairvoyant(twilight, quotas), twilight, quotas).good
    assert best <= linear_bound(twilight, quotas)
    for strategy in (Ours, *PEERS.values()):
        shots = drive(strategy(twilight, quotas), twilight, quotas)
        assert score(shots, twilight, quotas).good <= best


def test_a_steady_sky_gives_one_frame_a_cycle() -> None:
    twilight = SteadySky({"L": 3000.0})
    cycle_s = 10.0 + twilight.camera.download_s
    assert len(clairvoyant(twilight, {"L": 1000})) == floor(twilight.end_s / cycle_s) + 1


def test_lost_frames_cost_their_share() -> None:
    whole = len(clairvoyant(SteadySky({"L": 3000.0}), {"L": 1000}))
    lossy = SteadySky({"L": 3000.0}, replace(SPEC, faults=Faults(lost_fraction=0.5)))
    assert len(clairvoyant(lossy, {"L": 1000})) == pytest.approx(whole / 2, abs=1)


def test_a_lower_aim_is_faster() -> None:
    twilight, quotas = sample("ccd_lrgbsho_20", "clear", 2)
    low = clairvoyant(twilight, quotas, aim=0.905)
    assert score(low, twilight, quotas).good == len(low) > len(clairvoyant(twilight, quotas))


@pytest.mark.parametrize("setting", [True, False])
def test_faintest_first_at_dusk_and_last_at_dawn(setting: bool) -> None:
    spec = replace(SPEC, setting=setting)
    quotas = {"Ha": 10, "B": 10, "L": 10}
    order = list(Counter(shot.filter for shot in clairvoyant(Twilight(spec), quotas)))
    assert order == (["Ha", "B", "L"] if setting else ["L", "B", "Ha"])


def _finish_s(exact: Openings, cost_s: np.ndarray, runs: Sequence[tuple[int, int]]) -> float:
    """When runs of (filter, count) are done, frame by frame on the grid."""
    free = 0
    for row, count in runs:
        for _ in range(count):
            if free >= exact.times_s.size:
                return inf
            done = exact.times_s[free:] + cost_s[row, free:]
            if not np.isfinite(done).any():
                return inf
            free = int(np.ceil(done.min() / STEP_S))
    return free * STEP_S


def _most_by_trying(twilight: Twilight, quotas: Mapping[str, int]) -> int:
    exact = openings(twilight)
    camera = twilight.camera
    cost_s = exact.exposure_s + camera.shutter_error_s + camera.download_s + camera.download_jitter_s / 2
    counts = [range(quotas[name] + 1) for name in twilight.filters]
    return max(
        sum(chosen)
        for chosen in product(*counts)
        for order in permutations(range(len(chosen)))
        if np.isfinite(_finish_s(exact, cost_s, [(row, chosen[row]) for row in order]))
    )


@pytest.mark.parametrize("number", [1, 2, 3, 6])
def test_it_finds_what_trying_all_orders_and_counts_finds(number: int) -> None:
    twilight, _ = sample("ccd_lrgbsho_20", "clouds", number)
    # Filters too alike to be taken one after the other, in a window cut short.
    short = Twilight(
        replace(
            twilight.spec,
            throughput_mag=(("R", 1.0), ("G", 1.1), ("B", 0.4)),
            camera=replace(twilight.camera, max_exposure_s=12.0, download_s=60.0),
        )
    )
    quotas = {"R": 4, "G": 4, "B": 4}
    best = _most_by_trying(short, quotas)
    assert best < sum(quotas.values())
    assert len(clairvoyant(short, quotas)) == best
