"""What a run is asked to do: frozen data that the night hands to a sequence."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import date

from capture.frame import Frame, FrameSpec, Setup
from capture.rig.rig import Rig
from capture.site import Window
from sequences.flat_controller import Measurement
from sequences.flat_shape import FlatShape
from sequences.light_leak import DarkModel


@dataclass(frozen=True)
class Want:
    """So many good frames of one spec. A flat's `exposure_s` is left to the sequence."""

    spec: FrameSpec
    count: int


@dataclass(frozen=True)
class Job:
    """One run's work.

    `bias_levels_adu`: the library's, by setup, of those that it holds a bias of. `history`: what the flats of
    earlier twilights showed, of these setups and since the last event that concerns them, in order. `shapes`:
    how the light falls across each filter's last master. `dark_model`: the dark current by those of darks.
    `request`: the number of the request that it is for. `any_roof`: darks of a light-tight camera that are
    worth the points that they cost under an open roof.
    """

    sequence: str
    rig: str
    night: date
    window: Window
    wants: tuple[Want, ...]
    bias_levels_adu: Mapping[Setup, float] = field(default_factory=dict)
    history: tuple[Measurement, ...] = ()
    shapes: Mapping[str, FlatShape] = field(default_factory=dict)
    dark_model: DarkModel | None = None
    request: int | None = None
    any_roof: bool = False


# Yields frames, the rejected ones too; returns, in words, why it came to its end.
Sequence = Callable[[Rig, Job], Generator[Frame, None, str]]
