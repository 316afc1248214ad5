"""The world: one sky, one weather, one roof, and the rigs under it; what reaches a sensor in an exposure.

All that happens is a function of the handed clock and of the commands so far. Times are Unix seconds.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np

from capture.clock import Clock
from simulators.mechanics import Array, Course, Mount, Wheel
from simulators.sensor import Exposed, Sensor
from simulators.settings import FilterSettings, ObservatorySettings, RigSettings, RoofSettings
from simulators.sky import REFERENCE_MAG, Sky, clear_twilight
from simulators.stars import Field, Map, star_map
from simulators.weather import Weather

# So many that a veil that flickers within a minute is integrated to a tenth of a percent.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(32)
# A dark telescope tube under a closed roof still passes this part of the stray light with its cover on.
_COVER_LEAK = 0.1
# Inside a dome whose slit looks elsewhere it is not quite dark.
_DOME_GLOW = 0.01


class Roof:
    """The roof or dome: its opening 0 to 1 and, when it rotates, the slit's azimuth."""

    def __init__(self, settings: RoofSettings) -> None:
        self.settings = settings
        self.opening = Course(0.0, 1 / settings.open_s)
        self.azimuth = Course(0.0, settings.dome_deg_per_s)

    def passes(self, t: Array, altitude_deg: Array, azimuth_deg: Array) -> Array:
        """Return the part of the sky's light that a telescope sees in a direction, 0 to 1."""
        opening = self.opening.at(t)
        if self.settings.kind == "roll_off":
            return opening
        off = np.abs((azimuth_deg - self.azimuth.at(t) + 180) % 360 - 180) * np.cos(np.radians(altitude_deg))
        clear = np.clip((self.settings.slit_deg / 2 - off) / 2 + 0.5, 0, 1)
        return np.asarray(opening * np.maximum(clear, _DOME_GLOW))


class Rig:
    """One telescope's moving parts and its sensor."""

    def __init__(self, number: int, settings: RigSettings, world: ObservatorySettings) -> None:
        self.number = number
        self.settings = settings
        self.mount = Mount(
            world.site.latitude_deg,
            world.site.longitude_deg,
            (settings.park_altitude_deg, settings.park_azimuth_deg),
            settings.slew_deg_per_s,
        )
        self.wheel = Wheel(len(settings.filters), settings.wheel_s_per_slot)
        # 0 is closed, 1 open; a rig without a cover is always open.
        self.cover = Course(0.0 if settings.has_cover else 1.0, 1 / settings.cover_s)
        self.panel = Course(0.0, settings.panel_max / 2.0)
        self.focus = Course(float(settings.focus_at), settings.focus_steps_per_s)
        self.rotation = Course(0.0, settings.rotator_deg_per_s)
        self.sensor = Sensor(settings.camera, world.seed, number)

    def filter_at(self, t: float) -> FilterSettings:
        """Return the filter that is in the light."""
        return self.settings.filters[self.wheel.in_the_light(t)]


@dataclass(frozen=True)
class Collision:
    """The roof moved onto a telescope that was not parked."""

    time: float
    rig: str


class World:
    """The one world that all simulated devices render; `lock` guards it against the server's threads."""

    def __init__(self, clock: Clock, settings: ObservatorySettings) -> None:
        self.clock = clock
        self.settings = settings
        self.lock = threading.RLock()
        self.weather = Weather(settings.seed, settings.site, settings.weather)
        self.sky = Sky(settings.seed, settings.site, self.weather, settings.sky)
        self.roof = Roof(settings.roof)
        self.rigs = tuple(Rig(n, rig, settings) for n, rig in enumerate(settings.rigs))
        self.collisions: list[Collision] = []

    def now_s(self) -> float:
        """Return the time as Unix seconds."""
        return self.clock.now().timestamp()

    def sun_altitude_deg(self) -> float:
        """Return the Sun's altitude now."""
        return float(self.sky.sun_altitude_deg(self.now_s()))

    def move_roof(self, opening: float) -> str:
        """Send the roof to an opening from 0 to 1; return what it hit, or nothing."""
        now = self.now_s()
        hit = []
        if not self.settings.roof.clears_mounts and self.roof.opening.value(now) != opening:
            hit = [rig.settings.name for rig in self.rigs if not rig.mount.parked(now)]
        self.roof.opening.send(now, opening)
        self.collisions += [Collision(now, name) for name in hit]
        return f"the roof moved onto {', '.join(hit)}: not parked" if hit else ""

    def expose(
        self, rig: Rig, start: float, duration_s: float, temperature_c: float, shutter: bool
    ) -> Exposed:
        """Return what the sensor collects from `start` on: the changing sky, integrated over the exposure.

        A camera without a shutter sees the light whether it was asked to or not.
        """
        camera = rig.settings.camera
        filter_ = rig.filter_at(start)
        dark = Exposed(duration_s, temperature_c, filter_.name)
        open_s = duration_s + camera.shutter_error_s if camera.has_shutter else duration_s
        if (camera.has_shutter and not shutter) or open_s <= 0:
            return dark
        t = start + open_s * (1 + _NODES) / 2
        weights = _WEIGHTS * open_s / 2
        ha, dec = rig.mount.ha_dec(t)
        altitude, azimuth = rig.mount.alt_az(t)
        uncovered = rig.cover.at(t)
        seen = self.roof.passes(t, altitude, azimuth) * uncovered * (altitude > 0)
        fast = camera.sky_v_e_per_s
        through = 10 ** (-0.4 * filter_.throughput_mag)
        sun_altitude = self.sky.sun_altitude_deg(t)
        stray = clear_twilight(sun_altitude) * self.settings.roof.leak * fast * through
        leak_e = float(weights @ (stray * (_COVER_LEAK + (1 - _COVER_LEAK) * uncovered)))
        panel = rig.panel.at(t) / rig.settings.panel_max * (1 - uncovered)
        panel_e = float(weights @ panel) * rig.settings.panel_e_per_s * through
        if not seen.any():
            return Exposed(duration_s, temperature_c, filter_.name, panel_e=panel_e, leak_e=leak_e)
        light = self.sky.light(t, ha, dec, filter_)
        share = weights * light.rate * seen * fast
        sky_e = float(share.sum())
        per_px = camera.scale_arcsec / 3600
        stars = self._stars(rig, start, open_s, sky_e, float(weights @ seen) * fast * through)
        slopes = (
            float(share @ slope) / max(sky_e, 1e-30) * per_px for slope in (light.slope_x, light.slope_y)
        )
        slope_x, slope_y = slopes
        return Exposed(
            duration_s, temperature_c, filter_.name, sky_e, slope_x, slope_y, panel_e, leak_e, stars
        )  # fmt: skip

    def _stars(self, rig: Rig, start: float, open_s: float, sky_e: float, reference_e: float) -> Map | None:
        """Return the stars' electrons; `reference_e` is what the reference sky would have given per pixel."""
        camera = rig.settings.camera
        ends = np.array([start, start + open_s])
        ha, dec = rig.mount.ha_dec(ends)
        ra = self.sky.sidereal_deg(ends) - ha
        field = Field(
            camera.width_px,
            camera.height_px,
            3600 / camera.scale_arcsec,
            rig.settings.fwhm_arcsec / camera.scale_arcsec / 2.355,
            (float(ra[0]), float(dec[0])),
            (float(ra[1]), float(dec[1])),
        )
        clear = float(np.mean(self.weather.star_transmission(ends)))
        per_mag0 = reference_e * clear / camera.scale_arcsec**2 * 10 ** (0.4 * REFERENCE_MAG)
        faintest = 0.5 * float(np.sqrt(sky_e + camera.read_noise_e**2))
        return star_map(self.settings.seed, field, per_mag0, faintest)
