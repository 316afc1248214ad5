"""Bias: the shortest exposure with the shutter shut; the pattern that every frame carries."""

from __future__ import annotations

from collections.abc import Generator

from capture.frame import Frame
from capture.rig.rig import Rig
from sequences.darks import darks
from sequences.job import Job


def bias(rig: Rig, job: Job) -> Generator[Frame, None, str]:
    """Take what `job` wants and yield every frame: a bias is a dark of no length."""
    return (yield from darks(rig, job))
