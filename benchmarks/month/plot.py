"""The month as an SVG: shares of needs by day, and under it the hours of the rigs and of the open roof."""

from __future__ import annotations

from math import ceil

from markupsafe import Markup

from benchmarks.month.figures import Figures
from capture.night.report.svg import Scale, document, tag

_WIDTH, _LEFT, _RIGHT = 900.0, 60.0, 880.0
_FONT = {"font_family": "sans-serif", "font_size": "11"}
_BLUE, _ORANGE, _DARK, _GREY = "#1f77b4", "#ff7f0e", "#4b4b6b", "#e8e8e8"


def month_plot(figures: Figures) -> Markup:
    """Upper panel: needs ever filled, and fresh, at each noon. Lower: hours of flats and of darks by night.

    Nights with no twilight in which the roof might be open have a grey ground.
    """
    days = figures.days
    step = (_RIGHT - _LEFT) / len(days)
    share = Scale(0.0, 1.0, 220.0, 30.0)
    most_h = 2.0 * ceil(max(1.0, *(max(day.lit_h + day.dark_h, day.open_h) for day in days)) / 2)
    hours = Scale(0.0, most_h, 400.0, 260.0)
    parts: list[Markup] = []
    for number, day in enumerate(days):
        left = _LEFT + number * step
        if day.safe_twilights == 0:
            parts.append(tag("rect", x=left, y=30, width=step, height=370, fill=_GREY))
        for height_h, base_h, colour in ((day.dark_h, 0.0, _DARK), (day.lit_h, day.dark_h, _ORANGE)):
            top, bottom = hours(base_h + height_h), hours(base_h)
            parts.append(tag("rect", x=left + 2, y=top, width=step - 4, height=bottom - top, fill=colour))
        parts.append(_text(f"{day.night:%d}", left + step / 2, 414, "middle"))
    for value in (0.0, 0.5, 1.0):
        parts.append(_line(share(value)))
        parts.append(_text(f"{value:.0%}", _LEFT - 6, share(value) + 4, "end"))
    for value in (0.0, most_h / 2, most_h):
        parts.append(_line(hours(value)))
        parts.append(_text(f"{value:g} h", _LEFT - 6, hours(value) + 4, "end"))
    for values, colour in (([d.filled for d in days], _DARK), ([d.fresh for d in days], _BLUE)):
        points = " ".join(
            f"{_LEFT + (n + 0.5) * step:.1f},{share(value):.1f}" for n, value in enumerate(values)
        )
        parts.append(tag("polyline", points=points, fill="none", stroke=colour, stroke_width="2"))
    parts.append(_text("Needs at noon after the night: ever filled (dark), fresh (blue)", _LEFT, 20))
    parts.append(_text("Rigs' hours by night: bias and darks (dark), flats (orange)", _LEFT, 250))
    parts.append(_text("night of the month; grey: no safe twilight", _LEFT, 430))
    ground = tag("rect", width=_WIDTH, height=440.0, fill="white")
    label = "A simulated month: shares of needs filled and fresh, hours of flats and darks"
    return document(_WIDTH, 440.0, label, ground, tag("g", *parts, **_FONT), class_="plot")


def _text(text: str, x: float, y: float, anchor: str = "start") -> Markup:
    return tag("text", text, x=x, y=y, text_anchor=anchor, fill="#222222")


def _line(y: float) -> Markup:
    return tag("line", x1=_LEFT, x2=_RIGHT, y1=y, y2=y, stroke="#cccccc")
