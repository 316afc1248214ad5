"""Light frames: what an observer's program would have taken at a rig, and whether a calibrated one is true.

A light is of the zenith, followed without trails, through an open roof. Its header is MaxIm's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulators.observatory import Observatory
from simulators.sensor import Electronics, Exposed, Region
from simulators.sky import REFERENCE_MAG
from simulators.stars import Field, Map, star_map
from simulators.truth import COMBINE, SKY, Array, Figure, MasterCheck
from simulators.truth import blocks as means_of_blocks
from simulators.world import Rig

# Lights have numbers of their own, far from those of the frames that the camera took.
_FIRST_NUMBER = 1_000_000
_SIGMAS = 5.0


@dataclass(frozen=True)
class Shot:
    """What a light is asked to be. `gain` and `offset` as the camera's Alpaca values."""

    rig: str
    filter_name: str
    exposure_s: float
    start: datetime
    temperature_c: float
    gain: int | None = None
    offset: int | None = None
    readout_mode: str | None = None
    observer: str = "demo"


def drop_light(observatory: Observatory, shot: Shot, path: Path) -> None:
    """Write a light as another program leaves it. Raises KeyError for a rig that is not there."""
    from astropy.io import fits  # noqa: PLC0415 - as in truth.py

    rig = _rig(observatory, shot.rig)
    camera = rig.settings.camera
    region = Region(0, 0, camera.width_px, camera.height_px)
    pixels = rig.sensor.render(
        _exposed(observatory, rig, shot), region, _electronics(rig, shot), _number(shot)
    )
    header = fits.Header()
    cards: dict[str, Any] = {
        "IMAGETYP": "Light Frame",
        "DATE-OBS": shot.start.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000"),
        "EXPTIME": shot.exposure_s,
        "EXPOSURE": shot.exposure_s,
        "SET-TEMP": shot.temperature_c,
        "CCD-TEMP": shot.temperature_c,
        "XBINNING": 1,
        "YBINNING": 1,
        "XORGSUBF": 0,
        "YORGSUBF": 0,
        "GAIN": shot.gain,
        "OFFSET": shot.offset,
        "READOUTM": shot.readout_mode,
        "FILTER": shot.filter_name,
        "INSTRUME": camera.name,
        "TELESCOP": f"{rig.settings.aperture_m:g} m",
        "OBSERVER": shot.observer,
        "OBJECT": "Zenith",
        "SWCREATE": "MaxIm DL Version 6.20 (simulated)",
    }
    for keyword, value in cards.items():
        if value is not None:
            header[keyword] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.PrimaryHDU(pixels, header).writeto(path, overwrite=True)


def check_light(observatory: Observatory, shot: Shot, path: Path) -> MasterCheck:
    """Compare the calibrated light in the FITS file `path` with the sky that `shot` saw."""
    from astropy.io import fits  # noqa: PLC0415 - as in truth.py

    with fits.open(path, memmap=False) as hdus:
        data = np.asarray(hdus[0].data, dtype=np.float64)
        mask = np.asarray(hdus["MASK"].data)
    rig = _rig(observatory, shot.rig)
    electronics, sensor, camera = _electronics(rig, shot), rig.sensor, rig.settings.camera
    gain = sensor.gain_e_per_adu(electronics.gain)
    exposed = _exposed(observatory, rig, shot)
    light_e = _on_the_sensor(exposed, data.shape)
    illumination = sensor.illumination(shot.filter_name).astype(np.float64)
    dark_e = sensor.dark_e_per_s(shot.temperature_c).astype(np.float64) * shot.exposure_s
    height, width = data.shape
    centre = illumination[height // 4 : height - height // 4, width // 4 : width - width // 4].mean()
    expected = light_e / gain * centre
    variance = (light_e * illumination + dark_e) / gain**2 + sensor.read_noise_adu(electronics) ** 2
    sigma = np.sqrt(variance) * centre / illumination
    full = np.minimum(camera.full_well_e / gain, camera.max_adu - camera.level_adu - 300)
    use = (mask == 0) & ((light_e * illumination + dark_e) / gain < 0.9 * full)
    z = np.where(use, (data - expected) / sigma, 0.0)
    relative = np.where(use, data / expected - 1, 0.0)
    means, counts = means_of_blocks(relative, use.astype(np.float64))
    typical = float(np.median(sigma / expected))
    block_sigma = COMBINE * typical / np.sqrt(max(float(np.median(counts)), 1.0))
    saturated = (light_e * illumination + dark_e) / gain > 1.1 * full
    sky, true_sky = float(np.median(data[use])), float(np.median(expected[use]))
    scatter = float(1.4826 * np.median(np.abs(z[use] - np.median(z[use]))))
    figures = [
        Figure("level", sky, true_sky, 0.01 * true_sky + _SIGMAS * block_sigma * true_sky, "ADU"),
        Figure(
            "worst block", 100 * float(np.abs(means).max()), 0.0, 100 * (SKY + _SIGMAS * block_sigma), "%"
        ),
        Figure("pixel noise over expected", scatter, 1.0, COMBINE - 1, ""),
        Figure("pixels beyond 5 sigma", float((np.abs(z) > _SIGMAS * COMBINE).mean()), 0.0, 0.001, ""),
        Figure("pixels marked", float((mask != 0).mean()), 0.0, 0.01, ""),
    ]
    if saturated.any():
        figures.append(Figure("saturated pixels marked", float((mask[saturated] != 0).mean()), 1.0, 0.0, ""))
    return MasterCheck(f"{shot.rig} Light {shot.filter_name} {shot.exposure_s:g} s", tuple(figures))


def _rig(observatory: Observatory, name: str) -> Rig:
    return {rig.settings.name: rig for rig in observatory.world.rigs}[name]


def _number(shot: Shot) -> int:
    return _FIRST_NUMBER + round(shot.start.timestamp()) % _FIRST_NUMBER


def _electronics(rig: Rig, shot: Shot) -> Electronics:
    settings = rig.settings.camera
    modes = {mode.name: mode.noise_factor for mode in settings.readout_modes}
    offset = settings.default_offset if shot.offset is None else shot.offset
    return Electronics(shot.gain or 0, offset, modes.get(shot.readout_mode or "", 1.0))


def _exposed(observatory: Observatory, rig: Rig, shot: Shot) -> Exposed:
    """What reaches the sensor: the zenith's sky and its stars."""
    world, camera = observatory.world, rig.settings.camera
    (filter_,) = (one for one in rig.settings.filters if one.name == shot.filter_name)
    start = shot.start.timestamp()
    t = start + np.array([0.0, shot.exposure_s / 2, shot.exposure_s])
    latitude = np.full(3, world.settings.site.latitude_deg)
    light = world.sky.light(t, np.zeros(3), latitude, filter_)
    fast = camera.sky_v_e_per_s
    sky_e = float(light.rate.mean()) * fast * shot.exposure_s
    per_px = camera.scale_arcsec / 3600
    clear = float(world.weather.star_transmission(t).mean()) * 10 ** (-0.4 * filter_.throughput_mag)
    ra_dec = (float(world.sky.sidereal_deg(t)[0]), world.settings.site.latitude_deg)
    field = Field(
        camera.width_px,
        camera.height_px,
        3600 / camera.scale_arcsec,
        rig.settings.fwhm_arcsec / camera.scale_arcsec / 2.355,
        ra_dec,
        ra_dec,
    )
    per_mag0 = fast * shot.exposure_s * clear / camera.scale_arcsec**2 * 10 ** (0.4 * REFERENCE_MAG)
    faintest = 0.5 * float(np.sqrt(sky_e + camera.read_noise_e**2))
    stars: Map | None = star_map(world.settings.seed, field, per_mag0, faintest)
    return Exposed(
        shot.exposure_s,
        shot.temperature_c,
        shot.filter_name,
        sky_e,
        float(light.slope_x.mean()) * per_px,
        float(light.slope_y.mean()) * per_px,
        stars_e=stars,
    )


def _on_the_sensor(exposed: Exposed, shape: tuple[int, ...]) -> Array:
    """The electrons that a sensor of even response would have collected, without dark current."""
    rows, columns = shape
    x: NDArray[np.floating[Any]] = np.arange(columns) - (columns - 1) / 2
    y = (np.arange(rows) - (rows - 1) / 2)[:, None]
    plane = exposed.sky_e * (1 + exposed.slope_x * x[None, :] + exposed.slope_y * y)
    return np.asarray(plane if exposed.stars_e is None else plane + exposed.stars_e)


def clear_hour(observatory: Observatory, night_start: datetime, exposure_s: float) -> datetime:
    """The first hour after `night_start` whose sky is dark and clear for a whole exposure."""
    world = observatory.world
    for number in range(24):
        start = night_start + timedelta(hours=number)
        t = start.timestamp() + np.array([0.0, exposure_s])
        if world.sky.sun_altitude_deg(t).max() < -18 and world.weather.opacity_mag(t).max() < 0.01:
            return start
    raise ValueError("that night is nowhere dark and clear")
