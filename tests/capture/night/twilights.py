"""A catalogue with flats of a sky that is known, for the tests of what is learned from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from math import exp

from capture.frame import Frame, FrameSpec, Kind, Statistics
from capture.site import Site, Twilight
from capture.store.catalogue import Catalogue
from sequences.sky_model import shape
from tests.capture.store.frames import NIGHT, make_frame

BIAS_ADU = 500.0
FULL_ADU = 60000.0
CADENCE_S = 9.0
# ln ADU/s at the zero of `shape`: as a mid-sized CCD sees the sky.
LEVELS = {"L": 13.9, "R": 12.7, "Ha": 9.6}


def flat_spec(name: str) -> FrameSpec:
    return FrameSpec(Kind.FLAT, filter=name)


def _keep(catalogue: Catalogue, frame: Frame, night: date, run: int) -> None:
    number = len(catalogue.paths())
    catalogue.add_frame(frame, run=run, night=night, path=f"{number}", sha256="0" * 64)


def add_bias(catalogue: Catalogue, night: date, level_adu: float = BIAS_ADU, **spec: object) -> None:
    """One bias frame of that night."""
    frame = make_frame(replace(FrameSpec(Kind.BIAS), **spec))  # type: ignore[arg-type]
    started = frame.facts.started + (night - NIGHT)
    statistics = Statistics(level_adu, level_adu, 5.0, level_adu + 20, 0.0)
    run = catalogue.open_run("T1", "bias", night, started)
    facts = replace(frame.facts, started=started)
    _keep(catalogue, replace(frame, facts=facts, statistics=statistics), night, run)


def add_twilight(
    catalogue: Catalogue,
    site: Site,
    night: date,
    counts: Mapping[str, int],
    *,
    levels: Mapping[str, float] = LEVELS,
    camera: str = "Camera of T1",
    aim_adu: float = 20000.0,
    reasons: tuple[str, ...] = (),
) -> None:
    """Flats of a dusk, filter after filter at a fixed cadence, each exposed for `aim_adu` or up to 60 s."""
    when = site.twilight(night, Twilight.DUSK, -4.0, -10.0).start
    run = catalogue.open_run("T1", "sky_flats", night, when)
    for name, count in counts.items():
        for _ in range(count):
            exposure_s = min(
                60.0, max(0.05, aim_adu / exp(levels[name] + float(shape(site.sun_altitude_deg(when)))))
            )
            sun_deg = site.sun_altitude_deg(when + timedelta(seconds=exposure_s / 2))
            level_adu = min(FULL_ADU, BIAS_ADU + exposure_s * exp(levels[name] + float(shape(sun_deg))))
            frame = make_frame(replace(flat_spec(name), exposure_s=exposure_s))
            facts = replace(
                frame.facts, started=when, sun_altitude_deg=sun_deg, camera=camera, saturation_adu=FULL_ADU
            )
            full = float(level_adu >= FULL_ADU)
            statistics = Statistics(level_adu, level_adu, 5.0, level_adu + 20, full)
            _keep(catalogue, replace(frame, facts=facts, statistics=statistics).judged(*reasons), night, run)
            when += timedelta(seconds=exposure_s + CADENCE_S)
