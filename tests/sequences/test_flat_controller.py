"""The flat controller, driven as a pure object over twilights whose truth it does not share."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import exp
from typing import Any

import pytest

from capture.errors import BadInput
from capture.site import Window
from sequences.flat_controller import Expose, FlatController, FlatSettings, Measurement, Probe, Stop, Wait

START = datetime(2026, 11, 22, 0, 0, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(minutes=45))
THROUGHPUT = {"L": 3.5, "R": 1.1, "G": 1.1, "B": 1.5, "Ha": 0.045, "OIII": 0.06, "SII": 0.04}
DEG_PER_S = 12 / 3600


def setting_sun(when: datetime) -> float:
    return -DEG_PER_S * (when - START).total_seconds()


def rising_sun(when: datetime) -> float:
    return -DEG_PER_S * (WINDOW.end - when).total_seconds()


@dataclass
class Twilight:
    """A truth of its own: magnitudes linear in the Sun's altitude, bending towards day."""

    sun: Callable[[datetime], float]
    rate_at_minus_4: float = 4000.0
    cloud: Callable[[float], float] = lambda _: 1.0
    taken: Counter[str] = field(default_factory=Counter)
    order: list[str] = field(default_factory=list)
    misses: int = 0
    probes: int = 0
    looks_s: list[float] = field(default_factory=list)
    # So much longer than asked the shutter is open.
    lazy_s: float = 0.0
    # The level over the target's and the filter, of each look before the first frame.
    first_looks: list[tuple[str, float]] = field(default_factory=list)
    reason: str = ""
    throughput: dict[str, float] = field(default_factory=lambda: dict(THROUGHPUT))
    exposures_s: list[float] = field(default_factory=list)
    offs: list[float] = field(default_factory=list)

    def rate(self, filter_name: str, when: datetime) -> float:
        h = self.sun(when)
        magnitudes = 1.27 * (h + 4) if h < -1.5 else 1.27 * 2.5 + 0.8 * (h + 1.5)
        cloud = self.cloud((when - START).total_seconds())
        return self.rate_at_minus_4 * self.throughput[filter_name] * 10 ** (0.4 * magnitudes) * cloud

    def level(self, filter_name: str, when: datetime, exposure_s: float) -> float:
        steps = 40
        middles = (when + timedelta(seconds=exposure_s * (n + 0.5) / steps) for n in range(steps))
        return min(64000.0, sum(self.rate(filter_name, t) for t in middles) * exposure_s / steps)

    def live(self, controller: FlatController, settings: FlatSettings, overhead_s: float = 2.0) -> None:
        now, current = WINDOW.start, ""
        for _ in range(5000):
            action = controller.next(now)
            if isinstance(action, Stop):
                self.reason = action.reason
                return
            if isinstance(action, Wait):
                assert action.until > now
                now = action.until
                continue
            now += timedelta(seconds=6.0 if action.filter != current else 0.0)
            current = action.filter
            level = self.level(action.filter, now, action.exposure_s + self.lazy_s)
            good = abs(level / settings.target_adu - 1) <= settings.tolerance
            counted = isinstance(action, Expose) and good
            self.probes += isinstance(action, Probe)
            if isinstance(action, Probe):
                self.looks_s.append(action.exposure_s)
                if not self.order:
                    self.first_looks.append((action.filter, level / settings.target_adu))
            if isinstance(action, Expose):
                self.taken[action.filter] += counted
                self.misses += not counted
                self.exposures_s.append(action.exposure_s)
                self.offs.append(level / settings.target_adu - 1)
                if not self.order or self.order[-1] != action.filter:
                    self.order.append(action.filter)
            saturated = 1.0 if level >= 64000 else 0.0
            controller.observe(Measurement(action.filter, action.exposure_s, now, level, saturated, counted))
            now += timedelta(seconds=action.exposure_s + overhead_s)
        pytest.fail("the controller never came to an end")


def settings(minimum_s: float = 0.2, maximum_s: float = 60.0) -> FlatSettings:
    return FlatSettings(30000.0, 0.25, minimum_s, maximum_s)


def run(
    twilight: Twilight, count: int = 10, limits: FlatSettings | None = None, overhead_s: float = 2.0
) -> Twilight:
    limits = limits or settings()
    controller = FlatController(dict.fromkeys(THROUGHPUT, count), limits, WINDOW, twilight.sun)
    twilight.live(controller, limits, overhead_s)
    return twilight


@pytest.mark.parametrize("rate", [2000.0, 4000.0, 20000.0])
@pytest.mark.parametrize("sun", [setting_sun, rising_sun])
def test_a_cold_start_under_any_telescope_fills_every_filter(
    sun: Callable[[datetime], float], rate: float
) -> None:
    twilight = run(Twilight(sun, rate))
    assert twilight.taken == dict.fromkeys(THROUGHPUT, 10)
    assert twilight.misses <= 2


def test_dusk_begins_with_the_faintest_filter_and_dawn_with_the_brightest() -> None:
    dusk, dawn = run(Twilight(setting_sun)), run(Twilight(rising_sun))
    assert set(dusk.order[:3]) == {"Ha", "OIII", "SII"}
    assert dusk.order[-1] == "L"
    assert dawn.order[0] == "L"
    assert set(dawn.order[-3:]) == {"Ha", "OIII", "SII"}


def test_clouds_that_pass_cost_few_frames() -> None:
    def cloud(seconds: float) -> float:
        return 1.0 - 0.4 * abs((seconds % 900) / 450 - 1)

    twilight = run(Twilight(setting_sun, cloud=cloud))
    assert sum(twilight.taken.values()) >= 65


@pytest.mark.parametrize(("shortest_look_s", "shortest_s"), [(None, 5.0), (0.2, 0.2)])
def test_looks_may_be_shorter_than_flats_and_are_short_where_told(
    shortest_look_s: float | None, shortest_s: float
) -> None:
    limits = FlatSettings(30000.0, 0.1, 5.0, 60.0, min_probe_s=shortest_look_s)
    twilight = run(Twilight(setting_sun, 20000.0), limits=limits)
    assert twilight.looks_s
    assert shortest_s <= min(twilight.looks_s) <= 1.2 * shortest_s
    assert min(twilight.exposures_s) >= 5.0


@pytest.mark.parametrize("lazy_s", [0.0, 0.03])
def test_looks_in_a_wait_are_as_bright_as_flats_so_that_a_lazy_shutter_does_not_hide_the_first(
    lazy_s: float,
) -> None:
    limits = FlatSettings(30000.0, 0.1, 2.0, 60.0, min_probe_s=0.2)
    twilight = run(Twilight(setting_sun, 8000.0, lazy_s=lazy_s), limits=limits, overhead_s=12.0)
    first = twilight.order[0]
    looks = [level for name, level in twilight.first_looks if name == first]
    assert 0.5 < looks[-1] < 1.3
    assert abs(twilight.offs[0]) < 0.1


def test_at_dawn_the_brighter_of_two_filters_comes_first_though_both_stay_to_the_end() -> None:
    twilight = run(Twilight(rising_sun, 2000.0), count=20, overhead_s=12.0)
    narrow = [name for name in twilight.order if name in ("Ha", "OIII", "SII")]
    assert narrow[0] == "OIII"
    assert twilight.taken["OIII"] >= 15


def test_it_waits_for_the_light_instead_of_giving_up() -> None:
    bright = run(Twilight(setting_sun, 40000.0), limits=settings(minimum_s=1.0, maximum_s=20.0), count=3)
    assert bright.taken["Ha"] == 3
    assert bright.taken["L"] == 3


def test_it_leaves_with_a_reason_when_the_sky_is_too_dim_for_what_is_left() -> None:
    twilight = run(Twilight(setting_sun, 1.0))
    assert twilight.taken["Ha"] == 0
    assert "too dim" in twilight.reason
    assert "of Ha" in twilight.reason


def darker_sun(when: datetime) -> float:
    """The roof opens late: the Sun is at -8 deg already."""
    return setting_sun(when) - 8.0


def test_a_cold_start_late_at_dusk_looks_and_takes_what_a_bright_telescope_still_can() -> None:
    assert run(Twilight(darker_sun, 60000.0)).taken["L"] >= 9


@pytest.mark.parametrize("rate", [1.0, 1000.0])
def test_a_cold_start_too_late_at_dusk_has_looked_before_it_says_so(rate: float) -> None:
    twilight = run(Twilight(darker_sun, rate))
    assert twilight.probes >= 1
    assert "too dim" in twilight.reason


def test_a_slow_camera_takes_what_the_window_allows_and_says_what_is_missing() -> None:
    twilight = run(Twilight(setting_sun), count=40, overhead_s=25.0)
    assert "missing" in twilight.reason
    assert sum(twilight.taken.values()) > 40


def test_exposures_stay_within_the_limits_and_the_window() -> None:
    limits = settings(minimum_s=0.5, maximum_s=10.0)
    controller = FlatController({"L": 5, "Ha": 5}, limits, WINDOW, setting_sun)
    sky, now = Twilight(setting_sun), WINDOW.start
    while not isinstance(action := controller.next(now), Stop):
        if isinstance(action, Wait):
            now = action.until
            continue
        assert limits.min_exposure_s <= action.exposure_s <= limits.max_exposure_s
        assert now + timedelta(seconds=action.exposure_s) <= WINDOW.end
        level = sky.level(action.filter, now, action.exposure_s)
        controller.observe(Measurement(action.filter, action.exposure_s, now, level, 0.0, False))
        now += timedelta(seconds=action.exposure_s + 3)


def test_frames_that_are_not_counted_are_taken_again() -> None:
    controller = FlatController({"V": 2}, settings(), WINDOW, setting_sun)
    assert controller.left == {"V": 2}
    measurement = Measurement("V", 5.0, START + timedelta(minutes=5), 30000.0, 0.0, counted=False)
    controller.observe(measurement)
    assert controller.left == {"V": 2}


def test_when_every_filter_has_its_frames_it_stops() -> None:
    controller = FlatController({}, settings(), WINDOW, setting_sun)
    assert controller.next(START) == Stop("every filter has its frames")


def test_noise_of_the_measurement_does_not_lead_it_astray() -> None:
    noise = random.Random(7)
    twilight = Twilight(setting_sun, cloud=lambda _: exp(noise.gauss(0, 0.01)))
    assert run(twilight).taken == dict.fromkeys(THROUGHPUT, 10)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"target_adu": 70000.0}, "not below saturation"),
        ({"target_adu": 0.0}, "a level above bias"),
        ({"tolerance": 0.0}, "a fraction between 0 and 1"),
        ({"min_exposure_s": 80.0}, "not above the longest"),
        ({"min_probe_s": 0.0}, "a look takes some time"),
        ({"download_s": -1.0}, "cannot be negative"),
        ({"exposures_s": (100.0, 200.0)}, "no exposure of the grid"),
    ],
)
def test_settings_that_cannot_be_met_are_refused_with_a_sentence(
    wrong: dict[str, Any], sentence: str
) -> None:
    right = {"target_adu": 30000.0, "tolerance": 0.25, "min_exposure_s": 0.2, "max_exposure_s": 60.0}
    with pytest.raises(BadInput, match=sentence):
        FlatSettings(**{**right, **wrong})


@pytest.mark.parametrize(
    ("wanted", "window", "sentence"),
    [
        ({"L": 5}, Window(WINDOW.end, START), "no twilight in it"),
        ({"L": 5}, Window(START.replace(tzinfo=None), WINDOW.end.replace(tzinfo=None)), "no time zone"),
        ({"L": -1}, WINDOW, "a count of 0 or more"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused_with_a_sentence(
    wanted: dict[str, int], window: Window, sentence: str
) -> None:
    with pytest.raises(BadInput, match=sentence):
        FlatController(wanted, settings(), window, setting_sun)


def test_a_frame_of_a_filter_that_nobody_wants_is_refused() -> None:
    controller = FlatController({"L": 1}, settings(), WINDOW, setting_sun)
    with pytest.raises(BadInput, match="none of L"):
        controller.observe(Measurement("Moonbeam", 1.0, START, 30000.0, 0.0))


def test_before_the_window_it_waits_and_after_it_it_stops() -> None:
    controller = FlatController({"L": 5}, settings(), WINDOW, setting_sun)
    early = controller.next(START - timedelta(minutes=10))
    assert isinstance(early, Wait)
    assert early.until == START
    late = controller.next(WINDOW.end)
    assert isinstance(late, Stop)
    assert "missing 5 of L" in late.reason


def test_the_controller_judges_frames_itself_when_nobody_else_does() -> None:
    controller = FlatController({"L": 4}, settings(), WINDOW, setting_sun)
    for level_adu, saturated in [(30000.0, 0.0), (39000.0, 0.0), (30000.0, 0.05)]:
        controller.observe(Measurement("L", 5.0, START, level_adu, saturated))
    assert controller.left == {"L": 3}


def test_a_probe_is_never_counted_however_good_it_is() -> None:
    controller = FlatController({"L": 1}, settings(), WINDOW, setting_sun)
    action = controller.next(START)
    assert isinstance(action, Probe)
    controller.observe(Measurement("L", action.exposure_s, START, 30000.0, 0.0))
    assert controller.left == {"L": 1}


@pytest.mark.parametrize("sun", [setting_sun, rising_sun])
def test_filters_whose_names_say_nothing_are_filled_as_well(sun: Callable[[datetime], float]) -> None:
    named = {f"Filter {number}": value for number, value in enumerate(THROUGHPUT.values())}
    twilight = Twilight(sun, throughput=named)
    controller = FlatController(dict.fromkeys(named, 10), settings(), WINDOW, sun)
    twilight.live(controller, settings())
    assert twilight.taken == dict.fromkeys(named, 10)


def test_on_a_grid_of_exposures_every_frame_is_one_of_them() -> None:
    grid = tuple(0.25 * 1.3**step for step in range(22))
    limits = FlatSettings(30000.0, 0.25, 0.2, 60.0, exposures_s=grid)
    twilight = run(Twilight(setting_sun), limits=limits)
    assert twilight.taken == dict.fromkeys(THROUGHPUT, 10)
    assert twilight.misses <= 2
    assert {exposure_s for exposure_s in twilight.exposures_s if exposure_s not in grid} == set()


def midsummer_sun(when: datetime) -> float:
    """It turns in the middle of the window, at -6 deg."""
    return -6.0 + 8.0 * ((when - START).total_seconds() / WINDOW.duration_s - 0.5) ** 2 * 4


def test_a_sun_that_turns_in_the_window_is_followed_down_and_up_again() -> None:
    assert run(Twilight(midsummer_sun), count=15).taken == dict.fromkeys(THROUGHPUT, 15)


def test_under_a_sky_that_stays_too_bright_it_stops_in_words_at_the_end() -> None:
    twilight = run(Twilight(lambda when: 5.0 - 0.1 * (when - START).total_seconds() / 3600, 1e6))
    assert not twilight.taken
    assert "missing 10 of L" in twilight.reason


def test_frames_are_taken_in_the_middle_of_the_band_when_there_is_time() -> None:
    twilight = run(Twilight(setting_sun), limits=settings(minimum_s=2.0), count=5)
    assert twilight.taken == dict.fromkeys(THROUGHPUT, 5)
    assert max(abs(off) for off in twilight.offs) < 0.06


def test_a_camera_slower_than_told_is_found_out() -> None:
    told = FlatSettings(30000.0, 0.1, 2.0, 60.0, download_s=0.5)
    twilight = run(Twilight(setting_sun), limits=told, overhead_s=12.0)
    assert sum(twilight.taken.values()) >= 65
    assert twilight.misses <= 3


def test_what_follows_a_good_frame_can_be_asked_beforehand_and_changes_nothing() -> None:
    curious, plain = (
        FlatController(dict.fromkeys(THROUGHPUT, 2), settings(), WINDOW, setting_sun) for _ in range(2)
    )
    sky, now, foretold = Twilight(setting_sun), WINDOW.start, 0
    while not isinstance(action := curious.next(now), Stop):
        assert plain.next(now) == action
        if isinstance(action, Wait):
            now = action.until
            continue
        level = sky.level(action.filter, now, action.exposure_s)
        good = abs(level / 30000 - 1) < 0.25
        then = now + timedelta(seconds=action.exposure_s + 2)
        ahead = curious.next_if_good(action, now, then) if isinstance(action, Expose) else None
        for controller in (curious, plain):
            m = Measurement(action.filter, action.exposure_s, now, level, 0.0, ahead is not None and good)
            controller.observe(m)
        now = then
        if ahead is not None and good:
            follows = curious.next(now)
            assert plain.next(now) == follows
            foretold += type(ahead) is type(follows) and getattr(ahead, "filter", "") == getattr(
                follows, "filter", ""
            )
    assert foretold >= 12
