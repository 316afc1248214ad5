"""A plot of one health figure over time, an SVG file that stands alone."""

from __future__ import annotations

from datetime import timedelta

from markupsafe import Markup

from capture.library.health.trends import Point, Trend, told_value
from capture.night.report.svg import Child, Scale, round_ticks, shortened, tag

_WIDTH, _HEIGHT = 720.0, 300.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 78.0, 18.0, 56.0, 44.0
# Shape as well as colour tells what is out: a square, not a disc.
_STYLE = """
svg { background: #fff; font-family: system-ui, sans-serif; }
text { fill: #1c2430; font-size: 12px; } .faint { fill: #5c6675; }
.title { font-size: 15px; font-weight: 600; } .grid { stroke: #d9dee6; }
.usual { stroke: #5c6675; stroke-dasharray: 5 4; } .band { fill: #0a6ebd; opacity: .1; }
.line { fill: none; stroke: #0a6ebd; stroke-width: 1.5; } .good { fill: #0a6ebd; } .out { fill: #b3261e; }
@media (prefers-color-scheme: dark) {
  svg { background: #11161d; } text { fill: #e6eaf0; } .faint { fill: #9aa5b4; } .grid { stroke: #2b3440; }
  .usual { stroke: #9aa5b4; } .line { stroke: #6cb8f5; } .good { fill: #6cb8f5; } .band { fill: #6cb8f5; }
  .out { fill: #ff8a80; }
}
"""


def trend_plot(trend: Trend) -> str:
    """The figure of every master over time; a band where it is usual, squares where it was not."""
    x, ticks = _time_axis(trend)
    y = _value_axis(trend)
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    unit = f" ({trend.quantity.unit})" if trend.quantity.unit else ""
    title = f"{trend.rig}: {trend.quantity.words}{unit}"
    parts: list[Child] = [
        tag("style", Markup(_STYLE)),
        tag("text", shortened(title, 80), x=12, y=22, class_="title"),
        tag("text", shortened(f"{trend.set}; masters: {len(trend.points)}", 100), x=12, y=40, class_="faint"),
    ]
    if trend.usual is not None and trend.limit is not None:
        top, low = (min(max(y(trend.usual + s * trend.limit), _TOP), bottom) for s in (1, -1))
        parts.append(tag("rect", x=_LEFT, y=top, width=right - _LEFT, height=low - top, class_="band"))
        parts.append(tag("line", x1=_LEFT, x2=right, y1=y(trend.usual), y2=y(trend.usual), class_="usual"))
    for value in round_ticks(y.low, y.high, 5):
        at = y(value)
        parts.append(tag("line", x1=_LEFT, x2=right, y1=at, y2=at, class_="grid"))
        parts.append(tag("text", told_value(value), x=_LEFT - 8, y=at + 4, text_anchor="end"))
    for days, text in ticks:
        parts.append(tag("text", text, x=x(days), y=bottom + 20, text_anchor="middle"))
    start = trend.points[0].time
    places = [(x((point.time - start).total_seconds() / 86400), y(point.value)) for point in trend.points]
    line = " ".join(f"{left:.1f},{top:.1f}" for left, top in places)
    parts.append(tag("polyline", points=line, class_="line"))
    parts += [_mark(point, *place) for point, place in zip(trend.points, places, strict=True)]
    told = tag("title", f"{title} of {trend.set} over time")
    box = f"0 0 {_WIDTH:g} {_HEIGHT:g}"
    made = tag(
        "svg", told, *parts, xmlns="http://www.w3.org/2000/svg", width=_WIDTH, height=_HEIGHT, viewBox=box,
        role="img",
    )  # fmt: skip
    return str(made) + "\n"


def _mark(point: Point, left: float, top: float) -> Markup:
    words = f"{point.time:%Y-%m-%d}: {told_value(point.value)}; {point.master}"
    told = tag("title", f"{words}; {point.out}" if point.out else words)
    if point.out:
        return tag("rect", told, x=left - 4.5, y=top - 4.5, width=9, height=9, class_="out")
    return tag("circle", told, cx=left, cy=top, r=3.5, class_="good")


def _time_axis(trend: Trend) -> tuple[Scale, list[tuple[float, str]]]:
    start = trend.points[0].time
    days = max(1.0, (trend.newest.time - start).total_seconds() / 86400)
    margin = 0.03 * days
    scale = Scale(-margin, days + margin, _LEFT, _WIDTH - _RIGHT)
    step = max(1.0, days / 5)
    dates = [start + timedelta(days=n * step) for n in range(int(days / step) + 1)]
    return scale, [((when - start).total_seconds() / 86400, f"{when:%Y-%m-%d}") for when in dates]


def _value_axis(trend: Trend) -> Scale:
    values = [point.value for point in trend.points]
    if trend.usual is not None and trend.limit is not None:
        values += [trend.usual - trend.limit, trend.usual + trend.limit]
    low, high = min(values), max(values)
    # A quantity that does not move is drawn as a quiet line, not as its last digit.
    margin = max(0.08 * (high - low), 0.01 * max(abs(low), abs(high)), 1e-6)
    return Scale(low - margin, high + margin, _HEIGHT - _BOTTOM, _TOP)
