"""What several tests of the library share."""

from __future__ import annotations

import importlib

import pytest

from capture.library.calibrate_numpy import by_numpy
from capture.library.recipe import Way


@pytest.fixture(params=["numpy", "compiled"])
def way(request: pytest.FixtureRequest) -> Way:
    """Both ways to calibrate, for what holds of both."""
    return by_numpy if request.param == "numpy" else compiled_way()


def compiled_way() -> Way:
    """The way of nightcal[fast]; skips the test where it is not installed."""
    pytest.importorskip("numba", reason="numba is missing: pip install 'nightcal[fast]'")
    way: Way = importlib.import_module("capture.library.calibrate_compiled").by_compiled
    return way
