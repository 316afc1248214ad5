"""What a look at the middle of the frame tells about all of it."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from capture.rig.region import Region
from sequences.flat_actions import Measurement
from sequences.flat_shape import FlatShape, shape_of
from sequences.part_scale import PartScale
from tests.sequences.flats import flat


def whole(filter_name: str, level_adu: float, saturated: float = 0.0) -> Measurement:
    return Measurement(filter_name, 1.0, datetime(2026, 11, 22, tzinfo=UTC), level_adu, saturated)


def test_nothing_is_known_before_a_whole_frame_was_seen() -> None:
    assert PartScale({}).of("R") is None


@pytest.mark.parametrize(("level_adu", "saturated"), [(0.0, 0.0), (20.0, 0.0), (60000.0, 0.3)])
def test_an_empty_or_saturated_frame_teaches_nothing(level_adu: float, saturated: float) -> None:
    scale = PartScale({})
    scale.learn(whole("R", level_adu, saturated), 1.1 * level_adu)
    assert scale.of("R") is None


def test_the_filters_own_frame_is_surer_than_its_master_and_that_than_other_filters() -> None:
    master = shape_of(flat().pixels, 500.0)
    assert master is not None
    scale = PartScale({"G": master})
    scale.learn(whole("R", 20000.0), 22000.0)
    known = [scale.of(name) for name in "RGB"]
    assert [one.ratio for one in known if one] == pytest.approx([1.1, known[1].ratio, 1.1])  # type: ignore[union-attr]
    sigmas = [one.sigma for one in known if one]
    assert sigmas == sorted(set(sigmas))


def test_a_master_tells_what_its_own_middle_would() -> None:
    frame = flat()
    shape = shape_of(frame.pixels, 500.0)
    assert isinstance(shape, FlatShape)
    height_px, width_px = frame.pixels.shape
    middle_adu = np.median(Region.whole(width_px, height_px).middle().of(frame.pixels)) - 500.0
    scale = PartScale({"R": shape}).of("R")
    assert scale is not None
    assert middle_adu / (frame.statistics.median_adu - 500.0) > 1.05
    assert scale.ratio == pytest.approx(middle_adu / (frame.statistics.median_adu - 500.0), abs=scale.sigma)
