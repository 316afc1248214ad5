"""What nightcal relies on in a cover with a light panel."""

from __future__ import annotations

import pytest
from alpaca.covercalibrator import CalibratorStatus

from capture.alpaca.devices import CoverCalibrator, CoverStatus
from capture.errors import DeviceRefused
from tests.contract.bench import Bench

LONGEST_MOVE_S = 90.0


@pytest.fixture
def cover(bench: Bench) -> CoverCalibrator:
    return bench.device(CoverCalibrator)


def state(cover: CoverCalibrator) -> CoverStatus:
    return CoverStatus(cover.CoverState)


@pytest.fixture
def shut(bench: Bench, cover: CoverCalibrator) -> CoverCalibrator:
    """A cover that is there, and shut."""
    if state(cover) is CoverStatus.NotPresent:
        pytest.skip("it has no cover")
    if state(cover) is not CoverStatus.Closed:
        cover.CloseCover()
        bench.wait(lambda: state(cover) is CoverStatus.Closed, LONGEST_MOVE_S)
    return cover


def test_its_states_are_known_words(cover: CoverCalibrator) -> None:
    assert state(cover) in CoverStatus
    assert CalibratorStatus(cover.CalibratorState) in CalibratorStatus


@pytest.mark.moves
def test_it_reads_moving_until_it_is_open_and_until_it_is_shut(bench: Bench, shut: CoverCalibrator) -> None:
    for move, end in ((shut.OpenCover, CoverStatus.Open), (shut.CloseCover, CoverStatus.Closed)):
        move()
        assert state(shut) is CoverStatus.Moving
        bench.wait(lambda end=end: state(shut) is end, LONGEST_MOVE_S)  # type: ignore[misc]


@pytest.mark.moves
def test_cover_moving_agrees_with_its_state(bench: Bench, shut: CoverCalibrator) -> None:
    if shut.InterfaceVersion < 2:
        pytest.skip("CoverMoving came with Platform 7")
    assert not shut.CoverMoving
    shut.OpenCover()
    assert shut.CoverMoving
    bench.wait(lambda: not shut.CoverMoving, LONGEST_MOVE_S)
    assert state(shut) is CoverStatus.Open


@pytest.mark.moves
def test_shutting_a_shut_cover_is_no_error(bench: Bench, shut: CoverCalibrator) -> None:
    shut.CloseCover()
    bench.wait(lambda: state(shut) is CoverStatus.Closed, LONGEST_MOVE_S)


def test_the_panel_is_ready_at_the_brightness_asked_and_off_again(
    bench: Bench, cover: CoverCalibrator
) -> None:
    if CalibratorStatus(cover.CalibratorState) is CalibratorStatus.NotPresent:
        pytest.skip("it has no panel")
    cover.CalibratorOn(1)
    bench.wait(lambda: CalibratorStatus(cover.CalibratorState) is CalibratorStatus.Ready, 60)
    assert cover.Brightness == 1
    cover.CalibratorOff()
    bench.wait(lambda: CalibratorStatus(cover.CalibratorState) is CalibratorStatus.Off, 60)
    assert cover.Brightness == 0


def test_a_brightness_out_of_range_is_refused_as_an_invalid_value(cover: CoverCalibrator) -> None:
    if CalibratorStatus(cover.CalibratorState) is CalibratorStatus.NotPresent:
        pytest.skip("it has no panel")
    for brightness in (-1, cover.MaxBrightness + 1):
        with pytest.raises(DeviceRefused) as caught:
            cover.CalibratorOn(brightness)
        assert caught.value.number == 0x401
