"""What cameras can do and wheels hold is remembered from one connection to the next, by rig."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from capture.frame import CameraLimits
from capture.store.catalogue import Catalogue
from tests.capture.store.frames import START


def test_the_newest_word_of_each_rigs_devices_is_kept(catalogue: Catalogue) -> None:
    cameras = catalogue.cameras
    assert (cameras.limits("T1"), cameras.filters("T1")) == (None, ())
    first = CameraLimits(0.001, 3600.0, 4, None)
    better = replace(first, binning_max=2, gain_range=(-5, 300))
    said = ((first, ("L", "Ha")), (first, ("L", "Ha")), (first, ("L", "SII")), (better, ()))
    for minutes, (limits, filters) in enumerate(said):
        cameras.keep("T1", limits, filters, START + timedelta(minutes=minutes))
        assert (cameras.limits("T1"), cameras.filters("T1")) == (limits, filters)
    assert (cameras.limits("T2"), cameras.filters("T2")) == (None, ())
