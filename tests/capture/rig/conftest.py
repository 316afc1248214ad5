"""Benches with a rig under an open or a shut roof."""

from __future__ import annotations

import pytest

from capture.config import Config
from capture.guard.client import RoofState
from simulators import Observatory
from tests.capture.rig.bench import RigBench


@pytest.fixture
def open_bench(config: Config, observatory: Observatory) -> RigBench:
    return RigBench(config, observatory, RoofState.OPEN)


@pytest.fixture
def shut_bench(config: Config, observatory: Observatory) -> RigBench:
    return RigBench(config, observatory, RoofState.SHUT)


@pytest.fixture
def ccd_bench(config: Config, observatory: Observatory) -> RigBench:
    """T2: a CCD with a shutter, without gain and offset."""
    return RigBench(config, observatory, RoofState.SHUT, rig=1)
