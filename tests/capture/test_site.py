"""The site: the Sun against astropy, windows by its altitude, nights from noon to noon."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import astropy.units as u
import pytest
from astropy.coordinates import AltAz, EarthLocation, get_body, get_sun
from astropy.time import Time
from astropy.utils import iers

from capture.errors import NoWindow
from capture.site import Site, Twilight
from simulators.sun import moon_alt_az, separation_deg

NEW_MEXICO = Site("New Mexico", 32.9, -105.5, 2225.0, "America/Denver")
LATITUDES = {
    0.0: "Africa/Kampala",
    33.0: "America/Denver",
    56.0: "Europe/Copenhagen",
    65.0: "Europe/Helsinki",
}
LONGITUDES = {0.0: 32.0, 33.0: -105.5, 56.0: 12.0, 65.0: 25.0}


def site_at(latitude_deg: float) -> Site:
    return Site("somewhere", latitude_deg, LONGITUDES[latitude_deg], 0.0, LATITUDES[latitude_deg])


def altitude_by_astropy_deg(site: Site, when: datetime) -> float:
    place = EarthLocation(lat=site.latitude_deg * u.deg, lon=site.longitude_deg * u.deg)
    with iers.conf.set_temp("auto_download", False), iers.conf.set_temp("auto_max_age", None):
        time = Time(when)
        return float(get_sun(time).transform_to(AltAz(obstime=time, location=place)).alt.deg)


@pytest.mark.parametrize("latitude_deg", LATITUDES)
@pytest.mark.parametrize("month", [1, 4, 7, 10])
@pytest.mark.parametrize("which", Twilight)
def test_window_edges_agree_with_astropy(latitude_deg: float, month: int, which: Twilight) -> None:
    site = site_at(latitude_deg)
    try:
        window = site.twilight(date(2026, month, 15), which, -1.0, -8.0)
    except NoWindow:
        assert (latitude_deg, month) == (65.0, 7)
        return
    bright, dark = (window.start, window.end) if which is Twilight.DUSK else (window.end, window.start)
    assert altitude_by_astropy_deg(site, bright) == pytest.approx(-1.0, abs=0.02)
    if site.sun_altitude_deg(dark) < -7.9:
        assert altitude_by_astropy_deg(site, dark) == pytest.approx(-8.0, abs=0.02)


def test_dusk_lies_before_dawn_and_the_sun_sets_in_one_and_rises_in_the_other() -> None:
    dusk = NEW_MEXICO.twilight(date(2026, 11, 21), Twilight.DUSK, 0.0, -10.0)
    dawn = NEW_MEXICO.twilight(date(2026, 11, 21), Twilight.DAWN, 0.0, -10.0)
    assert dusk.end < dawn.start
    assert NEW_MEXICO.sun_is_setting(dusk.start)
    assert not NEW_MEXICO.sun_is_setting(dawn.start)


def test_where_the_sun_turns_before_the_lower_altitude_the_window_ends_at_its_lowest() -> None:
    oslo = Site("Oslo", 60.0, 10.0, 0.0, "Europe/Oslo")
    dusk = oslo.twilight(date(2026, 6, 21), Twilight.DUSK, -1.0, -12.0)
    dawn = oslo.twilight(date(2026, 6, 21), Twilight.DAWN, -1.0, -12.0)
    assert abs(dusk.end - dawn.start) < timedelta(seconds=2)
    assert oslo.sun_altitude_deg(dusk.end) == pytest.approx(-6.57, abs=0.05)


@pytest.mark.parametrize(
    ("night", "word"), [(date(2026, 6, 21), "stays above"), (date(2026, 12, 21), "stays below")]
)
def test_a_polar_night_or_day_has_no_window_and_says_so(night: date, word: str) -> None:
    svalbard = Site("Svalbard", 78.2, 15.6, 0.0, "Arctic/Longyearbyen")
    for which in Twilight:
        with pytest.raises(NoWindow, match=word):
            svalbard.twilight(night, which, -1.0, -8.0)


def test_every_night_of_a_year_has_its_dusk_and_dawn_within_it() -> None:
    night = date(2026, 1, 1)
    while night.year == 2026:
        span = NEW_MEXICO.night_span(night)
        dusk = NEW_MEXICO.twilight(night, Twilight.DUSK, -1.0, -8.0)
        dawn = NEW_MEXICO.twilight(night, Twilight.DAWN, -1.0, -8.0)
        assert span.start < dusk.start < dusk.end < dawn.start < dawn.end < span.end
        night += timedelta(days=1)


def test_a_night_is_named_by_its_evening_on_both_sides_of_midnight() -> None:
    evening = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
    assert NEW_MEXICO.night_of(evening) == date(2026, 11, 21)
    assert NEW_MEXICO.night_of(evening + timedelta(hours=10)) == date(2026, 11, 21)
    assert NEW_MEXICO.night_of(evening + timedelta(hours=18)) == date(2026, 11, 22)


@pytest.mark.parametrize(("night", "hours"), [(date(2026, 3, 7), 23), (date(2026, 10, 31), 25)])
def test_a_night_in_which_the_clocks_change_still_runs_from_noon_to_noon(night: date, hours: int) -> None:
    assert NEW_MEXICO.night_span(night).duration_s == hours * 3600


def test_sidereal_time_agrees_with_astropy() -> None:
    when = datetime(2026, 11, 22, 6, 30, tzinfo=UTC)
    with iers.conf.set_temp("auto_download", False), iers.conf.set_temp("auto_max_age", None):
        expected = Time(when).sidereal_time("mean", longitude=NEW_MEXICO.longitude_deg * u.deg).hour
    assert NEW_MEXICO.sidereal_time_h(when) == pytest.approx(float(expected), abs=0.001)


def test_the_moon_agrees_with_astropy_to_a_degree_and_the_simulators_phase_to_two_hundredths() -> None:
    place = EarthLocation(lat=32.9 * u.deg, lon=-105.5 * u.deg, height=2225 * u.m)
    for days in range(0, 360, 13):
        when = datetime(2026, 1, 3, 5, tzinfo=UTC) + timedelta(days=days, hours=days % 24)
        moon = NEW_MEXICO.moon(when)
        with iers.conf.set_temp("auto_download", False), iers.conf.set_temp("auto_max_age", None):
            frame = AltAz(obstime=Time(when), location=place)
            truth = get_body("moon", Time(when), place).transform_to(frame)
        away = separation_deg(moon.altitude_deg, moon.azimuth_deg, truth.alt.deg, truth.az.deg)
        assert float(away) < 1.1
        lit = float(moon_alt_az(when.timestamp(), 32.9, -105.5)[2])
        assert moon.lit_fraction == pytest.approx(lit, abs=0.02)


def test_a_night_that_was_asked_for_once_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    site, night = Site("asked twice", 12.5, 30.25, 0.0, "UTC"), date(2026, 4, 1)
    asked = site.twilight(night, Twilight.DUSK, 0.0, -10.0)

    def never(*_: object, **__: object) -> float:
        raise AssertionError("the Sun was looked up again")

    monkeypatch.setattr("astral.sun.elevation", never)
    same = Site("asked twice", 12.5, 30.25, 0.0, "UTC")
    assert same.twilight(night, Twilight.DUSK, 0.0, -10.0) == asked


def test_the_sun_goes_down_evenly_within_a_second() -> None:
    start = datetime(2026, 11, 23, 0, 20, tzinfo=UTC)
    tenths = [NEW_MEXICO.sun_altitude_deg(start + timedelta(seconds=tenth / 10)) for tenth in range(31)]
    steps = [after - before for before, after in pairwise(tenths)]
    assert steps == pytest.approx([steps[0]] * 30, rel=1e-3)
    assert steps[0] < 0
