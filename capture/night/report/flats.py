"""Plots of a rig's flats: level and exposure against the Sun's altitude, level against the one foreseen."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from capture.frame import Kind
from capture.night.report.colours import filter_colours
from capture.night.report.facts import NightFacts
from capture.night.report.plot import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Plot, Point, axes, marks
from capture.night.report.svg import Scale, document, log_ticks, round_ticks
from capture.store.rows import FrameRow


@dataclass(frozen=True)
class FilterLine:
    """One filter's flats in a table: fractions, exposures in seconds.

    `level_rms` is of the good ones about the target, `foreseen_rms` of all about what was foreseen, in ln.
    """

    filter: str
    taken: int
    good: int
    exposures_s: tuple[float, float]
    level_rms: float | None
    foreseen_rms: float | None


class FlatPlots:
    """The flats of one rig. `tolerance` is what part of the target's level, above bias, may be off."""

    def __init__(self, facts: NightFacts, rig: str, tolerance: float) -> None:
        self.rig = rig
        self._tolerance = tolerance
        self._bias_adu = facts.bias_adu.get(rig)
        self.taken = [frame for frame in facts.of_rig(rig) if frame.kind is Kind.FLAT]
        drawable = [f for f in self.taken if math.isfinite(f.facts.sun_altitude_deg)]
        self._flats = drawable
        self._is_dusk = {f.id: facts.site.sun_is_setting(f.taken) for f in drawable}
        self.colours = filter_colours([_name(frame) for frame in self.taken])

    @property
    def filters(self) -> list[tuple[str, str, int]]:
        """Name, colour class and number of flats of each filter."""
        names = [_name(frame) for frame in self.taken]
        return [(name, colour, names.count(name)) for name, colour in self.colours.items()]

    @property
    def lines(self) -> list[FilterLine]:
        """What came of each filter, for the table."""
        found = []
        for name in self.colours:
            mine = [frame for frame in self.taken if _name(frame) == name]
            levels = [level - 1 for f in mine if f.good and (level := self._level(f)) is not None]
            misses = [math.log(pair[1] / pair[0]) for f in mine if (pair := self._foreseen(f)) is not None]
            exposures_s = [frame.facts.exposure_s for frame in mine]
            good = sum(frame.good for frame in mine)
            span_s = (min(exposures_s), max(exposures_s))
            found.append(FilterLine(name, len(mine), good, span_s, _rms(levels), _rms(misses)))
        return found

    @property
    def undrawn(self) -> str:
        """What the plots leave out, in words; empty when they show everything."""
        sunless = len(self.taken) - len(self._flats)
        aimless = sum(not _positive(self._level(f)) for f in self._flats)
        timeless = sum(f.facts.exposure_s <= 0 for f in self._flats)
        parts = []
        if sunless:
            parts.append(f"{sunless} without a Sun altitude")
        if aimless:
            parts.append(f"{aimless} without a target level are not in the plot of levels")
        if timeless:
            parts.append(f"{timeless} of zero exposure are not in the plot of exposures")
        return "; ".join(parts)

    def level(self) -> Markup | None:
        """Level over target, the allowed band shaded; None when there is nothing to draw."""
        values = [(f, level) for f in self._flats if (level := self._level(f)) is not None and level > 0]
        if not values:
            return None
        top = max(1.5, 1.06 * max(level for _, level in values))
        bottom = max(0.0, min(0.5, 1 - 1.5 * self._tolerance, 0.94 * min(level for _, level in values)))
        y = Scale(bottom, top, HEIGHT - BOTTOM, TOP)
        above = " above bias" if self._bias_adu is not None else ""
        band = (1 - self._tolerance, 1 + self._tolerance)
        title = f"Level{above} (fraction of target)"
        ticks = round_ticks(bottom, top, 6)
        return self._draw(values, title, y, ticks, lambda v: f"{v:.2f} of target", band)

    def exposure(self) -> Markup | None:
        """Exposure in seconds on a logarithmic axis; None when there is nothing to draw."""
        values = [(f, f.facts.exposure_s) for f in self._flats if f.facts.exposure_s > 0]
        if not values:
            return None
        low, high = min(s for _, s in values) / 1.6, max(s for _, s in values) * 1.6
        y = Scale(low, high, HEIGHT - BOTTOM, TOP, log=True)
        return self._draw(values, "Exposure (s, log scale)", y, log_ticks(low, high), lambda v: f"{v:.3g} s")

    def foreseen(self) -> Markup | None:
        """Level over target against the one foreseen; None when nothing was foreseen."""
        values = [(f, pair) for f in self._flats if (pair := self._foreseen(f)) is not None]
        if not values:
            return None
        x = _scale_of([pair[0] for _, pair in values], LEFT, WIDTH - RIGHT)
        y = _scale_of([pair[1] for _, pair in values], HEIGHT - BOTTOM, TOP)
        title = "Level against the one foreseen"
        x_ticks, y_ticks = (round_ticks(scale.low, scale.high, 5) for scale in (x, y))
        band = (1 - self._tolerance, 1 + self._tolerance)
        plot = Plot(
            title,
            x,
            y,
            x_ticks,
            y_ticks,
            band,
            diagonal=True,
            x_name="level foreseen (fraction of target)",
        )
        points = [
            self._point(flat, x(pair[0]), y(pair[1]), f"{pair[1]:.3f} of target, {pair[0]:.3f} foreseen")
            for flat, pair in values
        ]
        label = f"{self.rig}: {title} of {len(points)} flats"
        return document(
            WIDTH, HEIGHT, label, *axes(plot), *marks(points, self.colours, joined=False), class_="plot"
        )

    def _foreseen(self, flat: FrameRow) -> tuple[float, float] | None:
        """The levels foreseen and measured, over the target's."""
        bias, target = self._bias_adu or 0.0, flat.target_adu
        level, predicted = self._level(flat), flat.gates.get("predicted_adu")
        if not _positive(level) or level is None or predicted is None or target is None or predicted <= bias:
            return None
        return (predicted - bias) / (target - bias), level

    def _level(self, flat: FrameRow) -> float | None:
        bias = self._bias_adu or 0.0
        if flat.target_adu is None or flat.target_adu <= bias:
            return None
        return (flat.statistics.median_adu - bias) / (flat.target_adu - bias)

    def _draw(
        self,
        values: Sequence[tuple[FrameRow, float]],
        title: str,
        y: Scale,
        y_ticks: Sequence[float],
        in_words: Callable[[float], str],
        band: tuple[float, float] | None = None,
    ) -> Markup:
        altitudes = [flat.facts.sun_altitude_deg for flat, _ in values]
        pad = max(0.25, 0.05 * (max(altitudes) - min(altitudes)))
        brightest, darkest = max(altitudes) + pad, min(altitudes) - pad
        # Bright sky on the left: as dusk goes, dawn read from right to left.
        x = Scale(brightest, darkest, LEFT, WIDTH - RIGHT)
        plot = Plot(title, x, y, round_ticks(darkest, brightest, 6), y_ticks, band, 1.0 if band else None)
        points = [
            self._point(flat, x(flat.facts.sun_altitude_deg), y(value), in_words(value))
            for flat, value in values
        ]
        label = f"{self.rig}: {title} of {len(points)} flats against the Sun's altitude"
        return document(WIDTH, HEIGHT, label, *axes(plot), *marks(points, self.colours), class_="plot")

    def _point(self, flat: FrameRow, x_px: float, y_px: float, in_words: str) -> Point:
        dusk = self._is_dusk[flat.id]
        told = (
            f"{_name(flat)}, {'dusk' if dusk else 'dawn'} {flat.taken:%H:%M:%S} UTC, {in_words}, "
            f"{flat.facts.exposure_s:.3g} s, {flat.statistics.median_adu:.0f} ADU, "
            f"Sun {flat.facts.sun_altitude_deg:.2f} deg, {flat.verdict}"
        )
        return Point(x_px, y_px, _name(flat), dusk, flat.good, told)


def _name(flat: FrameRow) -> str:
    return flat.spec.filter or "no filter"


def _scale_of(values: Sequence[float], start_px: float, end_px: float) -> Scale:
    """A scale for values near 1, never so fine that noise looks like scatter."""
    low, high = min(0.97, *values), max(1.03, *values)
    pad = 0.06 * (high - low)
    return Scale(low - pad, high + pad, start_px, end_px)


def _rms(values: Sequence[float]) -> float | None:
    return math.sqrt(sum(value * value for value in values) / len(values)) if values else None


def _positive(value: float | None) -> bool:
    return value is not None and value > 0
