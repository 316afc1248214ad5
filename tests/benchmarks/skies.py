"""Twilights for the tests of the benchmark: skies that do not change, and small samples of real ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from benchmarks.sky_flats.scenarios import CONFIGURATIONS, SCENARIOS, twilight_spec
from benchmarks.sky_flats.truth import Twilight, TwilightSpec

SPEC = TwilightSpec(seed=5, night=datetime(2026, 3, 20, tzinfo=UTC), setting=True)


class SteadySky(Twilight):
    """A sky of constant rates, ADU/s by filter, over the window of a real twilight; no jitter."""

    def __init__(self, rates_adu_per_s: Mapping[str, float], spec: TwilightSpec = SPEC) -> None:
        super().__init__(replace(spec, camera=replace(spec.camera, download_jitter_s=0.0)))
        self.filters = tuple(rates_adu_per_s)
        self._steady = dict(rates_adu_per_s)

    def rate_adu_per_s(self, name: str, t_s: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.full(np.shape(t_s), self._steady[name])

    def level_adu(self, name: str, opened_s: float, open_s: float) -> float:
        return self._steady[name] * open_s


def sample(configuration: str, scenario: str, number: int) -> tuple[Twilight, dict[str, int]]:
    """One of the benchmark's twilights for development, and its quotas."""
    config = CONFIGURATIONS[configuration]
    return Twilight(twilight_spec(SCENARIOS[scenario], config, number, final=False)), config.quotas
