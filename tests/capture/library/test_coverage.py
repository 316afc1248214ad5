"""The coverage board says of every set what is held, needed, how old it is, and when more comes."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from capture.frame import FrameSpec, Kind
from capture.library.coverage import Attempt, Coverage, Freshness, coverage, overdue
from capture.store.needs import Holding, Need
from capture.store.rows import MasterRow
from capture.store.sets import SetRow
from tests.capture.store.frames import BIAS, DARK, FLAT, START

NOW = START + timedelta(days=40)


def held(spec: FrameSpec, *ages_days: float, count: int = 3, most_days: float = 30.0) -> Holding:
    need = Need("T1", spec.set_key(), count, most_days)
    return Holding(need, tuple(NOW - timedelta(days=age) for age in ages_days))


def only(holding: Holding, **more: object) -> Coverage:
    (row,) = coverage([], [holding], [], more.get("attempts", {}), NOW)  # type: ignore[arg-type]
    return row


def test_a_need_that_is_met_is_fresh_and_tells_the_age_of_its_newest_frame() -> None:
    row = only(held(DARK, 1.5, 2, 29))
    assert (row.freshness, row.have, row.need, row.age_days) == (Freshness.FRESH, 3, 3, 1.5)


def test_a_need_whose_frames_grew_old_is_stale_since_then() -> None:
    row = only(held(DARK, 10, 20, 31))
    assert (row.freshness, row.have) == (Freshness.STALE, 2)
    assert row.stale_since == NOW - timedelta(days=1)


def test_a_need_that_was_never_met_is_short() -> None:
    assert only(held(DARK, 1)).freshness is Freshness.SHORT
    nothing = only(held(DARK))
    assert (nothing.freshness, nothing.have, nothing.age_days) == (Freshness.SHORT, 0, None)


def test_sets_that_nothing_needs_are_beyond_and_lights_are_no_calibration() -> None:
    other = replace(DARK, exposure_s=900.0).set_key()
    light = replace(DARK, kind=Kind.LIGHT)
    sets = [SetRow("T1", spec, 4, NOW - timedelta(days=100)) for spec in (other, light)]
    (row,) = coverage(sets, [], [], {}, NOW)
    assert (row.spec, row.freshness, row.have, row.need) == (other, Freshness.BEYOND, 4, 0)


def test_the_newest_master_and_the_next_attempt_stand_beside_the_set() -> None:
    key = DARK.set_key()

    def master(number: int, days: float) -> MasterRow:
        built = NOW - timedelta(days=days)
        return MasterRow(number, "T1", "c", key, f"m{number}.fits", "", "clip", 3, built, built, built)

    attempt = Attempt(date(2027, 1, 1), "darks")
    masters = [master(2, 1), master(3, 0.5), master(1, 9)]
    (row,) = coverage([], [held(DARK, 1)], masters, {("T1", key): attempt}, NOW)
    assert (row.master, row.next_attempt) == ("m3.fits", attempt)


def test_the_board_is_in_the_order_of_rig_kind_filter_and_exposure() -> None:
    specs = [FLAT, replace(FLAT, filter="B"), replace(DARK, exposure_s=60.0), DARK, BIAS]
    rows = coverage([], [held(spec) for spec in specs], [], {}, NOW)
    assert [str(row.spec) for row in rows] == ["bias", "dark 60 s", "dark 120 s", "flat B", "flat Ha"]


@pytest.mark.parametrize(
    ("stale_days", "next_in_days", "is_alarm"),
    [(1, 1, False), (1, 6, True), (1, None, True), (5, 0, True), (3.5, 0, True)],
)
def test_a_set_is_overdue_that_is_stale_for_too_long_or_will_be_before_the_next_attempt(
    stale_days: float, next_in_days: int | None, *, is_alarm: bool
) -> None:
    holding = held(DARK, 10, 20, 30 + stale_days)
    attempts = {}
    if next_in_days is not None:
        attempts["T1", DARK.set_key()] = Attempt(NOW.date() + timedelta(days=next_in_days), "darks")
    row = only(holding, attempts=attempts)
    assert overdue([row], timedelta(days=3), NOW) == ([row] if is_alarm else [])


def test_what_is_fresh_or_was_never_met_is_not_overdue() -> None:
    rows = [only(held(DARK, 1, 2, 3)), only(held(DARK, 1)), only(held(FLAT))]
    assert overdue(rows, timedelta(0), NOW) == []
