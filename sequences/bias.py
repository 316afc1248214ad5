"""Bias: the shortest exposure with the shutter shut; the pattern that every frame carries."""

from __future__ import annotations

from collections.abc import Iterator

from capture.frame import Frame
from capture.rig.rig import Rig
from sequences.darks import darks
from sequences.job import Job


def bias(rig: Rig, job: Job) -> Iterator[Frame]:
    """Take what `job` wants and yield every frame: a bias is a dark of no length."""
    yield from darks(rig, job)
