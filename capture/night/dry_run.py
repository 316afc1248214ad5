"""The job that a run by hand would be, by the config and the catalogue; no device is asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from capture.config import RigConfig
from capture.night.hand_runs import HandRun, next_twilight, wants_of
from capture.night.needs import known_filters, spec_by_catalogue
from capture.rig.limits import require_takes
from capture.site import Site, Window
from capture.store.catalogue import Catalogue
from sequences.job import Want


@dataclass(frozen=True)
class DryRun:
    """`window`: of the twilight, for sky flats. `exposure_total_s`: 0 for flats."""

    rig: str
    sequence: str
    wants: tuple[Want, ...]
    needs: str
    window: Window | None = None

    @property
    def frames(self) -> int:
        return sum(want.count for want in self.wants)

    @property
    def exposure_total_s(self) -> float:
        return sum(want.count * want.spec.exposure_s for want in self.wants)


def dry_run(config: RigConfig, site: Site, catalogue: Catalogue, run: HandRun, now: datetime) -> DryRun:
    """What it would take. Raises BadInput for what the rig has not, NoWindow, StoreError."""
    config = config.on(site.night_of(now))
    known = known_filters(config, catalogue)
    every = wants_of(run, config, known, spec_by_catalogue(config, catalogue))
    wants = tuple(want for wants in every for want in wants)
    limits = catalogue.cameras.limits(config.name)
    if limits is not None:
        for want in wants:
            require_takes(want.spec, limits)
    if run.sequence == "sky_flats":
        needs = "an open roof in twilight"
        return DryRun(config.name, run.sequence, wants, needs, next_twilight(site, now, config))
    flats = run.sequence == "panel_flats"
    needs = "a shut roof, and a dark rig beside it" if flats else "a shut roof and, for darks, a cold sensor"
    return DryRun(config.name, run.sequence, wants, needs)
