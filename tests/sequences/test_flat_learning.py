"""What twilights teach the next one, made from their frames alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import exp

import pytest

from capture.site import Window
from sequences.flat_controller import (
    Expose,
    FlatController,
    FlatSettings,
    Measurement,
    Stop,
    Wait,
    learned_from,
)
from sequences.sky_model import shape

START = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)
SETTINGS = FlatSettings(30000.0, 0.25, 0.2, 60.0)
THROUGHPUT_LN = {"L": 1.0, "R": 0.0, "Filter 3": -3.5}
DEG_PER_S = 12 / 3600


def setting_sun(when: datetime) -> float:
    """Every evening alike."""
    since_s = ((when - START).total_seconds() + 43_200) % 86_400 - 43_200
    return -2.0 - DEG_PER_S * since_s


def frames(evening: datetime, zero_point_ln: float = 0.0) -> list[Measurement]:
    out = []
    for number in range(30):
        name = ("Filter 3", "R", "L")[number // 10]
        started = evening + timedelta(seconds=30 * number)
        rate = exp(11.0 + zero_point_ln + THROUGHPUT_LN[name] + float(shape(setting_sun(started))))
        out.append(Measurement(name, 0.5, started, rate * 0.5, 0.0))
    return out


def test_throughputs_are_learned_relative_to_each_other_with_their_dates() -> None:
    learned = learned_from(frames(START), setting_sun, SETTINGS)
    relative = learned.filters["L"].throughput_ln - learned.filters["Filter 3"].throughput_ln
    assert relative == pytest.approx(4.5, abs=0.1)
    assert learned.filters["Filter 3"].seen == START + timedelta(seconds=270)


def test_the_next_evening_starts_near_the_right_exposure_and_is_sure_of_the_filters() -> None:
    evening = START + timedelta(days=1)
    window = Window(evening, evening + timedelta(minutes=30))
    learned = learned_from(frames(START), setting_sun, SETTINGS)
    controller = FlatController({"R": 3}, SETTINGS, window, setting_sun, learned)
    action = controller.next(evening)
    rate = exp(11.0 + float(shape(-2.0)))
    controller.observe(Measurement("R", 0.5, evening, rate * 0.5, 0.0, counted=False))
    action = controller.next(evening + timedelta(seconds=2))
    assert isinstance(action, Expose)
    assert action.exposure_s == pytest.approx(30000.0 / rate, rel=0.05)


def test_evenings_are_learned_one_after_the_other_whatever_their_zero_points() -> None:
    two = frames(START) + frames(START + timedelta(days=1), zero_point_ln=0.4)
    at_once = learned_from(two, setting_sun, SETTINGS)
    first = learned_from(two[:30], setting_sun, SETTINGS)
    after = learned_from(two[30:], setting_sun, SETTINGS, first)
    assert at_once == after
    assert at_once.level_ln is not None
    assert first.level_ln is not None
    assert at_once.level_ln - first.level_ln == pytest.approx(0.4, abs=0.1)


def test_a_controller_hands_on_what_its_frames_would_teach() -> None:
    window = Window(START, START + timedelta(minutes=30))
    controller = FlatController(dict.fromkeys(THROUGHPUT_LN, 10), SETTINGS, window, setting_sun)
    for measurement in frames(START):
        controller.observe(replace(measurement, counted=True))
    told, replayed = controller.learned, learned_from(frames(START), setting_sun, SETTINGS)
    assert told.level_ln == pytest.approx(replayed.level_ln, abs=0.02)
    for name, one in replayed.filters.items():
        assert told.filters[name].throughput_ln == pytest.approx(one.throughput_ln, abs=0.02)


def test_a_filter_that_was_not_seen_tonight_keeps_its_place_among_the_others() -> None:
    learned = learned_from(frames(START), setting_sun, SETTINGS)
    tonight = [m for m in frames(START + timedelta(days=1)) if m.filter != "L"]
    later = learned_from(tonight, setting_sun, SETTINGS, learned)
    relative = later.filters["L"].throughput_ln - later.filters["R"].throughput_ln
    assert relative == pytest.approx(1.0, abs=0.1)
    assert later.filters["L"].seen < START + timedelta(hours=1)


def test_saturated_and_empty_frames_teach_bounds_only() -> None:
    bright = Measurement("R", 1.0, START, 65000.0, 1.0)
    dark = Measurement("L", 1.0, START + timedelta(seconds=5), 2.0, 0.0)
    learned = learned_from([bright, dark], setting_sun, SETTINGS)
    assert learned.level_ln is not None
    assert learned.filters["R"].throughput_ln > learned.filters["L"].throughput_ln


def test_no_frames_teach_nothing() -> None:
    assert learned_from([], setting_sun, SETTINGS).level_ln is None


def rate_of(name: str, when: datetime, changed_ln: dict[str, float]) -> float:
    return exp(12.5 + THROUGHPUT_LN[name] + changed_ln.get(name, 0.0) + float(shape(setting_sun(when))))


def good_frames_of_an_evening(changed_ln: dict[str, float], shutter_error_s: float) -> tuple[int, int]:
    """Good frames of those wanted, and the others, on a rig that was learned the evening before."""
    evening = START + timedelta(days=1)
    window = Window(evening, evening + timedelta(minutes=40))
    learned = learned_from(frames(START, zero_point_ln=1.5), setting_sun, SETTINGS)
    controller = FlatController(dict.fromkeys(THROUGHPUT_LN, 6), SETTINGS, window, setting_sun, learned)
    now, good, bad = evening, 0, 0
    while not isinstance(action := controller.next(now), Stop):
        if isinstance(action, Wait):
            now = max(action.until, now + timedelta(seconds=1))
            continue
        level_adu = rate_of(action.filter, now, changed_ln) * (action.exposure_s + shutter_error_s)
        right = isinstance(action, Expose) and abs(level_adu / SETTINGS.target_adu - 1) <= 0.1
        if isinstance(action, Expose):
            good, bad = good + right, bad + (not right)
        seen = Measurement(
            action.filter,
            action.exposure_s,
            now,
            min(level_adu, 65_000.0),
            float(level_adu > 65_000.0),
            right,
        )
        controller.observe(seen)
        now += timedelta(seconds=action.exposure_s + shutter_error_s + 8)
    return good, bad


@pytest.mark.parametrize(
    "changed_ln",
    [
        {},
        {"L": 0.46, "R": -0.46},
        {"L": -0.46, "R": 0.46, "Filter 3": 0.46},
        {"R": -0.9},
        {"L": 0.5, "R": 0.5, "Filter 3": 0.5},
    ],
)
@pytest.mark.parametrize("shutter_error_s", [0.0, 0.03])
def test_filters_and_a_shutter_that_changed_since_they_were_learned_cost_few_frames(
    changed_ln: dict[str, float], shutter_error_s: float
) -> None:
    good, bad = good_frames_of_an_evening(changed_ln, shutter_error_s)
    assert good == 18
    assert bad <= 1
