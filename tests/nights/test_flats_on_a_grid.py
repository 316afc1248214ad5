"""A night with an exposure grid: flats keep to it, and the dark hours take the darks that match them."""

from __future__ import annotations

from pathlib import Path

from capture.frame import Kind
from capture.site import Twilight
from tests.nights.harness import NIGHT, SITE, live, settings

GRID_S = (0.5, 0.8, 1.2, 1.8, 2.7, 4.0, 6.0, 9.0, 14.0, 20.0)


def test_flats_keep_to_the_grid_and_their_darks_are_taken_in_the_same_night(tmp_path: Path) -> None:
    grid = f"exposure_grid_s = {list(GRID_S)}, flat_darks = true"

    def change(text: str) -> str:
        assert text.count("max_exposure_s = 30.0") == 1
        return text.replace("max_exposure_s = 30.0", f"max_exposure_s = 30.0, {grid}")

    night = live(tmp_path, settings(), change=change)
    mine = [frame for frame in night.frames if frame.rig == "T1" and frame.good]
    flats = [frame for frame in mine if frame.kind is Kind.FLAT]
    assert {flat.spec.exposure_s for flat in flats} <= set(GRID_S)
    assert len(flats) == 12
    dusk = SITE.twilight(NIGHT, Twilight.DUSK, 0.0, -10.0)
    at_dusk = {flat.spec.exposure_s for flat in flats if flat.taken in dusk}
    darks = [frame.spec.exposure_s for frame in mine if frame.kind is Kind.DARK]
    assert at_dusk
    assert {exposure_s: darks.count(exposure_s) for exposure_s in at_dusk} == dict.fromkeys(at_dusk, 5)
    assert set(darks) == at_dusk | {60.0, 300.0}
