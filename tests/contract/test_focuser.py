"""What nightcal relies on in a focuser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from capture.alpaca.devices import Focuser
from capture.errors import DeviceRefused
from tests.contract.bench import Bench

LONGEST_MOVE_S = 120.0


@pytest.fixture
def focuser(bench: Bench) -> Iterator[Focuser]:
    """At rest; taken back to where it was."""
    focuser = bench.device(Focuser)
    bench.wait(lambda: not focuser.IsMoving, LONGEST_MOVE_S)
    if focuser.TempCompAvailable and focuser.TempComp:
        focuser.TempComp = False
    before = focuser.Position
    yield focuser
    if focuser.Position != before:
        go(bench, focuser, before)


def go(bench: Bench, focuser: Focuser, position: int) -> None:
    focuser.Move(position)
    bench.wait(lambda: not focuser.IsMoving, LONGEST_MOVE_S)


def aside(focuser: Focuser, steps: int) -> int:
    """A position so far from here that there is."""
    here = int(focuser.Position)
    return here - steps if here >= steps else here + steps


def test_it_is_absolute_and_says_where_it_is(focuser: Focuser) -> None:
    assert focuser.Absolute is True
    assert 0 <= focuser.Position <= focuser.MaxStep
    assert 0 < focuser.MaxIncrement <= focuser.MaxStep


@pytest.mark.moves
def test_it_arrives_where_it_is_sent(bench: Bench, focuser: Focuser) -> None:
    target = aside(focuser, 200)
    go(bench, focuser, target)
    assert focuser.Position == target


@pytest.mark.moves
def test_it_moves_until_it_is_there(bench: Bench, focuser: Focuser) -> None:
    target = aside(focuser, min(focuser.MaxStep // 4, focuser.MaxIncrement))
    focuser.Move(target)
    assert focuser.IsMoving is True
    bench.wait(lambda: focuser.Position == target and not focuser.IsMoving, LONGEST_MOVE_S)


@pytest.mark.moves
def test_it_can_be_halted(bench: Bench, focuser: Focuser) -> None:
    focuser.Move(aside(focuser, min(focuser.MaxStep // 4, focuser.MaxIncrement)))
    focuser.Halt()
    bench.wait(lambda: not focuser.IsMoving, 10)


@pytest.mark.moves
def test_a_position_that_there_is_not_is_never_reached(bench: Bench, focuser: Focuser) -> None:
    with pytest.raises(DeviceRefused) as caught:
        focuser.Move(focuser.MaxStep + 1)
    assert caught.value.number == 0x401


@pytest.mark.moves
def test_temperature_compensation_reads_as_it_was_set(focuser: Focuser) -> None:
    if not focuser.TempCompAvailable:
        pytest.skip("it has none")
    for on in (True, False):
        focuser.TempComp = on
        assert focuser.TempComp is on
