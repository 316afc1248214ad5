"""`nightcal health`: what the masters tell of cameras and optics over time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from capture.cli.console import console, show_json, show_table
from capture.cli.options import CONFIG, ConfigOption, JsonOption
from capture.clock import SystemClock
from capture.config import load_config
from capture.errors import BadInput
from capture.library.health.trends import Trend, alarms, told_value, trends
from capture.night.board import board_of, stale_for_too_long, stale_sentence
from capture.night.report.trend import trend_plot
from capture.store.archive import Archive
from capture.store.paths import safe_name


def health(
    rig: Annotated[str, typer.Argument(help="One rig; all when left out.")] = "",
    plots: Annotated[
        Path | None, typer.Option("--plots", help="A folder for a plot (SVG) of each quantity over time.")
    ] = None,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Show noise, gain, dark current, dust and more, each against the rig's own history.

    Exit status 1 when the newest of one has left it, or a set of frames is stale for too long.
    """
    settings = load_config(config)
    if rig:
        settings.rig_named(rig)
    clock = SystemClock()
    archive = Archive.of(settings, clock)
    try:
        found = trends(archive.catalogue.browse.valid_masters(rig or None))
        late = stale_for_too_long(settings, board_of(settings, archive), clock.now())
    finally:
        archive.close()
    if plots is not None:
        _write_plots(found, plots)
    wrong = [*alarms(found), *(stale_sentence(row) for row in late if rig in ("", row.rig))]
    if as_json:
        show_json({"trends": [_told(trend) for trend in found], "alarms": wrong})
    else:
        if not found:
            console.print("there are no masters yet, and so nothing that tells of health")
        _show(found, wrong)
    if wrong:
        raise typer.Exit(1)


def _show(found: list[Trend], wrong: list[str]) -> None:
    for rig in dict.fromkeys(trend.rig for trend in found):
        rows = [
            (
                trend.set,
                trend.quantity.words,
                f"{told_value(trend.newest.value)} {trend.quantity.unit}".strip(),
                _usual(trend),
                str(len(trend.points)),
                "look" if trend.newest.out else "",
            )
            for trend in found
            if trend.rig == rig
        ]
        show_table(rig, ("set", "of its newest master", "is", "usual", "masters", ""), rows)
    for text in wrong:
        console.print(text, markup=False, soft_wrap=True)


def _usual(trend: Trend) -> str:
    if trend.usual is None or trend.limit is None:
        return "not known yet"
    return f"{told_value(trend.usual)} +- {told_value(trend.limit)}"


def _told(trend: Trend) -> dict[str, object]:
    return {
        "rig": trend.rig,
        "set": trend.set,
        "quantity": trend.quantity.name,
        "unit": trend.quantity.unit,
        "usual": trend.usual,
        "limit": trend.limit,
        "points": [
            {"time": point.time.isoformat(), "value": point.value, "master": point.master, "out": point.out}
            for point in trend.points
        ],
    }


def _write_plots(found: list[Trend], folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for trend in found:
            name = f"{safe_name(trend.rig)}_{safe_name(trend.set)}_{trend.quantity.name}.svg"
            (folder / name).write_text(trend_plot(trend), encoding="utf-8")
    except OSError as error:
        raise BadInput(f"the plots cannot be written to {folder}: {error.strerror or error}") from error
