"""The queue: round-robin by member, and nobody touches another's."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.errors import BadInput, NotAllowed
from capture.frame import FrameSpec, Kind
from capture.members.asking import Ask
from capture.members.queue import cancel, ended_requests, ends, in_turn, queue, refuse, request_of
from capture.members.roles import VISITOR
from capture.store.requests import RequestRow, RequestState
from tests.capture.members.conftest import ADA, BEN, OLGA, Desk

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
DARK = Ask("T1", "dark", 60.0, 10)


def row(number: int, who: str) -> RequestRow:
    spec = FrameSpec(Kind.DARK, 60.0)
    return RequestRow(number, who, "T1", spec, 5, False, NOW, 0, RequestState.QUEUED, NOW, who, "")


@pytest.mark.parametrize(
    ("asked", "served_hours_ago", "order"),
    [
        ("aab", {}, [1, 3, 2]),
        ("aaabbc", {}, [1, 4, 6, 2, 5, 3]),
        ("aab", {"a": 1}, [3, 1, 2]),
        ("abc", {"a": 1, "b": 3, "c": 2}, [2, 3, 1]),
        ("", {}, []),
    ],
)
def test_members_take_turns_and_who_was_served_longest_ago_is_next(
    asked: str, served_hours_ago: dict[str, int], order: list[int]
) -> None:
    served = {who: NOW - timedelta(hours=hours) for who, hours in served_hours_ago.items()}
    rows = [row(number, who) for number, who in enumerate(asked, 1)]
    assert [one.id for one in in_turn(rows, served)] == order


@given(asked=st.text("abcd", max_size=30))
def test_however_many_one_member_sends_every_other_is_within_the_first_round(asked: str) -> None:
    turns = in_turn([row(number, who) for number, who in enumerate(asked, 1)], {})
    members = len(set(asked))
    assert {one.who for one in turns[:members]} == set(asked)
    assert sorted(one.id for one in turns) == list(range(1, len(asked) + 1))


def test_a_member_sees_their_own_with_the_place_among_all(desk: Desk) -> None:
    first, second = desk.send(ADA, DARK), desk.send(BEN, DARK)
    mine = queue(desk.config, desk.archive, BEN)
    assert [(one.row.id, one.expected.position) for one in mine] == [(second.id, 2)]
    assert [one.row.id for one in queue(desk.config, desk.archive, OLGA, "T1")] == [first.id, second.id]
    begins = [one.expected.begins for one in queue(desk.config, desk.archive, OLGA)]
    assert begins[0] is not None
    assert begins[1] is not None
    assert begins[1] - begins[0] >= timedelta(seconds=600)


def test_ended_requests_are_shown_to_their_member_and_to_operators_the_newest_end_first(desk: Desk) -> None:
    catalogue = desk.archive.catalogue
    first, second, third = (desk.send(who, DARK) for who in (ADA, BEN, ADA))
    refuse(catalogue, OLGA, third.id, "maintenance", NOW + timedelta(minutes=1))
    cancel(catalogue, BEN, second.id, "", NOW + timedelta(minutes=2))
    assert [one.id for one in ended_requests(catalogue, ADA)] == [third.id]
    assert [one.id for one in ended_requests(catalogue, OLGA)] == [second.id, third.id]
    cancel(catalogue, ADA, first.id, "", NOW + timedelta(minutes=3))
    assert [one.id for one in ended_requests(catalogue, OLGA, limit=2)] == [first.id, second.id]


def test_news_are_ones_own_requests_that_others_have_ended_since(desk: Desk) -> None:
    catalogue = desk.archive.catalogue
    for who in (ADA, ADA, BEN):
        desk.send(who, DARK)
    refuse(catalogue, OLGA, 1, "maintenance", NOW + timedelta(minutes=1))
    cancel(catalogue, ADA, 2, "", NOW + timedelta(minutes=2))
    refuse(catalogue, OLGA, 3, "maintenance", NOW + timedelta(minutes=3))
    ended = [NOW + timedelta(minutes=1)], [NOW + timedelta(minutes=3)], []
    assert tuple(ends(catalogue, who, NOW) for who in (ADA, BEN, OLGA)) == ended
    assert ends(catalogue, ADA, NOW + timedelta(minutes=1)) == []


def test_another_members_request_is_as_if_it_were_not_there(desk: Desk) -> None:
    catalogue = desk.archive.catalogue
    number = desk.send(ADA, DARK).id
    for one in (number, number + 1):
        with pytest.raises(BadInput, match=f"there is no request {one} of yours"):
            request_of(catalogue, BEN, one)
        with pytest.raises(BadInput, match=f"there is no request {one} of yours"):
            cancel(catalogue, BEN, one, "", NOW)
    with pytest.raises(NotAllowed):
        cancel(catalogue, VISITOR, number, "", NOW)
    with pytest.raises(NotAllowed):
        refuse(catalogue, ADA, number, "why not", NOW)
    assert request_of(catalogue, ADA, number).state is RequestState.QUEUED


def test_a_cancelled_request_is_at_its_end(desk: Desk) -> None:
    catalogue = desk.archive.catalogue
    number = desk.send(ADA, DARK).id
    assert cancel(catalogue, ADA, number, "not needed", NOW).why == "not needed"
    assert queue(desk.config, desk.archive, OLGA) == []
    with pytest.raises(BadInput, match=f"request {number} is cancelled already"):
        cancel(catalogue, ADA, number, "", NOW)


def test_an_operators_no_has_a_reason_that_its_member_is_told(desk: Desk) -> None:
    catalogue = desk.archive.catalogue
    number = desk.send(ADA, replace(DARK, count=3)).id
    with pytest.raises(BadInput, match="say why"):
        refuse(catalogue, OLGA, number, "  ", NOW)
    refuse(catalogue, OLGA, number, "the camera is at the maker's", NOW)
    (notice,) = catalogue.notices.of("ada")
    assert notice.title == f"Your request {number} is refused"
    assert "the camera is at the maker's" in notice.body
    assert catalogue.notices.of("ben") == []
