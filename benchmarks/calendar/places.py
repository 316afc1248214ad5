"""Six places from the equator to 78 deg, and a small observatory with small needs for each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from capture.config import Config, parse_config
from simulators import Observatory, ObservatorySettings
from simulators.settings import CameraSettings, FilterSettings, RigSettings, SiteSettings, WeatherSettings

# Narrow, so that a wrong time is seen: the filter could be taken with a higher Sun and with a lower one.
HIGHEST_SUN_DEG, LOWEST_SUN_DEG = -1.0, -5.0


@dataclass(frozen=True)
class Place:
    """Where, and by which clock people live there."""

    name: str
    latitude_deg: float
    longitude_deg: float
    time_zone: str


# Zones on both sides of the date line, against the Sun's own day too; summer time of an hour and of half one.
PLACES = (
    Place("Kiritimati", 1.9, -157.4, "Pacific/Kiritimati"),
    Place("Lord Howe", -31.5, 159.1, "Australia/Lord_Howe"),
    Place("New Mexico", 32.9, -105.5, "America/Denver"),
    Place("Chatham", -44.0, -176.5, "Pacific/Chatham"),
    Place("Brandenburg", 52.4, 13.0, "Europe/Berlin"),
    Place("Svalbard", 78.2, 15.6, "Arctic/Longyearbyen"),
)

_CONFIG = """
[site]
name = "{place.name}"
latitude_deg = {place.latitude_deg}
longitude_deg = {longitude_deg}
elevation_m = 0
time_zone = "{place.time_zone}"
[storage]
folder = "archive"
[[rig]]
name = "T1"
camera = "{server}/0"
filter_wheel = "{server}/0"
telescope = "{server}/0"
bias = {{ count = 3, max_age_days = 2.5 }}
darks = {{ count = 3, max_age_days = 3.5, exposures_s = [60] }}
[rig.flats]
filters = ["Ha"]
count = 4
max_age_days = 0.4
min_exposure_s = 0.5
highest_sun_deg = {high}
lowest_sun_deg = {low}
[masters]
min_frames = 3
"""


def config_of(place: Place, server: str, folder: Path, *, east_deg: float = 0.0) -> Config:
    """A config without a roof whose every flat is due again each night; `east_deg` puts it elsewhere."""
    text = _CONFIG.format(
        place=place,
        server=server,
        longitude_deg=place.longitude_deg + east_deg,
        high=HIGHEST_SUN_DEG,
        low=LOWEST_SUN_DEG,
    )
    return parse_config(text, folder / "nightcal.toml")


def settings_of(place: Place, seed: int) -> ObservatorySettings:
    """A CCD of 64 x 64 pixels with a shutter and two filters, under a clear sky."""
    camera = CameraSettings(
        name="small CCD",
        kind="ccd",
        width_px=64,
        height_px=64,
        level_adu=1000.0,
        gain_e_per_adu=1.5,
        full_well_e=100_000.0,
        has_shutter=True,
        shutter_error_s=0.02,
        exposure_min_s=0.0,
        readout_s=15.0,
        sky_v_e_per_s=1400.0,
    )
    rig = RigSettings(
        name="T1",
        camera=camera,
        filters=(FilterSettings("V", 0.0), FilterSettings("Ha", 3.4)),
        has_cover=False,
        has_panel=False,
    )
    site = SiteSettings(place.latitude_deg, place.longitude_deg, 0.0)
    return ObservatorySettings(seed=seed, site=site, rigs=(rig,), weather=WeatherSettings())


def open_roof(observatory: Observatory) -> None:
    """What has no roof stands under the sky."""
    observatory.world.roof.opening.send(0.0, 1.0)
