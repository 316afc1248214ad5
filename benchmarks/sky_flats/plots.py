"""The plots in docs/: all strategies compared, and three twilights as our controller flies them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from markupsafe import Markup

from benchmarks.sky_flats.drive import Shot, drive
from benchmarks.sky_flats.ours import Ours
from benchmarks.sky_flats.run import ORACLE, OURS, Table
from benchmarks.sky_flats.scenarios import CONFIGURATIONS
from benchmarks.sky_flats.truth import Twilight, TwilightSpec
from capture.night.report.svg import Scale, document, log_ticks, round_ticks, tag
from simulators.settings import Veil

_COLOURS = {
    "L": "#555555", "R": "#d62728", "G": "#2ca02c", "B": "#1f77b4", "SII": "#8c564b", "Ha": "#e377c2",
    "OIII": "#17becf",
}  # fmt: skip
_FONT = {"font_family": "sans-serif", "font_size": "11"}
_CURVE_STEP_S = 20.0


def write_plots(table: Table, folder: Path) -> None:
    """Write comparison.svg and twilights.svg into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sky_flats_comparison.svg").write_text(comparison(table) + "\n")
    (folder / "sky_flats_twilights.svg").write_text(example_twilights() + "\n")


def comparison(table: Table) -> Markup:
    """Bars: percent of the clairvoyant's good frames over all skies, a panel for each configuration."""
    width, bar, left = 900.0, 14.0, 110.0
    label = "Good flats, percent of what a clairvoyant takes, over clear skies, cirrus and clouds"
    panels = [_text(label, 8, 16)]
    top = 48.0
    for configuration, scenarios in table.items():
        strategies = scenarios.get("all")
        if strategies is None:
            continue
        ours = max(figures["percent_of_oracle"] for figures in strategies.values())
        scale = Scale(0.0, max(100.0, ours), left, width - 60)
        panels.append(_text(configuration, left, top - 6, "bold"))
        percents = {n: f["percent_of_oracle"] for n, f in strategies.items() if n != ORACLE}
        for name, percent in sorted(percents.items(), key=lambda item: -item[1]):
            colour = "#1f77b4" if name == OURS else "#b0b0b0"
            panels.append(
                tag("rect", x=left, y=top, width=scale(percent) - left, height=bar - 3, fill=colour)
            )
            panels.append(_text(name, left - 6, top + 10, anchor="end"))
            panels.append(_text(f"{percent:.1f}", scale(percent) + 4, top + 10))
            top += bar
        top += 34
    return _page(width, top - 10, label, panels)


def examples() -> Mapping[str, TwilightSpec]:
    """Clear and cloudy dusk at 33 deg, and dusk in June at 56 deg; the CCD, ten of each filter."""
    clear = TwilightSpec(
        seed=11, night=datetime(2026, 3, 20, tzinfo=UTC), setting=True, longitude_deg=-105.0, family="patat"
    )
    june = replace(clear, night=datetime(2026, 6, 21, tzinfo=UTC), latitude_deg=56.0, family="koomen_md")
    return {
        "Clear, 33 deg, March": clear,
        "Altocumulus, 33 deg, March": replace(clear, veil=Veil(0.25, 240.0)),
        "Clear, 56 deg, June": june,
    }


def example_twilights() -> Markup:
    """For three twilights the exposure that each filter needs, second by second, and the frames taken."""
    quotas = CONFIGURATIONS["ccd_lrgbsho_10"].quotas
    width, height = 900.0, 250.0
    label = "Exposure for 30,000 ADU by filter (lines), frames taken (full: good, open: rejected), looks (+)"
    panels = [_text(label, 8, 16)]
    for number, (title, spec) in enumerate(examples().items()):
        twilight = Twilight(spec)
        shots = drive(Ours(twilight, quotas), twilight, quotas)
        panels += _panel(title, twilight, shots, 46 + number * height, width, height - 60)
    return _page(width, 3 * height + 24, label, panels)


def _panel(
    title: str, twilight: Twilight, shots: Sequence[Shot], top: float, width: float, height: float
) -> list[Markup]:
    camera = twilight.camera
    shown = {name: _needed_s(twilight, name) for name in twilight.filters}
    times_s = np.concatenate([t for t, _ in shown.values()] + [np.array([s.started_s for s in shots])])
    x = Scale(float(times_s.min()) / 60, float(times_s.max()) / 60, 50.0, width - 40)
    y = Scale(0.8 * camera.min_probe_s, camera.max_exposure_s * 1.2, top + height, top, log=True)
    out = [_text(title, 50, top - 5, "bold")]
    for tick in round_ticks(x.low, x.high, 7):
        out.append(tag("line", x1=x(tick), x2=x(tick), y1=top, y2=top + height, stroke="#eeeeee"))
        sun = twilight.sun_altitude_deg(twilight.when(tick * 60))
        out.append(_text(f"{tick:g} min, {sun:.1f}°", x(tick), top + height + 16, anchor="middle"))
    for tick in log_ticks(y.low, y.high):
        out.append(tag("line", x1=50.0, x2=width - 40, y1=y(tick), y2=y(tick), stroke="#eeeeee"))
        out.append(_text(f"{tick:g} s", 44, y(tick) + 4, anchor="end"))
    for number, (name, (seconds, needed_s)) in enumerate(shown.items()):
        if seconds.size:
            points = " ".join(f"{x(t / 60):.1f},{y(s):.1f}" for t, s in zip(seconds, needed_s, strict=True))
            out.append(tag("polyline", points=points, fill="none", stroke=_COLOURS[name], opacity="0.6"))
            out.append(
                _text(
                    name, x(seconds[-1] / 60), y(needed_s[-1]) + 10 + 11 * (number % 2), colour=_COLOURS[name]
                )
            )
    return out + [_mark(shot, x, y) for shot in shots]


def _needed_s(twilight: Twilight, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Times and exposures at which the filter is within the camera's limits."""
    times_s = np.arange(0, twilight.end_s, _CURVE_STEP_S)
    needed_s = twilight.camera.target_adu / twilight.rate_adu_per_s(name, times_s)
    inside = (needed_s >= twilight.camera.min_exposure_s) & (needed_s <= twilight.camera.max_exposure_s)
    return times_s[inside], needed_s[inside]


def _mark(shot: Shot, x: Scale, y: Scale) -> Markup:
    at_x, at_y, colour = x(shot.started_s / 60), y(max(shot.exposure_s, y.low)), _COLOURS[shot.filter]
    if shot.probe:
        return _text("+", at_x, at_y + 4, anchor="middle", colour=colour)
    fill = colour if shot.saved else "white"
    return tag("circle", cx=at_x, cy=at_y, r=2.6, fill=fill, stroke=colour)


def _text(
    text: str, x: float, y: float, weight: str = "normal", anchor: str = "start", colour: str = "#222222"
) -> Markup:
    return tag("text", text, x=x, y=y, font_weight=weight, text_anchor=anchor, fill=colour)


def _page(width: float, height: float, label: str, children: Sequence[Markup]) -> Markup:
    ground = tag("rect", width=width, height=height, fill="white")
    return document(width, height, label, ground, tag("g", *children, **_FONT), class_="plot")
