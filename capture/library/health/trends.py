"""What a rig's figures were over time, and which of them have left the rig's own history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from capture.frame import Kind
from capture.store.rows import MasterRow

_MAD_TO_SIGMA = 1.4826
_SIGMAS = 5.0
# With fewer there is no history to speak of.
_LEAST_HISTORY = 5


@dataclass(frozen=True)
class Quantity:
    """One figure of masters. `unit` and `words` as people read them.

    It is out of its history when it is farther from the median than 5 deviations, and than `least` of the
    median or `least_by`; `always_below`: above it, it is bad whatever the history says.
    """

    name: str
    words: str
    unit: str = ""
    least: float = 0.05
    least_by: float = 0.0
    always_below: float | None = None


QUANTITIES = {
    Kind.BIAS: (
        Quantity("median_adu", "bias level", "ADU", least=0.0, least_by=3.0),
        Quantity("read_noise_adu", "read noise", "ADU"),
        Quantity("fixed_pattern_adu", "fixed pattern", "ADU", least=0.2),
        Quantity("row_pattern_adu", "noise of whole rows", "ADU", least=0.2, least_by=0.3),
        Quantity("column_pattern_adu", "noise of whole columns", "ADU", least=0.2, least_by=0.3),
        Quantity("wave_over_chance", "interference over chance", "x", least=1.0, always_below=3.0),
        Quantity("noise_over_expected", "noise over raw / sqrt N", "x", least=0.2, always_below=1.3),
    ),
    Kind.DARK: (
        Quantity("dark_rate_adu_s", "dark current", "ADU/s", least=0.15, least_by=0.002),
        Quantity("hot_pixels", "hot pixels", "pixels", least=0.1, least_by=20.0),
        Quantity("dark_nonlinearity", "distance of darks from a line", "", least=1.0, always_below=0.05),
        Quantity("noise_over_expected", "noise over raw / sqrt N", "x", least=0.2, always_below=1.3),
    ),
    Kind.FLAT: (
        Quantity("gain_e_per_adu", "gain", "e-/ADU", least=0.05),
        Quantity("dust_fraction", "new or gone dust", "of the sensor", least=1.0, always_below=1e-9),
        Quantity("shutter_pattern_s", "shutter: middle before corners", "s", least=0.3, least_by=0.005),
        Quantity("noise_over_expected", "noise over raw / sqrt N", "x", least=0.3, always_below=1.5),
    ),
}


@dataclass(frozen=True)
class Point:
    """One figure of one master. `out`: why it is not as it should be, in words, or empty."""

    time: datetime
    value: float
    master: str
    out: str = ""


@dataclass(frozen=True)
class Trend:
    """One quantity of one set of a rig, oldest first; the newest is judged by `usual` +- `limit`."""

    rig: str
    set: str
    quantity: Quantity
    points: tuple[Point, ...]
    usual: float | None = None
    limit: float | None = None

    @property
    def newest(self) -> Point:
        return self.points[-1]


def trends(masters: Iterable[MasterRow]) -> list[Trend]:
    """What the figures of these masters tell, by rig, set and quantity; each is judged by those before."""
    by_set: dict[tuple[str, str, str, Kind], list[MasterRow]] = {}
    for master in sorted(masters, key=lambda m: (m.built, m.id)):
        key = (master.rig, str(master.spec), master.camera, master.spec.kind)
        by_set.setdefault(key, []).append(master)
    found = []
    for (rig, spec, _, kind), rows in sorted(by_set.items(), key=lambda item: item[0][:3]):
        for quantity in QUANTITIES.get(kind, ()):
            having = [row for row in rows if quantity.name in row.figures]
            if having:
                found.append(_trend(rig, spec, quantity, having))
    return found


def alarms(found: Sequence[Trend]) -> list[str]:
    """What is wrong with the newest master of each set, a sentence each, naming the master."""
    return [
        f"{trend.rig}: {trend.quantity.words} of {trend.set} is {trend.newest.out}: {trend.newest.master}"
        for trend in found
        if trend.newest.out
    ]


def _trend(rig: str, spec: str, quantity: Quantity, rows: Sequence[MasterRow]) -> Trend:
    points: list[Point] = []
    usual = limit = None
    # What was out of it is no part of the history. An array, as years of nights are too many for lists.
    history, known = np.empty(len(rows)), 0
    for row in rows:
        value = row.figures[quantity.name]
        usual, limit = _history(quantity, history[:known])
        out = _judged(quantity, value, usual, limit, row)
        points.append(Point(row.built, value, PurePosixPath(row.path).name, out))
        if not out:
            history[known] = value
            known += 1
    return Trend(rig, spec, quantity, tuple(points), usual, limit)


def _history(quantity: Quantity, before: NDArray[np.float64]) -> tuple[float | None, float | None]:
    if len(before) < _LEAST_HISTORY:
        return None, None
    usual = float(np.median(before))
    deviation = _MAD_TO_SIGMA * float(np.median(np.abs(before - usual)))
    return usual, max(_SIGMAS * deviation, quantity.least * abs(usual), quantity.least_by)


def _judged(
    quantity: Quantity, value: float, usual: float | None, limit: float | None, row: MasterRow
) -> str:
    told = f"{told_value(value)} {quantity.unit}".strip()
    if quantity.always_below is not None and value > quantity.always_below:
        where = ""
        if quantity.name == "dust_fraction":
            depth = row.figures.get("dust_deepest", 0.0)
            at = (row.figures.get("dust_column_px", 0.0), row.figures.get("dust_row_px", 0.0))
            word = "darker" if depth > 0 else "brighter"
            where = f", at most {abs(depth):.1%} {word}, at column {at[0]:.0f}, row {at[1]:.0f}"
            return told + where
        return f"{told}, above {told_value(quantity.always_below)}"
    if usual is not None and limit is not None and abs(value - usual) > limit:
        return f"{told}, where {told_value(usual)} +- {told_value(limit)} was usual"
    return ""


def told_value(value: float) -> str:
    """A figure to four digits, without an exponent where it can be."""
    if abs(value) < 1e-4:
        return f"{round(value, 6) + 0.0:.6f}".rstrip("0").rstrip(".")
    return f"{value:.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
