"""Two plots of a rig's flats against the Sun's altitude: how bright they came out, and how long they took."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from capture.frame import Kind
from capture.night.report.facts import NightFacts, natural_key
from capture.night.report.svg import Child, Scale, document, log_ticks, number, round_ticks, shortened, tag
from capture.store.rows import FrameRow

_WIDTH, _HEIGHT = 560.0, 380.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 56.0, 16.0, 44.0, 52.0
_LABEL_PX, _LABEL_HEIGHT = 9.5, 17.0
# A filter's flats of dusk and of dawn share one name when they lie closer than this.
_ONE_NAME_PX = 70.0
# Names as filter makers write them, in capitals without separators, and the colour class of each.
_KNOWN = {
    "L": "lum", "LUM": "lum", "LUMINANCE": "lum", "CLEAR": "lum", "C": "lum", "W": "lum",
    "R": "red", "RED": "red", "RC": "red", "SDSSR": "red", "RP": "red",
    "G": "green", "GREEN": "green", "V": "green", "SDSSG": "green", "GP": "green",
    "B": "blue", "BLUE": "blue",
    "U": "violet", "SDSSU": "violet", "UP": "violet",
    "I": "wine", "IC": "wine", "SDSSI": "wine", "IP": "wine",
    "HA": "dark-red", "HALPHA": "dark-red",
    "OIII": "teal", "O3": "teal", "SII": "orange", "S2": "orange",
}  # fmt: skip
_SPARE = ("blue", "orange", "green", "wine", "teal", "red", "violet", "dark-red", "lum")


@dataclass(frozen=True)
class Point:
    """One flat in a plot."""

    x: float
    y: float
    filter: str
    dusk: bool
    good: bool
    told: str


@dataclass(frozen=True)
class Plot:
    """The frame of a plot: its scales, and what the values are."""

    title: str
    x: Scale
    y: Scale
    x_ticks: Sequence[float]
    y_ticks: Sequence[float]
    band: tuple[float, float] | None = None
    line: float | None = None


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
        y = Scale(bottom, top, _HEIGHT - _BOTTOM, _TOP)
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
        y = Scale(low, high, _HEIGHT - _BOTTOM, _TOP, log=True)
        return self._draw(values, "Exposure (s, log scale)", y, log_ticks(low, high), lambda v: f"{v:.3g} s")

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
        x = Scale(brightest, darkest, _LEFT, _WIDTH - _RIGHT)
        plot = Plot(title, x, y, round_ticks(darkest, brightest, 6), y_ticks, band, 1.0 if band else None)
        points = [self._point(flat, x, y, value, in_words(value)) for flat, value in values]
        label = f"{self.rig}: {title} of {len(points)} flats against the Sun's altitude"
        return document(_WIDTH, _HEIGHT, label, *axes(plot), *self._marks(points), class_="plot")

    def _point(self, flat: FrameRow, x: Scale, y: Scale, value: float, in_words: str) -> Point:
        dusk = self._is_dusk[flat.id]
        told = (
            f"{_name(flat)}, {'dusk' if dusk else 'dawn'} {flat.taken:%H:%M:%S} UTC, {in_words}, "
            f"{flat.facts.exposure_s:.3g} s, {flat.statistics.median_adu:.0f} ADU, "
            f"Sun {flat.facts.sun_altitude_deg:.2f} deg, {flat.verdict}"
        )
        return Point(x(flat.facts.sun_altitude_deg), y(value), _name(flat), dusk, flat.good, told)

    def _marks(self, points: Sequence[Point]) -> list[Child]:
        children: list[Child] = []
        for name, colour in self.colours.items():
            for dusk in (True, False):
                series = [p for p in points if p.filter == name and p.dusk is dusk]
                if len(series) > 1:
                    line = " ".join(f"{p.x:.1f},{p.y:.1f}" for p in series)
                    children.append(tag("polyline", points=line, class_=f"series c-{colour}"))
        for point in points:
            children.append(_mark(point, self.colours[point.filter]))
        return [*children, *labels(points, self.colours)]


def _mark(point: Point, colour: str) -> Markup:
    """Dusk a filled disc, dawn an open diamond; a cross over a rejected one."""
    told = tag("title", point.told)
    if point.dusk:
        shape = tag("circle", cx=point.x, cy=point.y, r=4)
    else:
        shape = tag("path", d=f"M{point.x:.1f} {point.y - 5.2:.1f}l5.2 5.2l-5.2 5.2l-5.2 -5.2z")
    cross = Markup("")
    if not point.good:
        cross = tag("path", d=f"M{point.x - 6:.1f} {point.y - 6:.1f}l12 12m0 -12l-12 12", class_="reject")
    when = "dusk" if point.dusk else "dawn"
    return tag("g", told, shape, cross, class_=f"mark {when} c-{colour}")


def axes(plot: Plot) -> list[Markup]:
    """Grid, ticks, names of the axes, the allowed band."""
    left, right, top, bottom = _LEFT, _WIDTH - _RIGHT, _TOP, _HEIGHT - _BOTTOM
    parts = [tag("text", plot.title, x=4, y=20, class_="plot-title")]
    if plot.band is not None:
        high, low = plot.y(min(plot.band[1], plot.y.high)), plot.y(plot.band[0])
        parts.append(tag("rect", x=left, y=high, width=right - left, height=low - high, class_="band"))
    for value in plot.y_ticks:
        y = plot.y(value)
        parts.append(tag("line", x1=left, x2=right, y1=y, y2=y, class_="grid"))
        parts.append(tag("text", f"{value:g}", x=left - 7, y=y + 4, text_anchor="end", class_="tick"))
    for value in plot.x_ticks:
        x = plot.x(value)
        text = f"{value:g}".replace("-", "\u2212")
        parts.append(tag("line", x1=x, x2=x, y1=top, y2=bottom, class_="grid"))
        parts.append(tag("text", text, x=x, y=bottom + 19, text_anchor="middle", class_="tick"))
    if plot.line is not None:
        parts.append(tag("line", x1=left, x2=right, y1=plot.y(plot.line), y2=plot.y(plot.line), class_="aim"))
    middle = (left + right) / 2
    name = "\u2190 brighter sky \u00b7 Sun's altitude (deg) \u00b7 darker sky \u2192"
    parts.append(tag("text", name, x=middle, y=bottom + 42, text_anchor="middle", class_="axis-name"))
    return parts


def labels(points: Sequence[Point], colours: dict[str, str]) -> list[Markup]:
    """Each filter's name beside its flats of dusk and of dawn, clear of other names and, where there is
    room, of other flats.
    """
    parts: list[Markup] = []
    taken: list[tuple[float, float, float, float]] = []
    for name, colour in colours.items():
        named: list[Point] = []
        for dusk in (True, False):
            mine = sorted((p for p in points if p.filter == name and p.dusk is dusk), key=lambda p: p.x)
            anchor = mine[len(mine) // 2] if mine else None
            if anchor and all(math.hypot(anchor.x - p.x, anchor.y - p.y) > _ONE_NAME_PX for p in named):
                named.append(anchor)
                parts += _name_of(anchor, colour, points, taken)
    return parts


def _name_of(
    anchor: Point, colour: str, points: Sequence[Point], taken: list[tuple[float, float, float, float]]
) -> list[Markup]:
    text = shortened(anchor.filter, 14)
    box = _free_box(anchor, _LABEL_PX * len(text) + 6, points, taken)
    taken.append(box)
    left, top, right, bottom = box
    x = (left + right) / 2
    told = tag("title", anchor.filter)
    name = tag("text", told, text, x=x, y=bottom - 4, text_anchor="middle", class_=f"name c-{colour}")
    if abs((top + bottom) / 2 - anchor.y) <= 24 and abs(x - anchor.x) <= 40:
        return [name]
    edge = bottom if bottom < anchor.y else top
    line = f"M{number(x)} {number(edge)}L{number(anchor.x)} {number(anchor.y)}"
    return [tag("path", d=line, class_=f"leader c-{colour}"), name]


def _free_box(
    anchor: Point, width: float, points: Sequence[Point], taken: Sequence[tuple[float, float, float, float]]
) -> tuple[float, float, float, float]:
    """A place for a label near its flat: left, top, right, bottom; the least crowded of many tried."""
    best, least = (0.0, 0.0, 0.0, 0.0), math.inf
    for down in (-18, 20, -30, 32, -46, 48, -66, 68, -90, 92, -120, 122, 0):
        for along in (0, -30, 30, -60, 60):
            x = min(max(anchor.x + along, _LEFT + width / 2), _WIDTH - _RIGHT - width / 2)
            y = min(max(anchor.y + down, _TOP + _LABEL_HEIGHT / 2), _HEIGHT - _BOTTOM - _LABEL_HEIGHT / 2)
            box = (x - width / 2, y - _LABEL_HEIGHT / 2, x + width / 2, y + _LABEL_HEIGHT / 2)
            covered = sum(
                box[0] - 5 < p.x < box[2] + 5 and box[1] - 5 < p.y < box[3] + 5 for p in points
            )  # fmt: skip
            met = sum(box[0] < b[2] and b[0] < box[2] and box[1] < b[3] and b[1] < box[3] for b in taken)
            cost = 10_000 * met + 60 * covered + math.hypot(x - anchor.x, y - anchor.y)
            if cost < least:
                best, least = box, cost
    return best


def filter_colours(names: Sequence[str]) -> dict[str, str]:
    """A colour class for each filter, by its name where makers agree on one, else by turns; in order of
    name. Never made of the name itself.
    """
    unique = sorted(set(names), key=natural_key)
    found = {n: _KNOWN[key] for n in unique if (key := _key(n)) in _KNOWN}
    spare = [colour for colour in _SPARE if colour not in found.values()] or list(_SPARE)
    unknown = [n for n in unique if n not in found]
    found |= {n: spare[number % len(spare)] for number, n in enumerate(unknown)}
    return {n: found[n] for n in unique}


def _key(name: str) -> str:
    return "".join(c for c in name.upper() if c.isalnum()).replace("ALPHA", "A")


def _name(flat: FrameRow) -> str:
    return flat.spec.filter or "no filter"


def _positive(value: float | None) -> bool:
    return value is not None and value > 0
