"""What nightcal relies on in a filter wheel."""

from __future__ import annotations

import pytest

from capture.alpaca.devices import FilterWheel
from capture.errors import DeviceRefused
from tests.contract.bench import Bench


@pytest.fixture
def wheel(bench: Bench) -> FilterWheel:
    """At rest."""
    wheel = bench.device(FilterWheel)
    bench.wait(lambda: wheel.Position >= 0, 60)
    return wheel


def test_it_has_a_name_and_a_focus_offset_for_each_slot(wheel: FilterWheel) -> None:
    assert wheel.Names
    assert all(isinstance(name, str) for name in wheel.Names)
    assert len(wheel.FocusOffsets) == len(wheel.Names)
    assert 0 <= wheel.Position < len(wheel.Names)


@pytest.mark.moves
def test_it_reads_minus_one_until_it_has_arrived(bench: Bench, wheel: FilterWheel) -> None:
    before = wheel.Position
    target = (before + len(wheel.Names) // 2) % len(wheel.Names)
    wheel.Position = target
    seen = {wheel.Position}
    bench.wait(lambda: seen.add(wheel.Position) or wheel.Position == target, 60)  # type: ignore[func-returns-value]
    assert seen <= {-1, target}
    assert -1 in seen


@pytest.mark.moves
def test_it_stays_where_it_was_sent(bench: Bench, wheel: FilterWheel) -> None:
    for slot in (1 % len(wheel.Names), 0):
        wheel.Position = slot
        bench.wait(lambda slot=slot: wheel.Position == slot, 60)  # type: ignore[misc]
        bench.sleep(1)
        assert wheel.Position == slot


def test_a_slot_that_there_is_not_is_refused_as_an_invalid_value(wheel: FilterWheel) -> None:
    before = wheel.Position
    for slot in (-1, len(wheel.Names)):
        with pytest.raises(DeviceRefused) as caught:
            wheel.Position = slot
        assert caught.value.number == 0x401
    assert wheel.Position == before
