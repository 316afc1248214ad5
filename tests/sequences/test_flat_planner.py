"""The planner: in which order, how many of each, and when the first opens."""

from __future__ import annotations

import numpy as np
import pytest

from sequences.flat_planner import Outlook, Plan, best_plan

END_S = 1000.0
TIMES_S = np.linspace(0.0, END_S, 501)


def outlook(
    spans: dict[str, tuple[float, float]], cost_s: float = 10.0, change_s: float = 0.0, look_s: float = 0.0
) -> Outlook:
    """Filters that can be taken within a span each, in the operator's order, at the same cost a frame.

    They follow each other by the middle of their spans.
    """
    rows = [
        np.where((first_s <= TIMES_S) & (last_s >= TIMES_S), cost_s, np.inf)
        for first_s, last_s in spans.values()
    ]
    line = np.array([(first_s + last_s) / 2 for first_s, last_s in spans.values()])
    return Outlook(tuple(spans), TIMES_S, np.array(rows), line, change_s, look_s)


def planned(spans: dict[str, tuple[float, float]], count: int, now_s: float = 0.0, current: str = "") -> Plan:
    return best_plan(outlook(spans), dict.fromkeys(spans, count), now_s, current)


def test_what_is_lost_first_is_taken_first_whatever_the_operator_s_order() -> None:
    plan = planned({"L": (300, 900), "R": (150, 600), "Ha": (0, 300)}, 10)
    assert plan.counts == (("Ha", 10), ("R", 10), ("L", 10))
    assert plan.opens_s == 0.0
    assert plan.complete == 3


def test_it_waits_for_a_filter_that_cannot_be_taken_yet() -> None:
    plan = planned({"L": (300, 900)}, 5)
    assert plan.opens_s == 300.0
    assert plan.finish_s == pytest.approx(350.0, abs=3.0)


def test_when_time_is_short_a_whole_set_is_better_than_two_halves() -> None:
    plan = planned({"L": (0, 99), "R": (0, 99)}, 10)
    assert plan.complete == 1
    assert sum(count for _, count in plan.counts) == 10


def test_of_two_sets_that_cost_the_same_the_one_wanted_first_is_completed() -> None:
    for spans in ({"L": (0, 99), "R": (0, 99)}, {"R": (0, 99), "L": (0, 99)}):
        assert planned(spans, 10).counts == ((next(iter(spans)), 10),)


def test_the_filter_in_the_light_is_kept_where_that_costs_no_frame() -> None:
    spans = {"Ha": (0.0, 500.0), "SII": (0.0, 502.0), "R": (0.0, 200.0)}
    assert planned(spans, 10, current="SII").counts[0][0] == "SII"
    assert planned({**spans, "R": (0.0, 100.0)}, 10, current="SII").counts[0][0] == "R"


def test_sets_that_fit_are_planned_whole_and_those_that_do_not_are_said_so() -> None:
    roomy, narrow = outlook({"L": (0, 300), "R": (0, 600)}), outlook({"L": (0, 150), "R": (0, 150)})
    left = {"L": 10, "R": 10}
    assert best_plan(roomy, left, 0.0, "", all_of_it=True).complete == 2
    assert not best_plan(narrow, left, 0.0, "", all_of_it=True)


def test_sets_that_leave_no_time_for_a_look_at_each_filter_do_not_fit() -> None:
    spans: dict[str, tuple[float, float]] = {"L": (0, 90), "R": (0, 195)}
    left = {"L": 10, "R": 10}
    assert best_plan(outlook(spans), left, 0.0, "", all_of_it=True).complete == 2
    assert not best_plan(outlook(spans, look_s=10.0), left, 0.0, "", all_of_it=True)


def test_changes_of_the_filter_are_paid_for() -> None:
    spans: dict[str, tuple[float, float]] = {"L": (0, 480), "R": (0, 490)}
    free, dear = outlook(spans, change_s=0.0), outlook(spans, change_s=100.0)
    left = {"L": 10, "R": 10}
    later_s = best_plan(dear, left, 0.0, "L").finish_s - best_plan(free, left, 0.0, "L").finish_s
    assert later_s == pytest.approx(100.0, abs=3.0)


def test_hundreds_of_frames_are_planned_as_well() -> None:
    plan = planned({"L": (500, 1000), "R": (0, 499)}, 300)
    assert [name for name, _ in plan.counts] == ["R", "L"]
    assert 90 <= sum(count for _, count in plan.counts) <= 102


def test_where_nothing_can_be_taken_there_is_no_plan() -> None:
    assert not planned({"L": (2000, 3000)}, 5)
