"""Nights of all calendars: polar day and night, summer time both ways, a clock that is set, late starts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from benchmarks.calendar.control import takes_twice
from benchmarks.calendar.kept import keep, kept
from benchmarks.calendar.life import Served, Step, Told, live
from benchmarks.calendar.places import HIGHEST_SUN_DEG, LOWEST_SUN_DEG, PLACES, Place, config_of
from benchmarks.calendar.script import site_of
from benchmarks.calendar.spells import tasks_of
from benchmarks.calendar.stepping import SteppingClock
from benchmarks.calendar.tally import Tally, tally
from capture.frame import Kind
from capture.site import Twilight, Window
from capture.store.archive import Archive
from capture.store.rows import FrameRow

BY_NAME = {place.name: place for place in PLACES}
SVALBARD, NEW_MEXICO, CHATHAM = BY_NAME["Svalbard"], BY_NAME["New Mexico"], BY_NAME["Chatham"]
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
# Of the four flats that are wanted the dawn gets half, if it comes.
BY_MIDNIGHT = {"flat Ha": 2, "bias": 3, "dark 60 s": 3}


@dataclass
class Lived:
    """What came of some nights: the frames, what was said, and what must not be."""

    frames: list[FrameRow]
    told: Told
    tally: Tally

    def held(self) -> Counter[str]:
        return Counter(str(row.spec.set_key()) for row in self.frames if row.good)

    def flats(self) -> list[datetime]:
        return [row.taken for row in self.frames if row.kind is Kind.FLAT and row.good]


def lived(
    folder: Path, place: Place, lives: list[Window], *steps: Step, control: bool = False, start: datetime
) -> Lived:
    clock = SteppingClock(start)
    served = [Served(window.start, window.end) for window in lives]
    if control:
        told = live(place, folder, clock, served, steps, east_deg=3.0, deviate=takes_twice)
    else:
        told = live(place, folder, clock, served, steps)
    config = config_of(place, "127.0.0.1:1", folder)
    archive = Archive(config.storage.folder, site_of(place), clock)
    try:
        found = tally(place, config, archive, told, clock)
        return Lived(archive.catalogue.frames(), told, found)
    finally:
        archive.close()


def span(place: Place, first: date, nights: int = 1) -> Window:
    """From noon to shortly before noon over some nights, UTC."""
    site = site_of(place)
    end = site.night_span(first + (nights - 1) * DAY).end
    return Window(site.night_span(first).start, end - HOUR / 60)


def dusk(place: Place, night: date) -> Window:
    return site_of(place).twilight(night, Twilight.DUSK, HIGHEST_SUN_DEG, LOWEST_SUN_DEG)


def test_polar_day_has_nothing_to_take_and_is_no_failure(tmp_path: Path) -> None:
    window = span(SVALBARD, date(2027, 6, 20), 3)
    found = lived(tmp_path, SVALBARD, [window], start=window.start)
    assert found.frames == []
    assert found.tally.nights == 3
    assert found.tally.failures == 0


def test_polar_night_has_darks_and_no_flats(tmp_path: Path) -> None:
    window = span(SVALBARD, date(2027, 12, 20), 3)
    found = lived(tmp_path, SVALBARD, [window], start=window.start)
    # Bias age out after 2.5 days: within the third night, which takes them anew.
    assert found.held() == {"bias": 6, "dark 60 s": 3}
    assert found.tally.nights == 3
    assert found.tally.failures == found.tally.duplicates == 0


@pytest.mark.parametrize(
    ("place", "first"),
    [
        (NEW_MEXICO, date(2027, 3, 13)),
        (NEW_MEXICO, date(2027, 11, 6)),
        (CHATHAM, date(2027, 9, 25)),
        (CHATHAM, date(2027, 4, 3)),
    ],
)
def test_every_night_about_a_change_of_summer_time_is_lived_once(
    tmp_path: Path, place: Place, first: date
) -> None:
    site = site_of(place)
    assert site.night_span(first).duration_s != 86400
    window = span(place, first - DAY, 3)
    found = lived(tmp_path, place, [window], start=window.start)
    begun = [text for text in found.told.said("night") if "begins" in text]
    assert begun == [f"the night of {first + n * DAY} begins" for n in (-1, 0, 1)]
    assert {row.night for row in found.frames if row.kind is Kind.FLAT} == {
        first + n * DAY for n in (-1, 0, 1)
    }
    assert found.tally.duplicates == found.tally.out_of_band == found.tally.failures == 0


@pytest.mark.parametrize("error", [HOUR, -HOUR, timedelta(minutes=7)])
@pytest.mark.parametrize("put_right", [True, False])
def test_a_clock_that_is_set_in_mid_window_doubles_nothing(
    tmp_path: Path, error: timedelta, put_right: bool
) -> None:
    night = date(2027, 3, 20)
    window, middle = span(NEW_MEXICO, night), dusk(NEW_MEXICO, night).start + timedelta(minutes=2)
    first, second = (window.start + HOUR / 60, middle) if put_right else (middle, window.end - HOUR)
    steps = Step(first, wrong=error), Step(second, wrong=timedelta(0))
    found = lived(tmp_path, NEW_MEXICO, [window], *steps, start=window.start)
    assert found.held()["flat Ha"] > 0
    assert found.tally.duplicates == found.tally.out_of_band == found.tally.failures == 0


def test_a_machine_that_slept_into_the_dusk_takes_its_flats_as_soon_as_it_wakes(tmp_path: Path) -> None:
    night = date(2027, 3, 20)
    window, evening = span(NEW_MEXICO, night), dusk(NEW_MEXICO, night)
    asleep = evening.start - 3 * HOUR
    wakes = evening.start + timedelta(minutes=5)
    step = Step(asleep, asleep=wakes - asleep)
    found = lived(tmp_path, NEW_MEXICO, [Window(window.start, evening.end + HOUR)], step, start=window.start)
    assert found.flats()
    assert wakes < min(found.flats()) < wakes + timedelta(minutes=3)


def test_a_late_start_takes_what_is_left_of_the_dusk(tmp_path: Path) -> None:
    night = date(2027, 3, 20)
    evening = dusk(NEW_MEXICO, night)
    late = Window(evening.start + timedelta(minutes=2), evening.end + HOUR)
    found = lived(tmp_path, NEW_MEXICO, [late], start=late.start)
    assert late.start < min(found.flats()) < evening.end
    assert found.held() == BY_MIDNIGHT
    assert found.tally.duplicates == found.tally.out_of_band == 0


def test_a_service_ended_in_mid_dusk_is_followed_by_one_that_takes_only_what_is_missing(
    tmp_path: Path,
) -> None:
    night = date(2027, 3, 20)
    noon, late = span(NEW_MEXICO, night).start, dusk(NEW_MEXICO, night).end + HOUR
    quiet = lived(tmp_path / "quiet", NEW_MEXICO, [Window(noon, late)], start=noon)
    ends = quiet.flats()[1]
    lives = [Window(noon, ends), Window(ends + timedelta(minutes=2), late)]
    found = lived(tmp_path / "cut", NEW_MEXICO, lives, start=noon)
    assert min(found.flats()) < ends < max(found.flats())
    assert found.held() == quiet.held() == BY_MIDNIGHT
    assert found.tally.duplicates == found.tally.out_of_band == 0


def test_the_judge_sees_jobs_that_run_twice_and_flats_by_a_wrong_longitude(tmp_path: Path) -> None:
    window = span(NEW_MEXICO, date(2027, 3, 20))
    found = lived(tmp_path, NEW_MEXICO, [window], control=True, start=window.start)
    assert found.tally.duplicates > 0
    assert found.tally.out_of_band > 0


def test_a_year_that_was_cut_off_goes_on_with_the_spells_it_has_not_kept(tmp_path: Path) -> None:
    file, tasks = tmp_path / "year.jsonl", tasks_of(quick=False)
    assert kept(file, tasks) == []
    first, second = ((task, Tally(nights=n, examples=["x"]), 1.5) for n, task in enumerate(tasks[:2], 3))
    keep(file, first)
    keep(file, second)
    file.write_text(file.read_text()[:-40])
    assert kept(file, tasks) == [first]
    keep(file, second)
    assert kept(file, tasks) == [first, second]
    assert kept(file, tasks[1:]) == [second]
