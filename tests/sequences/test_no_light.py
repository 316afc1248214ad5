"""A telescope that sees nothing is told from a sky that is dim."""

from __future__ import annotations

import pytest

from sequences.no_light import NoLight

Look = tuple[float, float, float]
NOTHING: Look = (3.0, 1.0, -3.0)


def told(*looks: Look) -> list[bool]:
    watch = NoLight()
    return [watch.see(*look) for look in looks]


def test_three_looks_at_a_bright_sky_that_show_nothing_are_told() -> None:
    assert told(NOTHING, NOTHING, NOTHING) == [False, False, True]


def test_one_such_look_is_a_suspicion_that_light_takes_back() -> None:
    watch = NoLight()
    watch.see(*NOTHING)
    assert watch.suspected is not None
    assert "3 ADU above bias with the Sun at -3.0 deg: is the cover shut" in watch.suspected
    watch.see(800.0, 1.0, -3.0)
    assert watch.suspected is None


@pytest.mark.parametrize(
    "looks",
    [
        pytest.param([(3.0, 1.0, -8.0)] * 9, id="the sky is dark"),
        pytest.param([(3.0, 0.01, -3.0)] * 9, id="hardly exposed"),
        pytest.param([NOTHING, NOTHING, (500.0, 1.0, -3.0)] * 3, id="light in between"),
    ],
)
def test_what_has_another_reason_is_not(looks: list[Look]) -> None:
    assert not any(told(*looks))
