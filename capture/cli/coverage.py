"""`nightcal library` alone: the coverage board of every rig."""

from __future__ import annotations

from collections.abc import Sequence

from capture.cli.console import console, show_json, show_table
from capture.cli.keeping import show_withdrawn
from capture.clock import Clock
from capture.config import Config
from capture.library.coverage import Coverage, Freshness
from capture.night.board import board_of, stale_for_too_long, told
from capture.store.archive import Archive


def show_board(settings: Config, clock: Clock, *, as_json: bool, stale: bool = False) -> bool:
    """Print the board, or what of it is `stale` for too long; return whether all is well. Asks no device."""
    archive = Archive.of(settings, clock)
    try:
        rows = board_of(settings, archive)
        if stale:
            rows = stale_for_too_long(settings, rows, clock.now())
        _show(rows, as_json=as_json, stale=stale)
        if not as_json and not stale:
            show_withdrawn(archive)
    finally:
        archive.close()
    return all(row.freshness in (Freshness.FRESH, Freshness.BEYOND) for row in rows)


def _show(rows: Sequence[Coverage], *, as_json: bool, stale: bool) -> None:
    if as_json:
        show_json([told(row) for row in rows])
    elif not rows:
        console.print("nothing is stale" if stale else "nothing is held and nothing is needed yet")
    else:
        columns = (
            "rig",
            "set",
            "filter",
            "bin",
            "gain",
            "degC",
            "have",
            "need",
            "age",
            "state",
            "next",
            "master",
        )
        show_table("", columns, [_cells(row) for row in rows], text_columns=(0, 1, 2, 9, 10, 11))


def _cells(row: Coverage) -> tuple[str, ...]:
    spec = row.spec
    attempt = f"{row.next_attempt.night:%a %m-%d}, {row.next_attempt.block}" if row.next_attempt else ""
    return (
        row.rig,
        f"{spec.kind.value} {spec.exposure_s:g} s" if spec.exposure_s else spec.kind.value,
        spec.filter or "",
        str(spec.binning),
        "" if spec.gain is None else str(spec.gain),
        "" if spec.set_temperature_c is None else f"{spec.set_temperature_c:g}",
        str(row.have),
        str(row.need) if row.need else "",
        "" if row.age_days is None else f"{row.age_days:.1f} d",
        row.freshness.value,
        attempt,
        row.master.rpartition("/")[2] if row.master else "none yet",
    )
