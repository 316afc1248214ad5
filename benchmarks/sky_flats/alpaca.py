"""The same twilight through the whole program: simulated devices, HTTP, rig, sequence, catalogue.

What is compared with the plain calls: the true level of every frame, the counts, how exactly the levels fall.
The program needs time that plain calls do not (its mount goes to the flat spot, it asks for images), so
frames do not open at the same seconds; under a clear sky the counts are the same.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from math import exp
from pathlib import Path

from benchmarks.sky_flats.drive import Shot, drive
from benchmarks.sky_flats.ours import TOLERANCE, Ours
from benchmarks.sky_flats.scenarios import Configuration
from benchmarks.sky_flats.score import Score, score
from benchmarks.sky_flats.truth import Twilight, TwilightSpec
from capture.clock import SimulatedClock
from capture.config import Config, parse_config
from capture.frame import Kind
from capture.journal import Journal
from capture.night.farm import open_farm
from capture.site import Window
from capture.store.rows import FrameRow
from sequences.job import Job, Want
from simulators import Observatory, ObservatorySettings, serve
from simulators.settings import CameraSettings, FilterSettings, RigSettings

_CONFIG = """
[site]
name = "bench"
latitude_deg = {latitude}
longitude_deg = {longitude}
elevation_m = 0
time_zone = "UTC"
[storage]
folder = "archive"
[[rig]]
name = "T1"
camera = "{server}/0"
filter_wheel = "{server}/0"
telescope = "{server}/0"
[rig.flats]
min_exposure_s = {shortest}
max_exposure_s = {longest}
target_fraction = {fraction}
tolerance = {tolerance}
"""
_SIDE_PX = 64
_GAIN_E_PER_ADU = 1.5
# The wheel's time is left out of the comparison: plain calls and program overlap it differently.
_WHEEL_S = 0.1
# The window opens when the rig is connected and its mount looks at the flat spot.
_EARLY = timedelta(minutes=5)


@dataclass(frozen=True)
class Comparison:
    """One twilight both ways. `worst_error` is the largest relative difference of a frame's measured level.

    That is against the truth's level for the same opening and exposure, over frames that are not saturated.
    """

    pure: Score
    whole: Score
    frames: int
    worst_error: float


def compare(spec: TwilightSpec, configuration: Configuration) -> Comparison:
    """Play a twilight as plain calls and over Alpaca, with the same camera."""
    camera = replace(spec.camera, download_jitter_s=0.0, wheel_s=_WHEEL_S)
    twilight, quotas = Twilight(replace(spec, camera=camera)), configuration.quotas
    pure = score(drive(Ours(twilight, quotas), twilight, quotas), twilight, quotas)
    rows = play_whole(twilight, quotas)
    shots = [_shot(twilight, row) for row in rows]
    room_adu = twilight.camera.saturation_adu - twilight.camera.bias_adu
    errors = [
        abs((row.statistics.median_adu - twilight.camera.bias_adu) / shot.level_adu - 1)
        for row, shot in zip(rows, shots, strict=True)
        if 1000.0 < shot.level_adu < 0.98 * room_adu
    ]
    return Comparison(pure, score(shots, twilight, quotas), len(rows), max(errors, default=0.0))


def _shot(twilight: Twilight, row: FrameRow) -> Shot:
    name, exposure_s = row.spec.filter or "", row.facts.exposure_s
    started_s = (row.facts.started - twilight.epoch).total_seconds()
    level_adu = twilight.level_adu(name, started_s, exposure_s + twilight.camera.shutter_error_s)
    return Shot(name, started_s, exposure_s, level_adu, row.good, probe=False)


def play_whole(twilight: Twilight, quotas: Mapping[str, int]) -> list[FrameRow]:
    """The catalogued frames of the program's own run of this twilight, in simulated time."""
    clock = SimulatedClock(twilight.epoch - _EARLY, horizon=timedelta(hours=12))
    observatory = Observatory(clock, observatory_settings(twilight))
    observatory.world.move_roof(1.0)
    with tempfile.TemporaryDirectory() as folder, serve(observatory) as server:
        config = _config(twilight, server.address, Path(folder))
        return clock.run(lambda: _run(config, clock, twilight, quotas))


def _run(
    config: Config, clock: SimulatedClock, twilight: Twilight, quotas: Mapping[str, int]
) -> list[FrameRow]:
    window = Window(twilight.epoch, twilight.when(twilight.end_s))
    with open_farm(config, clock, Journal(clock)) as farm:
        runner = farm.runners["T1"]
        runner.rig.connect()
        wants = tuple(Want(runner.rig.spec(Kind.FLAT, filter_name=name), n) for name, n in quotas.items())
        runner.rig.patience.pause((twilight.epoch - clock.now()).total_seconds())
        bias_adu = {want.spec.setup: twilight.camera.bias_adu for want in wants}
        job = Job("sky_flats", "T1", twilight.epoch.date(), window, wants, bias_adu)
        runner.run(job)
        return farm.archive.catalogue.frames()


def _config(twilight: Twilight, server: str, folder: Path) -> Config:
    camera, spec = twilight.camera, twilight.spec
    text = _CONFIG.format(
        server=server,
        latitude=spec.latitude_deg,
        longitude=spec.longitude_deg,
        shortest=camera.min_exposure_s,
        longest=camera.max_exposure_s,
        fraction=(camera.target_adu + camera.bias_adu) / camera.saturation_adu,
        tolerance=TOLERANCE,
    )
    return parse_config(text, folder / "nightcal.toml")


def observatory_settings(twilight: Twilight) -> ObservatorySettings:
    """The simulated observatory under the twilight's sky, with the twilight's camera on an even field."""
    camera, spec = twilight.camera, twilight.spec
    simulated = CameraSettings(
        name=camera.name,
        kind="ccd" if camera.shutter_error_s else "cmos",
        width_px=_SIDE_PX,
        height_px=_SIDE_PX,
        level_adu=camera.bias_adu,
        gain_e_per_adu=_GAIN_E_PER_ADU,
        full_well_e=2 * _GAIN_E_PER_ADU * camera.saturation_adu,
        max_adu=int(camera.saturation_adu),
        hot_fraction=0.0,
        vignetting=0.0,
        prnu=0.002,
        dust_specks=0,
        readout_s=camera.download_s,
        has_shutter=camera.shutter_error_s > 0,
        shutter_error_s=camera.shutter_error_s,
        sky_v_e_per_s=exp(camera.zero_point_ln) * _GAIN_E_PER_ADU,
    )
    filters = tuple(FilterSettings(name, mag) for name, mag in spec.throughput_mag)
    rig = RigSettings(
        "T1", simulated, filters, wheel_s_per_slot=_WHEEL_S / len(filters), has_cover=False, has_panel=False
    )
    return ObservatorySettings(
        seed=spec.seed, site=spec.site, rigs=(rig,), weather=spec.weather, sky=spec.family
    )
