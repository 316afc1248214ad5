"""A bench for the guard."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from capture.config import Config
from simulators import Observatory
from tests.capture.guard.bench import Bench


@pytest.fixture
def bench(config: Config, observatory: Observatory) -> Callable[..., Bench]:
    """Make a bench; arguments replace keys of `[roof]`."""
    return lambda **roof: Bench(config, observatory, **roof)
