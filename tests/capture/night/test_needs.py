"""What is known of a rig's filters without asking its wheel."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from capture.config import RigConfig, parse_config
from capture.frame import CameraLimits, FrameSpec, Kind
from capture.night.needs import known_filters
from capture.store.catalogue import Catalogue
from tests.capture.store.frames import make_frame

NIGHT = date(2026, 11, 21)
CONFIG = """
    site = {name = "x", latitude_deg = 32.9, longitude_deg = -105.5, elevation_m = 0, time_zone = "UTC"}
    storage = {folder = "data"}
    [[rig]]
    name = "T1"
    camera = "127.0.0.1:11111/0"
"""


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    catalogue = Catalogue(tmp_path / "c.sqlite")
    yield catalogue
    catalogue.close()


def rig(lines: str = "") -> RigConfig:
    return parse_config(CONFIG + lines, Path("nightcal.toml")).rig[0]


def test_a_rigs_filters_are_those_of_flats_until_its_wheel_was_seen_and_then_the_wheels(
    catalogue: Catalogue,
) -> None:
    assert known_filters(rig(), catalogue) == ()
    frame = make_frame(FrameSpec(Kind.FLAT, 3.0, "OIII"))
    catalogue.add_frame(frame, run=None, night=NIGHT, path="a.fits", sha256="0" * 64)
    assert known_filters(rig(), catalogue) == ("OIII",)
    limits = CameraLimits(0.001, 3600.0, 4, None)
    catalogue.cameras.keep("T1", limits, ("L", "Ha"), datetime(2026, 11, 21, tzinfo=UTC))
    assert known_filters(rig(), catalogue) == ("L", "Ha")


def test_a_filter_that_the_config_names_is_known_before_the_wheel_was_seen_with_it(
    catalogue: Catalogue,
) -> None:
    catalogue.cameras.keep(
        "T1", CameraLimits(0.001, 3600.0, 4, None), ("L", "Ha"), datetime(2026, 11, 21, tzinfo=UTC)
    )
    assert known_filters(rig('flats.filters = ["Ha", "SII"]'), catalogue) == ("L", "Ha", "SII")
