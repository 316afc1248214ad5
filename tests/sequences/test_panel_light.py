"""The search for a panel's brightness and exposure, on panels drawn here."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sequences.panel_light import Light, PanelLight, Setting

LIGHT = Light(30_000.0, 60_000.0, 0.25, 0.5, 60.0, 255)


def play(gives: Callable[[Setting, int], float], frames: int = 40) -> tuple[list[Setting], PanelLight]:
    """The settings of the first 5 frames that count, by a panel that gives so many ADU/s at each frame."""
    panel = PanelLight(LIGHT)
    good: list[Setting] = []
    for number in range(frames):
        if panel.hopeless is not None or len(good) == 5:
            break
        setting = panel.next()
        assert LIGHT.min_exposure_s <= setting.exposure_s <= LIGHT.max_exposure_s
        assert 1 <= setting.brightness <= LIGHT.brightest
        level_adu = min(65_000.0, gives(setting, number) * setting.exposure_s)
        if panel.see(setting, level_adu):
            assert abs(level_adu / LIGHT.target_adu - 1) <= LIGHT.tolerance
            good.append(setting)
    return good, panel


@pytest.mark.parametrize("adu_per_s_at_full", [600.0, 5e3, 5e4, 1e6])
@pytest.mark.parametrize("power", [1.0, 0.6, 1.8])
def test_any_panel_that_can_do_it_is_set_within_a_dozen_frames(
    adu_per_s_at_full: float, power: float
) -> None:
    good, panel = play(lambda setting, _: adu_per_s_at_full * (setting.brightness / 255) ** power, 17)
    assert panel.hopeless is None
    assert len(good) == 5


def test_no_frame_counts_while_the_light_still_changes() -> None:
    warm = 8

    def gives(setting: Setting, number: int) -> float:
        return 30.0 * setting.brightness * (1 + 0.1 * max(0, warm - number))

    counted: list[int] = []
    panel = PanelLight(LIGHT)
    for number in range(20):
        setting = panel.next()
        if panel.see(setting, gives(setting, number) * setting.exposure_s):
            counted.append(number)
    assert counted
    assert min(counted) > warm


@pytest.mark.parametrize(("adu_per_s", "word"), [(10.0, "too faint"), (1e9, "too bright")])
def test_a_panel_that_cannot_do_it_is_given_up_with_the_reason(adu_per_s: float, word: str) -> None:
    good, panel = play(lambda setting, _: adu_per_s * setting.brightness / 255)
    assert good == []
    assert word in str(panel.hopeless)


def test_a_lamp_that_warms_is_left_at_its_brightness_until_two_frames_agree() -> None:
    panel = PanelLight(LIGHT)
    brightnesses, changing = [], []
    for number in range(8):
        setting = panel.next()
        brightnesses.append(setting.brightness)
        panel.see(setting, 10.0 * setting.brightness * (1 + number) * setting.exposure_s)
        changing.append(panel.changes)
    assert len(set(brightnesses)) == 1
    assert changing == [False] + [True] * 7
    assert panel.hopeless is None
