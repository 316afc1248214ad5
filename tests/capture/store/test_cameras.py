"""What cameras can do is remembered from one connection to the next, by rig."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from capture.frame import CameraLimits
from capture.store.catalogue import Catalogue
from tests.capture.store.frames import START


def test_the_newest_word_of_each_rigs_camera_is_kept(catalogue: Catalogue) -> None:
    assert catalogue.cameras.limits("T1") is None
    first = CameraLimits(0.001, 3600.0, 4, None)
    for minutes, limits in enumerate((first, first, replace(first, binning_max=2, gain_range=(-5, 300)))):
        catalogue.cameras.keep("T1", limits, START + timedelta(minutes=minutes))
        assert catalogue.cameras.limits("T1") == limits
    assert catalogue.cameras.limits("T2") is None
