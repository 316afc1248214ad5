"""What nightcal relies on in a rotator."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from capture.alpaca.devices import Rotator
from capture.errors import DeviceRefused
from tests.contract.bench import Bench

LONGEST_MOVE_S = 180.0


@pytest.fixture
def rotator(bench: Bench) -> Iterator[Rotator]:
    """At rest; taken back to where it was."""
    rotator = bench.device(Rotator)
    bench.wait(lambda: not rotator.IsMoving, LONGEST_MOVE_S)
    before = float(rotator.MechanicalPosition)
    yield rotator
    if apart_deg(rotator.MechanicalPosition, before) > 0.1:
        rotator.MoveMechanical(before)
        bench.wait(lambda: not rotator.IsMoving, LONGEST_MOVE_S)


def apart_deg(a: float, b: float) -> float:
    return abs((a - b + 180) % 360 - 180)


def test_it_says_where_it_is(rotator: Rotator) -> None:
    assert 0 <= rotator.MechanicalPosition < 360
    assert 0 <= rotator.Position < 360
    assert rotator.IsMoving is False


@pytest.mark.moves
@pytest.mark.parametrize("way_deg", [30.0, 200.0])
def test_it_arrives_at_a_mechanical_position(bench: Bench, rotator: Rotator, way_deg: float) -> None:
    target = (float(rotator.MechanicalPosition) + way_deg) % 360
    rotator.MoveMechanical(target)
    bench.wait(lambda: not rotator.IsMoving, LONGEST_MOVE_S)
    assert apart_deg(rotator.MechanicalPosition, target) < 0.5


@pytest.mark.moves
def test_it_moves_until_it_is_there(bench: Bench, rotator: Rotator) -> None:
    target = (float(rotator.MechanicalPosition) + 60) % 360
    rotator.MoveMechanical(target)
    assert rotator.IsMoving is True
    bench.wait(lambda: not rotator.IsMoving, LONGEST_MOVE_S)
    assert apart_deg(rotator.MechanicalPosition, target) < 0.5


@pytest.mark.moves
def test_it_can_be_halted_on_its_way(bench: Bench, rotator: Rotator) -> None:
    target = (float(rotator.MechanicalPosition) + 90) % 360
    rotator.MoveMechanical(target)
    rotator.Halt()
    bench.wait(lambda: not rotator.IsMoving, 10)
    assert apart_deg(rotator.MechanicalPosition, target) > 1


@pytest.mark.moves
def test_an_angle_that_there_is_not_is_refused_as_an_invalid_value(rotator: Rotator) -> None:
    for angle in (-1.0, 400.0):
        with pytest.raises(DeviceRefused) as caught:
            rotator.MoveMechanical(angle)
        assert caught.value.number == 0x401
