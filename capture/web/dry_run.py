"""The job that a run by hand would be, by the config and the catalogue; no device is asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from capture.config import RigConfig
from capture.errors import BadInput
from capture.frame import Kind
from capture.night.hand_runs import HandRun, next_twilight
from capture.night.needs import SpecOf, chosen_filters, known_filters, spec_by_catalogue
from capture.site import Window
from capture.web.desk import Desk
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


def dry_run(desk: Desk, rig: str, run: HandRun, now: datetime) -> DryRun:
    """What it would take. Raises BadInput, NoWindow, StoreError."""
    config, catalogue = desk.config.rig_named(rig), desk.archive.catalogue
    spec_of = spec_by_catalogue(config, catalogue)
    if run.sequence in ("bias", "darks"):
        kind = Kind.BIAS if run.sequence == "bias" else Kind.DARK
        usual = config.bias.count if kind is Kind.BIAS else config.darks.count
        exposures_s = (0.0,) if kind is Kind.BIAS else run.exposures_s or config.darks.exposures_s
        wants = tuple(Want(spec_of(kind, s, None), run.count or usual) for s in exposures_s)
        return DryRun(rig, run.sequence, wants, "a shut roof and, for darks, a cold sensor")
    wants = _flats(config, run, known_filters(config, catalogue), spec_of)
    if run.sequence == "panel_flats":
        return DryRun(rig, run.sequence, wants, "a shut roof, and a dark rig beside it")
    return DryRun(rig, run.sequence, wants, "an open roof in twilight", next_twilight(desk.site, now, config))


def _flats(config: RigConfig, run: HandRun, known: tuple[str, ...], spec_of: SpecOf) -> tuple[Want, ...]:
    for name in run.filters:
        if known and name not in known:
            raise BadInput(f"{config.name} has no filter {name!r}; known are {', '.join(known)}")
    names = run.filters or chosen_filters(config, known)
    panel = config.panel if run.sequence == "panel_flats" and not run.filters else None
    wants = tuple(
        Want(spec_of(Kind.FLAT, 0.0, name).set_key(), run.count or config.flats.count)
        for name in names
        if panel is None or panel.lights(name)
    )
    if not wants:
        raise BadInput(f"[rig.panel] of {config.name} names none of its filters; name some")
    return wants
