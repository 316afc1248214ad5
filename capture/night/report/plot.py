"""A plot of points in an SVG image: its frame, its marks, and names beside them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from capture.night.report.svg import Child, Scale, number, shortened, tag

WIDTH, HEIGHT = 560.0, 380.0
LEFT, RIGHT, TOP, BOTTOM = 56.0, 16.0, 44.0, 52.0
_LABEL_PX, _LABEL_HEIGHT = 9.5, 17.0
# A filter's flats of dusk and of dawn share one name when they lie closer than this.
_ONE_NAME_PX = 70.0
_SUN_AXIS = "\u2190 brighter sky \u00b7 Sun's altitude (deg) \u00b7 darker sky \u2192"


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
    """The frame of a plot: its scales, what the values are; `line` is a level to aim at, `diagonal` x = y."""

    title: str
    x: Scale
    y: Scale
    x_ticks: Sequence[float]
    y_ticks: Sequence[float]
    band: tuple[float, float] | None = None
    line: float | None = None
    diagonal: bool = False
    x_name: str = _SUN_AXIS


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


def marks(points: Sequence[Point], colours: dict[str, str], *, joined: bool = True) -> list[Child]:
    """The points in the colour classes of their filters; `joined`: with lines and names."""
    children: list[Child] = []
    for name, colour in colours.items() if joined else ():
        for dusk in (True, False):
            series = [p for p in points if p.filter == name and p.dusk is dusk]
            if len(series) > 1:
                line = " ".join(f"{p.x:.1f},{p.y:.1f}" for p in series)
                children.append(tag("polyline", points=line, class_=f"series c-{colour}"))
    children += [_mark(point, colours[point.filter]) for point in points]
    return [*children, *labels(points, colours)] if joined else children


def axes(plot: Plot) -> list[Markup]:
    """Grid, ticks, names of the axes, the allowed band."""
    left, right, top, bottom = LEFT, WIDTH - RIGHT, TOP, HEIGHT - BOTTOM
    parts = [tag("text", plot.title, x=4, y=20, class_="plot-title")]
    if plot.band is not None:
        high, low = (plot.y(min(max(edge, plot.y.low), plot.y.high)) for edge in reversed(plot.band))
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
    ends = (max(plot.x.low, plot.y.low), min(plot.x.high, plot.y.high))
    if plot.diagonal and ends[0] < ends[1]:
        x1, x2, y1, y2 = (scale(end) for scale in (plot.x, plot.y) for end in ends)
        parts.append(tag("line", x1=x1, x2=x2, y1=y1, y2=y2, class_="aim"))
    middle = (left + right) / 2
    parts.append(tag("text", plot.x_name, x=middle, y=bottom + 42, text_anchor="middle", class_="axis-name"))
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
            x = min(max(anchor.x + along, LEFT + width / 2), WIDTH - RIGHT - width / 2)
            y = min(max(anchor.y + down, TOP + _LABEL_HEIGHT / 2), HEIGHT - BOTTOM - _LABEL_HEIGHT / 2)
            box = (x - width / 2, y - _LABEL_HEIGHT / 2, x + width / 2, y + _LABEL_HEIGHT / 2)
            covered = sum(
                box[0] - 5 < p.x < box[2] + 5 and box[1] - 5 < p.y < box[3] + 5 for p in points
            )  # fmt: skip
            met = sum(box[0] < b[2] and b[0] < box[2] and box[1] < b[3] and b[1] < box[3] for b in taken)
            cost = 10_000 * met + 60 * covered + math.hypot(x - anchor.x, y - anchor.y)
            if cost < least:
                best, least = box, cost
    return best
