"""The ledger: what a frame costs, settled once, never below what is allowed, given back when set aside."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capture.errors import BadInput, NotAllowed
from capture.frame import Facts, Frame, FrameSpec, Kind, Statistics, Verdict
from capture.members.ledger import refund, statement
from capture.members.pricing import in_points, price_millipoints
from capture.members.roles import Actor, Role
from capture.store.catalogue import Catalogue, NewFrame
from capture.store.points import Charge, PointKind
from capture.store.rows import FrameRow

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
DARK = FrameSpec(Kind.DARK, 600.0)
OPERATOR, ADA, BEN = Actor("olga", Role.OPERATOR), Actor("ada", Role.MEMBER), Actor("ben", Role.MEMBER)


def by_roof(frame: FrameRow) -> Charge:
    return Charge(1000 if frame.facts.roof_open else 0, "a test")


def new_frame(number: int, request: int, *, roof_open: bool, good: bool = True) -> NewFrame:
    facts = Facts("T1", "camera", NOW + timedelta(seconds=number), 600.0, -30.0, roof_open=roof_open)
    verdict = Verdict() if good else Verdict(("bad",))
    frame = Frame(np.zeros((2, 2), np.uint16), DARK, facts, Statistics(1, 1, 1, 1, 0), verdict)
    return NewFrame(frame, None, date(2026, 11, 21), f"{number}.fits", f"{number:064}", request=request)


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    made = Catalogue(tmp_path / "catalogue.sqlite")
    made.accounts.add("ada", "member", None, NOW)
    made.requests.add("ada", "T1", DARK, 10, NOW)
    yield made
    made.close()


@given(seconds=st.decimals("0.001", "7200", places=3), rate=st.decimals(0, 10_000, places=2))
def test_a_price_is_exact_and_rounded_half_even(seconds: Decimal, rate: Decimal) -> None:
    exact = seconds * rate * 1000 / 3600
    price = price_millipoints(FrameSpec(Kind.DARK, float(seconds)), float(rate))
    assert price == int(exact.quantize(Decimal(1), ROUND_HALF_EVEN))
    assert price_millipoints(FrameSpec(Kind.BIAS), float(rate)) == 0


@settings(max_examples=25, deadline=None)
@given(
    frames=st.lists(st.tuples(st.booleans(), st.booleans()), max_size=8),
    granted=st.integers(0, 6),
    leave=st.integers(0, 3),
    passes=st.integers(1, 3),
)
def test_settling_adds_up_whatever_the_order_and_never_falls_below_what_is_allowed(
    tmp_path_factory: pytest.TempPathFactory,
    frames: list[tuple[bool, bool]],
    granted: int,
    leave: int,
    passes: int,
) -> None:
    catalogue = Catalogue(tmp_path_factory.mktemp("points") / "catalogue.sqlite")
    try:
        catalogue.accounts.add("ada", "member", None, NOW)
        catalogue.accounts.change("ada", leave_millipoints=1000 * leave)
        number = catalogue.requests.add("ada", "T1", DARK, 10, NOW).id
        if granted:
            catalogue.points.add("ada", PointKind.GRANT, 1000 * granted, NOW, "olga", "a test")
        for index, (roof_open, good) in enumerate(frames):
            catalogue.add_frames([new_frame(index, number, roof_open=roof_open, good=good)])
            if index % passes == 0:
                catalogue.points.settle(by_roof, NOW, "nightcal")
        catalogue.points.settle(by_roof, NOW, "nightcal")
        lines = catalogue.points.lines("ada")
        assert catalogue.points.settle(by_roof, NOW, "nightcal") == 0
        assert catalogue.points.lines("ada") == lines
        balance = catalogue.points.balance_millipoints("ada")
        cost = sum(1000 for roof_open, good in frames if roof_open and good)
        assert balance == sum(line.millipoints for line in lines)
        assert balance == max(1000 * granted - cost, -1000 * leave)
        assert all(line.balance_millipoints >= -1000 * leave for line in lines)
    finally:
        catalogue.close()


def test_a_frame_that_is_set_aside_is_given_back_once(catalogue: Catalogue) -> None:
    catalogue.points.add("ada", PointKind.GRANT, 5000, NOW, "olga", "a test")
    catalogue.add_frames([new_frame(1, 1, roof_open=True)])
    catalogue.points.settle(by_roof, NOW, "nightcal")
    assert catalogue.points.balance_millipoints("ada") == 4000
    since = NOW - timedelta(hours=1)
    catalogue.quarantine.set_aside("T1", (Kind.DARK,), since, NOW, "olga", "light")
    for _ in range(2):
        catalogue.points.settle(by_roof, NOW, "nightcal")
    assert catalogue.points.balance_millipoints("ada") == 5000


def test_operators_refund_with_a_reason_at_most_what_was_paid(catalogue: Catalogue) -> None:
    catalogue.points.add("ada", PointKind.GRANT, 5000, NOW, "olga", "a test")
    catalogue.add_frames([new_frame(1, 1, roof_open=True)])
    catalogue.points.settle(by_roof, NOW, "nightcal")
    with pytest.raises(NotAllowed, match="operator"):
        refund(catalogue, ADA, "ada", 1.0, "please", NOW)
    with pytest.raises(BadInput, match="say why"):
        refund(catalogue, OPERATOR, "ada", 1.0, " ", NOW)
    with pytest.raises(BadInput, match="1 points of request 1"):
        refund(catalogue, OPERATOR, "ada", 1.5, "clouds", NOW, request=1)
    assert refund(catalogue, OPERATOR, "ada", 1.0, "clouds", NOW, request=1) == 5000


def test_a_statement_sums_up_frames_of_a_request_that_came_to_the_same(catalogue: Catalogue) -> None:
    catalogue.points.add("ada", PointKind.GRANT, 5000, NOW, "olga", "a test")
    roofs = (True, True, False, False, True)
    frames = [new_frame(number, 1, roof_open=is_open) for number, is_open in enumerate(roofs)]
    for frame in frames:
        catalogue.add_frames([frame])
        catalogue.points.settle(by_roof, NOW, "nightcal")
    told = statement(catalogue, ADA, "ada")
    assert [(one.count, one.millipoints) for one in told.sums()] == [
        (1, 5000), (2, -2000), (2, 0), (1, -1000),
    ]  # fmt: skip
    assert len(told.csv().splitlines()) == 1 + 1 + len(roofs)
    assert "2 frames, " in told.text()


def test_a_statement_is_its_owners_and_harmless_to_spreadsheets(catalogue: Catalogue) -> None:
    catalogue.points.add("ada", PointKind.GRANT, 1500, NOW, "olga", "=HYPERLINK(1)")
    told = statement(catalogue, ADA, "ada")
    assert told.text().endswith("ada has 1.5 points\n")
    assert "'=HYPERLINK(1)" in told.csv()
    with pytest.raises(NotAllowed):
        statement(catalogue, BEN, "ada")


@pytest.mark.parametrize(("amount", "text"), [(0, "0"), (1, "0.001"), (-1500, "-1.5"), (20000, "20")])
def test_points_are_written_as_people_read_them(amount: int, text: str) -> None:
    assert in_points(amount) == text
