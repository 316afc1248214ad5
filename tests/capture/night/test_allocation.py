"""The allocation of flats to the twilights of a night, over arbitrary filters, skies and quotas."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import exp

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capture.frame import FrameSpec, Kind
from capture.night.allocation import Ask, allocate
from capture.night.twilight import Limits, Pace, TwilightRoom
from capture.site import Window

START = datetime(2026, 11, 22, 0, 0, tzinfo=UTC)
MINUTES = 40
LIMITS = Limits(target_adu=30000.0, min_exposure_s=2.0, max_exposure_s=60.0)
CCD = Pace(frame_s=12.0, wheel_s=6.0)


def flat(name: str) -> FrameSpec:
    return FrameSpec(Kind.FLAT, filter=name)


L, R, HA, UNKNOWN = flat("L"), flat("R"), flat("Ha"), flat("Filter 3")


class Sky:
    """Throughputs in ln; the sky fades, or brightens, by 1.15 ln per degree of the Sun's altitude."""

    def __init__(self, throughput: dict[FrameSpec, float]) -> None:
        self._throughput = throughput

    def log_rate(self, spec, sun_altitude_deg):
        if spec not in self._throughput:
            return None
        return 11.0 + 1.15 * (sun_altitude_deg + 3.0) + self._throughput[spec]


def room(throughput: dict[FrameSpec, float], *, dawn: bool = False, pace: Pace = CCD) -> TwilightRoom:
    """A twilight of 0 to -10 deg in 40 minutes."""

    def sun_altitude_deg(when: datetime) -> float:
        passed = (when - START).total_seconds() / (60.0 * MINUTES)
        return -10.0 * (1.0 - passed if dawn else passed)

    window = Window(START, START + timedelta(minutes=MINUTES))
    return TwilightRoom(window, sun_altitude_deg, Sky(throughput), LIMITS, pace)


def rooms(throughput: dict[FrameSpec, float], pace: Pace = CCD) -> list[TwilightRoom]:
    return [room(throughput, pace=pace), room(throughput, dawn=True, pace=pace)]


THREE = {L: 1.2, R: 0.0, HA: -3.1}


def test_sets_are_halved_between_dusk_and_dawn_while_there_is_room() -> None:
    asks = [Ask(spec, 10, at_dawn=5) for spec in THREE]
    assert allocate(asks, rooms(THREE)) == [dict.fromkeys(THREE, 5)] * 2


def test_a_set_of_which_some_is_held_still_has_its_half_taken_at_dawn() -> None:
    assert allocate([Ask(R, 7, at_dawn=5)], rooms(THREE)) == [{R: 2}, {R: 5}]


def test_without_a_dawn_dusk_takes_all() -> None:
    assert allocate([Ask(R, 10, at_dawn=5)], [room(THREE)]) == [{R: 10}]
    assert allocate([Ask(R, 10, at_dawn=5)], []) == []


def test_a_filter_of_which_nothing_is_known_is_offered_whole_and_takes_no_room() -> None:
    full = [Ask(R, 1000), Ask(UNKNOWN, 10, at_dawn=5)]
    alone = allocate(full[:1], rooms(THREE))
    assert [held | {UNKNOWN: 5} for held in alone] == allocate(full, rooms(THREE))


def test_a_filter_that_no_exposure_suits_all_night_is_offered_all_the_same() -> None:
    assert allocate([Ask(L, 4, at_dawn=2)], rooms({L: -30.0})) == [{L: 2}, {L: 2}]


def test_one_set_is_left_whole_to_one_side_when_halves_would_cost_another() -> None:
    # Each twilight holds one whole set and a bit; two changes of the filter would not fit twice.
    lights = {flat(f"F{number}"): 0.0 for number in range(2)}
    slow = Pace(frame_s=12.0, wheel_s=300.0)
    capacity = room(lights, pace=slow).most(flat("F0"), 1000, {})
    asks = [Ask(spec, capacity - 1, at_dawn=(capacity - 1) // 2) for spec in lights]
    dusk, dawn = allocate(asks, rooms(lights, pace=slow))
    assert dusk == {flat("F0"): capacity - 1}
    assert dawn == {flat("F1"): capacity - 1}


def test_the_prediction_tells_when_each_filter_is_taken_and_how_long_it_exposes() -> None:
    dusk, dawn = rooms(THREE)
    counts = {L: 5, HA: 5}
    early, late = dusk.predicted(counts)
    assert (early.spec, late.spec) == (HA, L)
    assert early.end <= late.start
    assert LIMITS.min_exposure_s <= early.shortest_s < early.longest_s <= LIMITS.max_exposure_s
    assert [one.spec for one in dawn.predicted(counts)] == [L, HA]


def test_a_predicted_exposure_collects_the_target_from_the_changing_sky() -> None:
    (one,) = room({R: 0.0}).predicted({R: 1})
    when = (one.start - START).total_seconds()
    seconds = np.linspace(when, when + one.shortest_s, 2001)
    rates = [exp(11.0 + 1.15 * (-10.0 * s / (60 * MINUTES) + 3.0)) for s in seconds]
    assert np.trapezoid(rates, seconds) == pytest.approx(LIMITS.target_adu, rel=0.01)


names = st.lists(st.sampled_from("LRGBVIUHOS"), min_size=2, max_size=8, unique=True)
skies = names.flatmap(
    lambda found: st.fixed_dictionaries({flat(name): st.none() | st.floats(-6.0, 4.0) for name in found})
)
quotas = st.lists(st.integers(1, 120), min_size=8, max_size=8)
paces = st.builds(Pace, st.sampled_from([1.0, 5.0, 12.0, 40.0]), st.sampled_from([0.0, 6.0, 60.0]))
twilights = st.sampled_from([(False,), (True,), (False, True)])


@settings(derandomize=True, deadline=None, max_examples=60)
@given(skies, quotas, paces, twilights)
def test_any_night_is_spread_by_the_rules(sky, counts, pace, which) -> None:
    known = {spec: value for spec, value in sky.items() if value is not None}
    asks = [Ask(spec, count, count // 2) for spec, count in zip(sky, counts, strict=False)]

    def night() -> list[TwilightRoom]:
        return [room(known, dawn=dawn, pace=pace) for dawn in which]

    found = allocate(asks, night())
    got = {ask.spec: sum(held.get(ask.spec, 0) for held in found) for ask in asks}
    alone = {
        ask.spec: min(ask.count, sum(one.most(ask.spec, ask.count, {}) for one in night())) for ask in asks
    }
    predictable = {spec for spec, most in alone.items() if most}

    # Never more than is missing, and the same again every time.
    assert all(got[ask.spec] <= ask.count for ask in asks)
    assert found == allocate(asks, night())
    # What is planned fits.
    for one, held in zip(night(), found, strict=True):
        assert one.fits({spec: count for spec, count in held.items() if spec in predictable})
    # What cannot be predicted is offered whole.
    assert all(got[ask.spec] == ask.count for ask in asks if ask.spec not in predictable)
    # The stalest has all that the night holds for it; no fresher one takes its place.
    stalest = next((ask.spec for ask in asks if ask.spec in predictable), None)
    assert stalest is None or got[stalest] == alone[stalest]
    # Without the fresher ones, no set would become whole that is not whole with them.
    for number, ask in enumerate(asks):
        before = allocate(asks[: number + 1], night())
        if got[ask.spec] < ask.count:
            assert sum(held.get(ask.spec, 0) for held in before) < ask.count
