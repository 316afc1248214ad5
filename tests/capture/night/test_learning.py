"""What is learned from the catalogued flats, and what no longer counts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from math import log
from pathlib import Path

import numpy as np
import pytest

from capture.config import FlatsConfig
from capture.frame import FrameSpec
from capture.night.learning import History, history_of, sky_known
from capture.night.plan import NOTHING_KNOWN
from capture.site import Site
from capture.store.catalogue import Catalogue
from capture.store.events import EventKind
from sequences.sky_model import shape
from tests.capture.night.twilights import CADENCE_S, LEVELS, add_bias, add_twilight, flat_spec

SITE = Site("Ridge", 32.9, -105.5, 2225.0, "America/Denver")
NIGHT = date(2026, 11, 21)
NOW = SITE.night_span(NIGHT).start + timedelta(hours=20)
L, HA = flat_spec("L"), flat_spec("Ha")


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    catalogue = Catalogue(tmp_path / "c.sqlite")
    add_bias(catalogue, NIGHT)
    yield catalogue
    catalogue.close()


def filters(catalogue: Catalogue, now: datetime = NOW) -> list[str]:
    return [m.filter for m in history_of(catalogue, "T1", L, now).measurements]


def level_ln(catalogue: Catalogue, spec: FrameSpec) -> float | None:
    known = sky_known(history_of(catalogue, "T1", spec, NOW), FlatsConfig())
    found = known.forecast.log_rate(spec, np.array([-5.0]))
    return None if found is None else float(found[0]) - float(shape(-5.0))


def test_rejected_frames_teach_as_good_ones_do_with_the_level_above_bias(catalogue: Catalogue) -> None:
    add_twilight(catalogue, SITE, NIGHT, {"L": 1}, aim_adu=11000.0, reasons=("too dim",))
    add_twilight(catalogue, SITE, NIGHT - timedelta(days=1), {"Ha": 1})
    history = history_of(catalogue, "T1", L, NOW)
    early, late = history.measurements
    assert (early.filter, early.counted, late.filter, late.counted) == ("Ha", True, "L", False)
    assert late.level_adu == pytest.approx(11000.0, rel=0.02)
    assert history.newest == late.started
    assert str(history) == "2 flats of 2 nights, the last of 2026-11-21"


def test_an_event_starts_its_filter_anew_and_leaves_the_others(catalogue: Catalogue) -> None:
    add_twilight(catalogue, SITE, NIGHT - timedelta(days=2), {"L": 2, "Ha": 2})
    cleaned = SITE.night_span(NIGHT).start
    catalogue.told.add_event("T1", EventKind.FILTER_CLEANED, "Ha", cleaned, cleaned, "ann", "")
    assert filters(catalogue) == ["L", "L"]
    add_twilight(catalogue, SITE, NIGHT, {"Ha": 1})
    assert filters(catalogue) == ["L", "L", "Ha"]


def test_only_the_last_weeks_and_the_same_setup_and_camera_teach(catalogue: Catalogue) -> None:
    add_twilight(catalogue, SITE, NIGHT - timedelta(days=40), {"L": 1})
    add_twilight(catalogue, SITE, NIGHT - timedelta(days=5), {"R": 1}, camera="Old camera")
    add_twilight(catalogue, SITE, NIGHT, {"Ha": 1})
    assert filters(catalogue) == ["Ha"]
    binned = FrameSpec(L.kind, filter="L", binning=2)
    assert history_of(catalogue, "T1", binned, NOW) == History((), 0.0)
    add_bias(catalogue, NIGHT, binning=2)
    assert history_of(catalogue, "T1", binned, NOW).frames == ()


def test_without_a_bias_nothing_is_learned(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path / "c.sqlite")
    add_twilight(catalogue, SITE, NIGHT, {"L": 3})
    assert filters(catalogue) == []
    assert sky_known(history_of(catalogue, "T1", L, NOW), FlatsConfig()) is NOTHING_KNOWN
    assert str(history_of(catalogue, "T1", L, NOW)) == "nothing yet"
    catalogue.close()


def test_the_forecast_is_the_sky_that_the_frames_saw(catalogue: Catalogue) -> None:
    add_twilight(catalogue, SITE, NIGHT, {"L": 6, "Ha": 6})
    assert level_ln(catalogue, L) == pytest.approx(LEVELS["L"], abs=0.02)
    assert level_ln(catalogue, HA) == pytest.approx(LEVELS["Ha"], abs=0.02)
    assert level_ln(catalogue, flat_spec("OIII")) is None


def test_one_cloudy_twilight_and_saturated_frames_do_not_move_the_forecast(catalogue: Catalogue) -> None:
    for days in (3, 2):
        add_twilight(catalogue, SITE, NIGHT - timedelta(days=days), {"L": 6})
    cloudy = {name: level - log(5.0) for name, level in LEVELS.items()}
    add_twilight(catalogue, SITE, NIGHT - timedelta(days=1), {"L": 5}, levels=cloudy)
    add_twilight(catalogue, SITE, NIGHT, {"L": 8}, aim_adu=200000.0)
    assert level_ln(catalogue, L) == pytest.approx(LEVELS["L"], abs=0.02)


def test_the_pace_is_that_of_the_frames(catalogue: Catalogue) -> None:
    add_twilight(catalogue, SITE, NIGHT, {"L": 8, "Ha": 8})
    pace = sky_known(history_of(catalogue, "T1", L, NOW), FlatsConfig()).pace
    assert pace.frame_s == pytest.approx(CADENCE_S, abs=0.01)


def test_the_limits_are_the_configs_and_the_target_is_above_bias(catalogue: Catalogue) -> None:
    add_twilight(catalogue, SITE, NIGHT, {"L": 1})
    config = FlatsConfig(target_fraction=0.4, min_exposure_s=1.0, max_exposure_s=20.0)
    limits = sky_known(history_of(catalogue, "T1", L, NOW), config).limits
    assert (limits.target_adu, limits.min_exposure_s, limits.max_exposure_s) == (23500.0, 1.0, 20.0)
