"""`nightcal library` alone: the coverage board of every rig."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from capture.cli.console import console, show_json, show_table
from capture.clock import Clock
from capture.config import Config
from capture.frame import FrameSpec
from capture.library.coverage import Attempt, Coverage, Freshness, coverage
from capture.night.needs import known_filters, spec_by_catalogue
from capture.night.outlook import coming_nights, ground_of
from capture.store.archive import Archive
from capture.store.needs import Holding

_AHEAD = 7


def show_board(settings: Config, clock: Clock, *, as_json: bool) -> bool:
    """Print the board; return whether every need is met. Asks no device."""
    archive = Archive.of(settings, clock)
    try:
        rows = board_of(settings, archive)
    finally:
        archive.close()
    if as_json:
        show_json([_data(row) for row in rows])
    elif not rows:
        console.print("nothing is held and nothing is needed yet")
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
    return all(row.freshness in (Freshness.FRESH, Freshness.BEYOND) for row in rows)


def board_of(settings: Config, archive: Archive) -> list[Coverage]:
    """The board of all rigs, with the next attempt at each set within a week."""
    now, site, catalogue = archive.clock.now(), archive.site, archive.catalogue
    first = site.night_of(now)
    nights = [first + timedelta(days=number) for number in range(_AHEAD)]
    needs: list[Holding] = []
    attempts: dict[tuple[str, FrameSpec], Attempt] = {}
    for config in settings.rig:
        rig = config.on(first)
        spec_of = spec_by_catalogue(rig, catalogue)
        ground = ground_of(catalogue, site, rig, known_filters(rig, catalogue), spec_of, nights, now)
        needs += ground.holdings
        for coming in coming_nights(ground, nights, now):
            for block in coming.plan.blocks:
                for want in block.wants:
                    attempts.setdefault(
                        (rig.name, want.spec.set_key()), Attempt(coming.plan.night, block.key)
                    )
    return coverage(catalogue.board(), needs, catalogue.masters(valid=True), attempts, now)


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


def _data(row: Coverage) -> dict[str, Any]:
    spec = row.spec
    return {
        "rig": row.rig,
        "kind": spec.kind.value,
        "filter": spec.filter,
        "exposure_s": spec.exposure_s,
        "binning": spec.binning,
        "gain": spec.gain,
        "offset": spec.offset,
        "readout_mode": spec.readout_mode,
        "set_temperature_c": spec.set_temperature_c,
        "rotator_deg": spec.rotator_deg,
        "have": row.have,
        "need": row.need,
        "state": row.freshness.value,
        "newest": row.newest.isoformat() if row.newest else None,
        "age_days": row.age_days,
        "stale_since": row.stale_since.isoformat() if row.stale_since else None,
        "master": row.master,
        "next_attempt": (
            {"night": str(row.next_attempt.night), "block": row.next_attempt.block}
            if row.next_attempt
            else None
        ),
    }
