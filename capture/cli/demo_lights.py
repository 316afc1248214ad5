"""The demonstration's lights: one of each telescope, as observers leave them, calibrated and judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from capture.config import Config
from capture.errors import NightcalError
from capture.frame import Kind
from capture.library.calibrate import calibrate, calibrated_name
from capture.library.light import read_light
from capture.library.masters_for import masters_for, rig_of
from capture.store.archive import Archive
from capture.store.rows import MasterRow
from simulators import MasterCheck, Observatory, Shot, check_light, clear_hour, drop_light

LIGHTS = "lights"
OWNER = "demo"


@dataclass(frozen=True)
class JudgedLight:
    """One light: its calibrated file and the verdict on it, or why it stayed raw."""

    name: str
    masters: int = 0
    check: MasterCheck | None = None
    failure: str = ""

    @property
    def ok(self) -> bool:
        return self.check is not None and self.check.ok


def judge_lights(
    archive: Archive, observatory: Observatory, config: Config, night: date, masters: Sequence[MasterRow]
) -> list[JudgedLight]:
    """Drop a light for each rig that has a dark and a flat, calibrate it, and compare it with the truth."""
    span = archive.site.night_span(night)
    judged = []
    for rig in config.rig:
        mine = [row for row in masters if row.rig == rig.name]
        darks = [row for row in mine if row.spec.kind is Kind.DARK]
        flats = [row for row in mine if row.spec.kind is Kind.FLAT and row.spec.filter]
        if not (darks and flats):
            continue
        dark, flat = min(darks, key=lambda row: row.spec.exposure_s), _brightest(observatory, rig.name, flats)
        shot = Shot(
            rig=rig.name,
            filter_name=str(flat.spec.filter),
            exposure_s=dark.spec.exposure_s,
            start=clear_hour(observatory, span.start, dark.spec.exposure_s),
            temperature_c=dark.spec.set_temperature_c or 0.0,
            gain=dark.spec.gain,
            offset=dark.spec.offset,
            readout_mode=dark.spec.readout_mode,
            observer=OWNER,
        )
        folder = archive.root / LIGHTS / OWNER / night.isoformat() / rig.name
        judged.append(_judged(archive, observatory, config, shot, folder / f"zenith_{shot.filter_name}.fits"))
    return judged


def _judged(archive: Archive, observatory: Observatory, config: Config, shot: Shot, raw: Path) -> JudgedLight:
    drop_light(observatory, shot, raw)
    out = calibrated_name(raw)
    try:
        light = read_light(raw)
        rig = rig_of(archive.catalogue, config, light)
        found = masters_for(archive.catalogue, light, rig, config.calibration)
        calibrate(light, found, archive.root, out, config.calibration, archive.clock.now())
    except NightcalError as error:
        return JudgedLight(f"{shot.rig} {raw.name}", failure=str(error))
    return JudgedLight(f"{shot.rig} {out.name}", len(found.masters), check_light(observatory, shot, out))


def _brightest(observatory: Observatory, rig: str, flats: Sequence[MasterRow]) -> MasterRow:
    """The flat of the filter that lets most light through: there the sky shows best."""
    (settings,) = (one for one in observatory.settings.rigs if one.name == rig)
    dimming = {one.name: one.throughput_mag for one in settings.filters}
    return min(flats, key=lambda row: dimming.get(str(row.spec.filter), 99.0))
