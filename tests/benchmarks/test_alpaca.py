"""A twilight as plain calls and through the whole program over Alpaca: the same sky, the same success."""

from __future__ import annotations

import pytest

from benchmarks.sky_flats.alpaca import compare
from benchmarks.sky_flats.scenarios import CONFIGURATIONS, SCENARIOS, twilight_spec


@pytest.mark.parametrize(
    ("configuration_name", "scenario_name", "number"),
    [("ccd_lrgbsho_10", "clear", 2), ("ccd_ubvri_10", "clear", 1), ("ccd_lrgbsho_10", "clouds", 3)],
)
def test_over_alpaca_a_twilight_is_the_same(configuration_name: str, scenario_name: str, number: int) -> None:
    configuration = CONFIGURATIONS[configuration_name]
    spec = twilight_spec(SCENARIOS[scenario_name], configuration, number, final=False)
    both = compare(spec, configuration)
    assert both.frames > 20
    assert both.worst_error < 0.005
    assert both.whole.out_of_band == both.pure.out_of_band == 0
    # Under clouds the frames of the two meet other moments of the same sky.
    margin = 0 if spec.veil is None else 0.15 * both.pure.good
    assert both.whole.good == pytest.approx(both.pure.good, abs=margin)
