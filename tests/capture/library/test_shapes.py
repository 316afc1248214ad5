"""The last masters in small: only those that tonight's flats can be compared with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from capture.clock import SimulatedClock
from capture.frame import FrameSpec, Kind
from capture.library.shapes import shapes_of
from capture.store import fits_file
from capture.store.archive import Archive
from capture.store.events import EventKind
from sequences.flat_shape import difference, shape_of
from tests.capture.store.frames import NIGHT, SITE, START, make_frame
from tests.sequences.flats import tilt, vignetting

R = FrameSpec(Kind.FLAT, filter="R")
CAMERA = "Camera of T1"


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    archive = Archive(tmp_path / "archive", SITE, SimulatedClock(START + timedelta(days=1)))
    yield archive
    archive.close()


def publish(archive: Archive, light: np.ndarray, minutes: float = 0.0) -> Path:  # type: ignore[type-arg]
    """A master of that light, in ADU, of one frame taken so many minutes after START."""
    frame = make_frame(replace(R, exposure_s=2.0), minutes=minutes)
    row = archive.save(frame, None, NIGHT)
    path = archive.root / "masters" / f"R{minutes:g}.fits"
    cards = [("IMAGETYP", "Master Flat", ""), ("FILTER", "R", "")]
    sha256 = fits_file.write(path, (30_000 * light).astype(np.float32), cards)
    archive.catalogue.add_master(
        rig="T1", spec=R, path=f"masters/{path.name}", sha256=sha256, method="clip",
        built=START + timedelta(minutes=minutes), inputs=[row], figures={},
    )  # fmt: skip
    return path


def test_the_shape_is_that_of_the_newest_master(archive: Archive) -> None:
    publish(archive, vignetting())
    publish(archive, vignetting() * tilt(0.05), minutes=1)
    found = shapes_of(archive, "T1", CAMERA, [R, replace(R, filter="G")])
    expected = shape_of(vignetting() * tilt(0.05))
    assert list(found) == ["R"]
    assert expected is not None
    apart = difference(found["R"], expected)
    assert apart is not None
    assert max(apart.gradient, apart.worst) < 1e-5


def test_a_master_from_before_the_optics_changed_is_no_measure(archive: Archive) -> None:
    publish(archive, vignetting())
    when = START + timedelta(minutes=5)
    archive.catalogue.told.add_event("T1", EventKind.FILTER_CLEANED, "R", when, when, "x", "")
    assert shapes_of(archive, "T1", CAMERA, [R]) == {}


def test_a_master_of_another_camera_is_no_measure(archive: Archive) -> None:
    publish(archive, vignetting())
    assert shapes_of(archive, "T1", "another", [R]) == {}


@pytest.mark.parametrize("left", [0, 2000])
def test_a_damaged_master_costs_no_flats(archive: Archive, left: int) -> None:
    path = publish(archive, vignetting())
    path.write_bytes(path.read_bytes()[:left])
    assert shapes_of(archive, "T1", CAMERA, [R]) == {}


def test_a_master_that_is_gone_costs_no_flats(archive: Archive) -> None:
    publish(archive, vignetting()).unlink()
    assert shapes_of(archive, "T1", CAMERA, [R]) == {}
