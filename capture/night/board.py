"""The coverage board of a config's rigs: what is held and needed, and when more is taken next."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from capture.config import Config
from capture.frame import FrameSpec
from capture.journal import Journal
from capture.library.coverage import Attempt, Coverage, coverage, overdue
from capture.night.needs import known_filters, spec_by_catalogue
from capture.night.outlook import coming_nights, ground_of
from capture.store.archive import Archive
from capture.store.needs import Holding

_AHEAD = 7
_ALARMS_LOOKED_AT = 1000


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
    return coverage(catalogue.board(), needs, catalogue.newest_masters(), attempts, now)


def tell_stale(settings: Config, archive: Archive, journal: Journal) -> list[Coverage]:
    """Give an alarm for each set that is stale for too long, once while it is; return those sets.

    Raises StoreError, BadInput.
    """
    late = stale_for_too_long(settings, board_of(settings, archive), archive.clock.now())
    for row in late:
        key = f"{row.rig} {row.spec} {row.stale_since}"
        said = archive.catalogue.browse.entries(_ALARMS_LOOKED_AT, ("alarm",), row.rig)
        if not any(entry.data.get("stale") == key for entry in said):
            journal.say(row.rig, "alarm", stale_sentence(row), stale=key)
    return late


def stale_for_too_long(settings: Config, board: Iterable[Coverage], now: datetime) -> list[Coverage]:
    """The sets of the board that are an alarm by the config."""
    return overdue(board, timedelta(days=settings.masters.stale_alarm_days), now)


def stale_sentence(row: Coverage) -> str:
    """The alarm of a stale set, in words."""
    ahead = (
        f"more is taken in the night of {row.next_attempt.night}"
        if row.next_attempt
        else f"nothing is planned within {_AHEAD} days"
    )
    return (
        f"{row.rig}: {row.spec} is stale since {row.stale_since:%Y-%m-%d}: {row.have} of {row.need} frames "
        f"are young enough; {ahead}"
    )


def told(row: Coverage) -> dict[str, Any]:
    """A row as JSON can tell it."""
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
