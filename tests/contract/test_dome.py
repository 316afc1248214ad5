"""What nightcal relies on in a roof."""

from __future__ import annotations

import pytest

from capture.alpaca.devices import Dome, ShutterState
from tests.contract.bench import Bench

LONGEST_MOVE_S = 300.0


@pytest.fixture
def roof(bench: Bench) -> Dome:
    return bench.device(Dome)


def state(roof: Dome) -> ShutterState:
    return ShutterState(roof.ShutterStatus)


def shut(bench: Bench, roof: Dome) -> None:
    if state(roof) is not ShutterState.shutterClosed:
        roof.CloseShutter()
    bench.wait(lambda: state(roof) is ShutterState.shutterClosed, LONGEST_MOVE_S)


def test_its_shutter_has_a_known_state(roof: Dome) -> None:
    assert roof.CanSetShutter is True
    assert state(roof) in ShutterState
    assert roof.Slewing in (True, False)


@pytest.mark.moves
def test_it_reads_opening_until_open_and_closing_until_closed(bench: Bench, roof: Dome) -> None:
    shut(bench, roof)
    roof.OpenShutter()
    assert state(roof) is ShutterState.shutterOpening
    bench.wait(lambda: state(roof) is ShutterState.shutterOpen, LONGEST_MOVE_S)
    roof.CloseShutter()
    assert state(roof) is ShutterState.shutterClosing
    bench.wait(lambda: state(roof) is ShutterState.shutterClosed, LONGEST_MOVE_S)


@pytest.mark.moves
def test_it_slews_while_the_shutter_moves(bench: Bench, roof: Dome) -> None:
    shut(bench, roof)
    roof.OpenShutter()
    assert roof.Slewing
    bench.wait(lambda: state(roof) is ShutterState.shutterOpen, LONGEST_MOVE_S)
    assert not roof.Slewing
    shut(bench, roof)


@pytest.mark.moves
def test_an_opening_roof_can_be_told_to_close(bench: Bench, roof: Dome) -> None:
    shut(bench, roof)
    roof.OpenShutter()
    bench.sleep(0.5)
    roof.CloseShutter()
    bench.wait(lambda: state(roof) is ShutterState.shutterClosed, LONGEST_MOVE_S)


@pytest.mark.moves
def test_closing_a_closed_roof_is_no_error(bench: Bench, roof: Dome) -> None:
    shut(bench, roof)
    roof.CloseShutter()
    bench.wait(lambda: state(roof) is ShutterState.shutterClosed, LONGEST_MOVE_S)
